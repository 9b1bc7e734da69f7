//! What is known of the Secrets that objects refer to. Pure: answers of the API server come in,
//! values go out under the rules.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::secret::{ExposeSecret, Rules, SecretError, SecretRef, SecretSlice, SecretString};
use kuma_core::source::Change;

/// A Secret as it was read.
#[derive(Debug)]
pub(super) struct Contents {
    version: String,
    labels: BTreeMap<String, String>,
    data: BTreeMap<String, SecretSlice<u8>>,
}

impl Contents {
    /// Takes the values out of a Secret; what is left of it holds none.
    pub(super) fn of(secret: Secret) -> Self {
        let data = secret.data.unwrap_or_default();
        Self {
            version: secret.metadata.resource_version.unwrap_or_default(),
            labels: secret.metadata.labels.unwrap_or_default(),
            data: data.into_iter().map(|(key, value)| (key, value.0.into())).collect(),
        }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.labels == other.labels
            && self.data.len() == other.data.len()
            && self.data.iter().zip(&other.data).all(|((key, value), (other_key, other_value))| {
                key == other_key && value.expose_secret() == other_value.expose_secret()
            })
    }
}

/// What a request for a Secret came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is there.
    Found(Contents),
    /// There is none.
    Missing,
    /// RBAC forbids reading it.
    Forbidden,
    /// There was no answer that says anything.
    Away(String),
}

#[derive(Debug)]
enum Entry {
    Unread(String),
    Found(Contents),
    Missing,
    Forbidden,
}

/// The Secrets referred to.
#[derive(Debug, Default)]
pub(super) struct Cache {
    rules: Rules,
    entries: BTreeMap<ObjectName, Entry>,
}

impl Cache {
    /// Takes over what objects refer to now, and returns what has to be read. What nobody refers
    /// to any more is forgotten.
    pub(super) fn refer(&mut self, rules: Rules, to: &BTreeSet<ObjectName>) -> Vec<ObjectName> {
        self.rules = rules;
        self.entries.retain(|name, _| to.contains(name));
        let new: Vec<_> =
            to.iter().filter(|name| !self.entries.contains_key(*name)).cloned().collect();
        for name in &new {
            let why = "it was not asked for yet".to_owned();
            self.entries.insert(name.clone(), Entry::Unread(why));
        }
        new
    }

    /// Takes an answer in; a change if it tells anything new of a Secret that was asked for before.
    pub(super) fn take(&mut self, name: &ObjectName, answer: Answer) -> Option<Change> {
        let entry = self.entries.get_mut(name)?;
        let key = || ObjectKey { kind: Kind::Secret, name: name.clone() };
        let applied = |paths: &[&str], new| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            Some(Change::Applied { key: key(), paths, new })
        };
        let (next, change) = match (&*entry, answer) {
            // The value that was read last stays in use.
            (Entry::Found(_) | Entry::Missing | Entry::Forbidden, Answer::Away(_)) => return None,
            (Entry::Unread(_), Answer::Away(why)) => (Entry::Unread(why), None),
            (Entry::Found(before), Answer::Found(now)) => {
                let change = (!before.says_the_same(&now)).then(|| applied(&["data"], false));
                (Entry::Found(now), change.flatten())
            }
            (_, Answer::Found(now)) => (Entry::Found(now), applied(&[], true)),
            (Entry::Found(_), Answer::Missing) => {
                (Entry::Missing, Some(Change::Deleted { key: key() }))
            }
            (_, Answer::Missing) => (Entry::Missing, None),
            (_, Answer::Forbidden) => (Entry::Forbidden, None),
        };
        *entry = next;
        change
    }

    /// Whether a Secret should be read again, now that a watch has seen it in this version (none:
    /// it is gone).
    pub(super) fn is_stale(&self, name: &ObjectName, version: Option<&str>) -> bool {
        match self.entries.get(name) {
            None => false,
            Some(Entry::Found(contents)) => version != Some(contents.version.as_str()),
            Some(Entry::Missing) => version.is_some(),
            Some(Entry::Unread(_) | Entry::Forbidden) => true,
        }
    }

    /// Whether objects refer to a Secret.
    pub(super) fn refers_to(&self, name: &ObjectName) -> bool {
        self.entries.contains_key(name)
    }

    /// Every Secret referred to.
    pub(super) fn names(&self) -> BTreeSet<ObjectName> {
        self.entries.keys().cloned().collect()
    }

    /// Those whose value is not to be had, so that they should be asked for soon again: a person
    /// may be about to mend it. Of one that is missing, or lacks its label, a watch tells.
    pub(super) fn unsettled(&self, watched: bool) -> BTreeSet<ObjectName> {
        let open = |name: &ObjectName, entry: &Entry| match entry {
            // Without the label it is of no more use than one that is missing.
            Entry::Found(contents) => {
                !watched && !self.rules.permit(&name.namespace, &contents.labels)
            }
            Entry::Missing => !watched,
            Entry::Unread(_) | Entry::Forbidden => true,
        };
        let unsettled = self.entries.iter().filter(|(name, entry)| open(name, entry));
        unsettled.map(|(name, _)| name.clone()).collect()
    }

    /// The value of an entry.
    pub(super) fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError> {
        let (name, namespace) = (at.name.clone(), namespace.to_owned());
        let contents = match self.entries.get(&ObjectName::new(&*namespace, &*name)) {
            Some(Entry::Found(contents)) => contents,
            Some(Entry::Missing) => {
                return Err(SecretError::Missing { namespace, name, key: at.key.clone() });
            }
            Some(Entry::Forbidden) => return Err(SecretError::Forbidden { namespace, name }),
            Some(Entry::Unread(why)) => {
                return Err(SecretError::Unread { namespace, name, why: why.clone() });
            }
            None => {
                let why = "no object in force refers to it".to_owned();
                return Err(SecretError::Unread { namespace, name, why });
            }
        };
        if !self.rules.permit(&namespace, &contents.labels) {
            return Err(SecretError::NotAllowed { namespace, name });
        }
        let key = at.key.clone();
        let Some(value) = contents.data.get(&key) else {
            return Err(SecretError::Missing { namespace, name, key });
        };
        match std::str::from_utf8(value.expose_secret()) {
            Ok(text) => Ok(text.to_owned().into()),
            Err(_) => Err(SecretError::NotText { namespace, name, key }),
        }
    }
}

#[cfg(test)]
mod tests;
