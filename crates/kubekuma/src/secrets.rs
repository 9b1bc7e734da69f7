//! Secrets for people without a cluster: `kind: Secret` documents of the folder, files under
//! `--secrets-dir` (`<dir>/[<namespace>/]<name>/<key>`), and the environment
//! (`KUBEKUMA_SECRET_<NAME>_<KEY>`, upper case, other characters as `_`).

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kuma_core::id::ObjectName;
use kuma_core::object::{Body, FolderSecret, Object};
pub use kuma_core::secret::Rules;
use kuma_core::secret::{ExposeSecret, SecretError, SecretRef, SecretSource, SecretString};
use kuma_core::source::Snapshot;

/// Prefix of environment variables.
pub const ENVIRONMENT_PREFIX: &str = "KUBEKUMA_SECRET_";
/// Largest secret read from a file, in bytes.
const MAX_SECRET_BYTES: u64 = 1 << 20;

/// Secrets that follow what objects need.
pub trait Secrets: SecretSource {
    /// Hears what is in force before the catalog of it is built.
    fn sync<'a>(&'a self, rules: Rules, snapshot: &'a Snapshot) -> BoxFuture<'a, ()>;
}

#[derive(Default)]
struct Inner {
    rules: Rules,
    folder: BTreeMap<ObjectName, Arc<FolderSecret>>,
}

/// Secrets in memory and files.
pub struct LocalSecrets {
    inner: RwLock<Inner>,
    dir: Option<PathBuf>,
    environment: HashMap<String, String>,
}

impl LocalSecrets {
    /// `environment` holds the variables that start with [`ENVIRONMENT_PREFIX`].
    pub fn new(dir: Option<PathBuf>, environment: HashMap<String, String>) -> Self {
        Self { inner: RwLock::default(), dir, environment }
    }

    /// Takes over the Secret documents of a snapshot.
    pub fn take_over<'a>(&self, rules: Rules, objects: impl Iterator<Item = &'a Object>) {
        let folder = objects
            .filter_map(|object| match &object.body {
                Body::Secret(secret) => Some((secret.name.clone(), secret.clone())),
                _ => None,
            })
            .collect();
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        *inner = Inner { rules, folder };
    }

    fn in_folder(
        &self,
        namespace: &str,
        at: &SecretRef,
    ) -> Result<Option<SecretString>, SecretError> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let name = ObjectName::new(namespace, at.name.as_str());
        let Some(secret) = inner.folder.get(&name) else { return Ok(None) };
        if !inner.rules.permit(namespace, &secret.labels) {
            return Err(SecretError::NotAllowed {
                namespace: namespace.into(),
                name: at.name.clone(),
            });
        }
        let Some(value) = secret.data.get(&at.key) else { return Ok(None) };
        match std::str::from_utf8(value.expose_secret()) {
            Ok(text) => Ok(Some(text.to_owned().into())),
            Err(_) => Err(SecretError::NotText {
                namespace: namespace.into(),
                name: at.name.clone(),
                key: at.key.clone(),
            }),
        }
    }

    fn in_files(&self, namespace: &str, at: &SecretRef) -> Option<SecretString> {
        let dir = self.dir.as_ref()?;
        // Names come from objects; one with a separator or dots would leave the folder.
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('/');
        if !plain(namespace) || !plain(&at.name) || !plain(&at.key) {
            return None;
        }
        [dir.join(namespace).join(&at.name).join(&at.key), dir.join(&at.name).join(&at.key)]
            .into_iter()
            .find_map(|path| {
                let small = std::fs::metadata(&path).ok()?.len() <= MAX_SECRET_BYTES;
                let text = small.then(|| std::fs::read_to_string(&path).ok()).flatten()?;
                // A file made with an editor ends with a line feed that nobody means.
                Some(text.strip_suffix('\n').unwrap_or(&text).to_owned().into())
            })
    }

    fn in_environment(&self, at: &SecretRef) -> Option<SecretString> {
        let variable = format!("{ENVIRONMENT_PREFIX}{}_{}", shout(&at.name), shout(&at.key));
        self.environment.get(&variable).map(|value| value.clone().into())
    }
}

/// The variables of this process that hold secrets.
pub fn environment() -> HashMap<String, String> {
    std::env::vars().filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)).collect()
}

fn shout(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

impl Secrets for LocalSecrets {
    fn sync<'a>(&'a self, rules: Rules, snapshot: &'a Snapshot) -> BoxFuture<'a, ()> {
        self.take_over(rules, snapshot.objects.values());
        std::future::ready(()).boxed()
    }
}

impl SecretSource for LocalSecrets {
    fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError> {
        if let Some(value) = self.in_folder(namespace, at)? {
            return Ok(value);
        }
        self.in_files(namespace, at).or_else(|| self.in_environment(at)).ok_or_else(|| {
            SecretError::Missing {
                namespace: namespace.into(),
                name: at.name.clone(),
                key: at.key.clone(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(name: &str, key: &str) -> SecretRef {
        SecretRef { name: name.into(), key: key.into() }
    }

    #[test]
    fn files_and_environment_serve_where_no_document_does() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("shop/api")).unwrap();
        std::fs::write(dir.path().join("shop/api/token"), "from-file\n").unwrap();
        let environment = HashMap::from([(
            "KUBEKUMA_SECRET_SLACK_WEBHOOK_URL".to_owned(),
            "from-env".to_owned(),
        )]);
        let secrets = LocalSecrets::new(Some(dir.path().to_owned()), environment);
        let value =
            |name, key| secrets.get("shop", &at(name, key)).map(|v| v.expose_secret().to_owned());
        assert_eq!(value("api", "token").unwrap(), "from-file");
        assert_eq!(value("slack-webhook", "url").unwrap(), "from-env");
        assert!(matches!(value("api", "other"), Err(SecretError::Missing { .. })));
        assert!(matches!(value("..", "token"), Err(SecretError::Missing { .. })));
    }
}
