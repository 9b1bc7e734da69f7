//! A validated object as a source hands it on: identity, where it was written, what it says.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::egress::NamespaceEgress;
use crate::id::{ObjectKey, ObjectName};
use crate::maintenance::MaintenanceWindow;
use crate::monitor::Monitor;
use crate::policy::Policy;
use crate::provider::Provider;
use crate::settings::Settings;
use crate::silence::Silence;

/// Where an object was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A document of a file; the line is where it starts, counted from 1.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The line.
        line: u32,
    },
    /// An object of the Kubernetes API.
    Cluster {
        /// Its resourceVersion.
        resource_version: String,
    },
    /// The store's copy of the last valid version.
    Store,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Cluster { resource_version } => write!(f, "resourceVersion {resource_version}"),
            Self::Store => f.write_str("last valid version in the store"),
        }
    }
}

/// Metadata that matters to us.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Meta {
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.generation`; counted by us for folders.
    pub generation: i64,
}

/// What leads to a status page from outside (`exposure.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExposureMode {
    /// Whatever people make.
    #[default]
    Manual,
    /// An Ingress.
    Ingress,
    /// An HTTPRoute of the Gateway API.
    GatewayApi,
}

/// How a status page is reached from outside (`spec.exposure`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exposure {
    /// What leads to it.
    pub mode: ExposureMode,
    /// Host names under which it is at `/`, lower case, each once.
    pub hosts: Vec<String>,
    /// The Secret with the certificate; that there is one means https.
    pub tls_secret: Option<String>,
    /// Whether we make the object that leads to it; else it is only looked for.
    pub manage: bool,
}

/// A status page, as far as it is needed before pages are served: its references are checked, its
/// slug is unique, and the way to it from outside is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusPage {
    /// Its name.
    pub name: ObjectName,
    /// Its path.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Whether it is public.
    pub published: bool,
    /// How it is reached from outside.
    pub exposure: Exposure,
    /// The monitors on it, group by group.
    pub groups: Vec<PageGroup>,
}

/// A group of a status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageGroup {
    /// Its heading.
    pub name: String,
    /// Text below it.
    pub description: Option<String>,
    /// Its monitors.
    pub monitors: Vec<ObjectName>,
}

/// What people may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Writes monitoring objects.
    Editor,
    /// Everything.
    Admin,
}

/// A person who signs in with a password; used once sign-in exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalUser {
    /// Its name.
    pub name: ObjectName,
    /// What is typed at sign-in.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in at all.
    pub disabled: bool,
}

/// A key for programs; used once sign-in exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name.
    pub name: ObjectName,
    /// Whose it is.
    pub owner: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whether it works at all.
    pub disabled: bool,
}

/// An item of a set that could not be validated.
#[derive(Debug, Clone, PartialEq)]
pub struct BadItem {
    /// The item's name, or its index.
    pub name: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// A set of monitors, expanded.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitorSet {
    /// Its name.
    pub name: ObjectName,
    /// The items that can run.
    pub monitors: Vec<Arc<Monitor>>,
    /// The items that cannot.
    pub invalid: Vec<BadItem>,
}

/// `v1/Secret` of a folder. Its values never leave the secret source.
#[derive(Debug, Clone)]
pub struct FolderSecret {
    /// Its name.
    pub name: ObjectName,
    /// Its entries, decoded.
    pub data: BTreeMap<String, secrecy::SecretSlice<u8>>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What an object says.
#[derive(Debug, Clone)]
pub enum Body {
    /// `Monitor`.
    Monitor(Arc<Monitor>),
    /// `MonitorSet`.
    MonitorSet(Arc<MonitorSet>),
    /// `NotificationProvider`.
    Provider(Arc<Provider>),
    /// `NotificationPolicy`.
    Policy(Arc<Policy>),
    /// `StatusPage`.
    StatusPage(Arc<StatusPage>),
    /// `MaintenanceWindow`.
    MaintenanceWindow(Arc<MaintenanceWindow>),
    /// `Silence`.
    Silence(Arc<Silence>),
    /// `LocalUser`.
    LocalUser(Arc<LocalUser>),
    /// `ApiKey`.
    ApiKey(Arc<ApiKey>),
    /// `KubeKumaSettings`.
    Settings(Arc<Settings>),
    /// `v1/Secret`.
    Secret(Arc<FolderSecret>),
    /// `v1/Namespace`: what its annotations say.
    Namespace {
        /// `kubekuma.io/grant-to`: the namespaces it grants references to.
        grant_to: Vec<String>,
        /// `kubekuma.io/egress-allow` and `-deny`: which addresses its monitors may ask.
        egress: NamespaceEgress,
    },
}

/// An object as it was written, as one piece of compact JSON: a tree of ten thousand objects takes
/// ten times the memory, and it is looked at when an object changes or a person asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawObject(Arc<str>);

impl RawObject {
    /// Keeps a tree.
    pub fn new(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }

