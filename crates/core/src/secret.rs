//! References to secrets and texts that contain them. A secret's value is resolved just before
//! use and is never part of a spec, a log line or a stored row.

use std::collections::{BTreeMap, BTreeSet};

pub use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

/// One entry of a Secret in the object's own namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretRef {
    /// The Secret's name.
    pub name: String,
    /// The entry within it.
    pub key: String,
}

/// A piece of a [`SecretText`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Plain text.
    Literal(String),
    /// `${SECRET:name:key}`.
    Secret(SecretRef),
}

/// Text in which `${SECRET:name:key}` stands for a secret (`$${SECRET:` is a literal).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SecretText {
    source: String,
    segments: Vec<Segment>,
}

/// Why a text with secret references cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form ${{SECRET:name:key}}")]
pub struct BadSecretText(pub String);

/// A secret that is referenced but cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such Secret or no such entry in it.
    #[error("Secret {namespace}/{name} has no entry `{key}`")]
    Missing {
        /// Namespace it was looked up in.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// The entry.
        key: String,
    },
    /// The Secret exists but its use is not allowed.
    #[error(
        "Secret {namespace}/{name} may not be used here: it needs the label `kubekuma.io/use: \"true\"`"
    )]
    NotAllowed {
        /// Namespace it was looked up in.
        namespace: String,
        /// The Secret's name.
        name: String,
    },
    /// RBAC does not let us read it.
    #[error(
        "Secret {namespace}/{name} may not be read: add the rule {{apiGroups: [\"\"], resources: \
         [secrets], verbs: [get]}} to a Role in namespace {namespace}, bound to KubeKuma's \
         ServiceAccount"
    )]
    Forbidden {
        /// Namespace it was looked up in.
        namespace: String,
        /// The Secret's name.
        name: String,
    },
    /// It could not be read yet.
    #[error("Secret {namespace}/{name} could not be read yet: {why}")]
    Unread {
        /// Namespace it was looked up in.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// What keeps it from being read.
        why: String,
    },
    /// The value is not UTF-8 text.
    #[error("entry `{key}` of Secret {namespace}/{name} is not UTF-8 text")]
    NotText {
        /// Namespace it was looked up in.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// The entry.
        key: String,
    },
}

/// The label that a Secret may need before it is used (`crds.md`, common conventions).
pub const USE_LABEL: &str = "kubekuma.io/use";

/// Which Secrets may be used at all: the author of an object must not read any Secret by having it
/// sent to an URL of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// `KUBE_NAMESPACE`.
    pub system_namespace: String,
    /// Whether every Secret needs the label (`tenancy.isolated`).
    pub isolated: bool,
}

impl Rules {
    /// Whether a Secret of `namespace` with these labels may be used.
    pub fn permit(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        let needs_label = self.isolated || namespace == self.system_namespace;
        !needs_label || labels.get(USE_LABEL).is_some_and(|value| value == "true")
    }
}

/// Port: where secrets come from (a folder, the environment, Kubernetes). Answers from memory.
pub trait SecretSource: Send + Sync {
    /// The value of an entry of a Secret in `namespace`.
    fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError>;
}

impl SecretText {
    const OPEN: &'static str = "${SECRET:";

    /// Reads a text; fails on an unterminated or malformed reference.
    pub fn parse(source: &str) -> Result<Self, BadSecretText> {
        let mut segments = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(Self::OPEN) {
            let (before, from) = rest.split_at(at);
            if let Some(unescaped) = before.strip_suffix('$') {
                literal.push_str(unescaped);
                literal.push_str(Self::OPEN);
                rest = &from[Self::OPEN.len()..];
                continue;
            }
            literal.push_str(before);
            let inner = &from[Self::OPEN.len()..];
            let bad = || BadSecretText(from.chars().take(60).collect());
            let end = inner.find('}').ok_or_else(bad)?;
            let (name, key) = inner[..end].split_once(':').ok_or_else(bad)?;
            if name.is_empty() || key.is_empty() || key.contains(':') {
                return Err(bad());
            }
            if !literal.is_empty() {
                segments.push(Segment::Literal(std::mem::take(&mut literal)));
            }
            segments.push(Segment::Secret(SecretRef { name: name.into(), key: key.into() }));
            rest = &inner[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            segments.push(Segment::Literal(literal));
        }
        Ok(Self { source: source.to_owned(), segments })
    }

    /// A text that is nothing but one secret.
    pub fn from_ref(at: &SecretRef) -> Self {
        Self {
            source: format!("{}{}:{}}}", Self::OPEN, at.name, at.key),
            segments: vec![Segment::Secret(at.clone())],
        }
    }

    /// The text as written, with its references and without any value. Safe to show.
    pub fn as_written(&self) -> &str {
        &self.source
    }

    /// The text itself when it holds no reference.
    pub fn as_plain(&self) -> Option<String> {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => Some(text.as_str()),
                Segment::Secret(_) => None,
            })
            .collect()
    }

    /// Its pieces in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether the text is nothing but secret references.
    pub fn is_only_secret(&self) -> bool {
        !self.segments.is_empty()
            && self.segments.iter().all(|segment| matches!(segment, Segment::Secret(_)))
    }

    /// The references in it.
    pub fn references(&self) -> BTreeSet<&SecretRef> {
        self.segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Secret(at) => Some(at),
                Segment::Literal(_) => None,
            })
            .collect()
    }

    /// Fills the references from `source`; the result is a secret as soon as one part was.
    pub fn resolve(
        &self,
        namespace: &str,
        source: &dyn SecretSource,
    ) -> Result<SecretString, SecretError> {
        let mut text = String::with_capacity(self.source.len());
        for segment in &self.segments {
            match segment {
                Segment::Literal(part) => text.push_str(part),
                Segment::Secret(at) => text.push_str(source.get(namespace, at)?.expose_secret()),
            }
        }
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_is_needed_in_our_namespace_and_everywhere_between_tenants() {
        let labels = |value: &str| BTreeMap::from([(USE_LABEL.to_owned(), value.to_owned())]);
        let none = BTreeMap::new();
        let mut rules = Rules { system_namespace: "kubekuma".to_owned(), isolated: false };
        assert!(rules.permit("shop", &none));
        assert!(!rules.permit("kubekuma", &none) && rules.permit("kubekuma", &labels("true")));
        assert!(!rules.permit("kubekuma", &labels("false")));
        rules.isolated = true;
        assert!(!rules.permit("shop", &none) && rules.permit("shop", &labels("true")));
    }

    #[test]
    fn references_literals_and_escapes_are_told_apart() {
        let text = SecretText::parse("Bearer ${SECRET:api:token}!").unwrap();
        assert_eq!(text.references().len(), 1);
        assert_eq!(text.as_plain(), None);
        let escaped = SecretText::parse("$${SECRET:api:token}").unwrap();
        assert_eq!(escaped.as_plain().as_deref(), Some("${SECRET:api:token}"));
        assert!(SecretText::parse("${SECRET:api}").is_err());
        assert!(SecretText::parse("${SECRET:api:token").is_err());
        assert!(SecretText::parse("${SECRET:a:b}").unwrap().is_only_secret());
        assert!(!text.is_only_secret());
    }
}