    /// Keeps a text if it is JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        Ok(Self(text.into()))
    }

    /// The tree.
    pub fn value(&self) -> serde_json::Value {
        // It was a tree, or was read as one, before.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// One of its fields, if it has it.
    pub fn field(&self, name: &str) -> Option<serde_json::Value> {
        self.value().get_mut(name).map(serde_json::Value::take)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both say the same, in whatever order their fields are.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self == other || self.value() == other.value()
    }
}

/// A validated object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its identity.
    pub key: ObjectKey,
    /// Its metadata.
    pub meta: Meta,
    /// Where it was written.
    pub origin: Origin,
    /// The object as JSON, `apiVersion` to `spec`, as it was written (never for Secrets): what the
    /// store keeps as last valid version and the API shows.
    pub raw: RawObject,
    /// What it says.
    pub body: Body,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the object works.
    Warning,
    /// The object cannot be used.
    Error,
}

/// The two classes of `crds.md`, and what concerns more than one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemClass {
    /// Not even YAML or JSON.
    Syntax,
    /// Refused by the API server too.
    Structural,
    /// Stored by the API server; the controller says `Valid=False`.
    Semantic,
    /// A reference to something that is not there.
    Reference,
}

/// One thing that is wrong with an object, for a person to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Of which class it is.
    pub class: ProblemClass,
    /// Field path, as `spec.target.http.url` or `spec.items[2].name`; empty for the whole object.
    pub path: String,
    /// The value found, shortened; never a secret.
    pub value: Option<String>,
    /// Why it is wrong, as one sentence.
    pub why: String,
    /// What would be right, as one sentence.
    pub fix: Option<String>,
}

impl Problem {
    /// A semantic error.
    pub fn semantic(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            class: ProblemClass::Semantic,
            path: path.into(),
            value: None,
            why: why.into(),
            fix: None,
        }
    }

    /// A warning about a reference to something that is not there.
    pub fn missing_reference(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            class: ProblemClass::Reference,
            ..Self::semantic(path, why)
        }
    }

    /// A warning.
    pub fn warning(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::semantic(path, why) }
    }

    /// The same with the value found.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(crate::observation::bounded(value.into(), 120));
        self
    }

    /// The same with what would be right.
    #[must_use]
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.why)?;
        if let Some(value) = &self.value {
            write!(f, " (found {value})")?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "; {fix}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RawObject;

    #[test]
    fn an_object_as_written_keeps_its_order_but_is_compared_without_it() {
        let written = RawObject::new(&json!({"kind": "Monitor", "spec": {"b": 1, "a": [null]}}));
        assert_eq!(written.as_str(), r#"{"kind":"Monitor","spec":{"b":1,"a":[null]}}"#);
        let turned = RawObject::parse(r#"{"spec": {"a": [null], "b": 1}, "kind": "Monitor"}"#);
        let turned = turned.unwrap();
        assert!(written != turned && written.says_the_same(&turned));
        assert_eq!(turned.field("kind"), Some(json!("Monitor")));
        assert_eq!(turned.field("status"), None);
        assert!(!written.says_the_same(&RawObject::new(&json!({"kind": "Monitor"}))));
        assert!(RawObject::parse("{").is_err());
    }
}
