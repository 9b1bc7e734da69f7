//! Small conversions that many kinds share: durations, names, times, secret references.

use std::time::Duration;

use kuma_core::id::ObjectName;
use kuma_core::object::Problem;
use kuma_core::secret::SecretRef;
use kuma_core::time::Timestamp;

use super::Context;
use crate::kinds::common::{ObjectRef, RefEntry, SecretKeyRef};

/// `n` minutes.
pub(super) fn minutes(n: u32) -> Duration {
    Duration::from_secs(u64::from(n) * 60)
}

/// `n` seconds.
pub(super) fn seconds(n: u32) -> Duration {
    Duration::from_secs(u64::from(n))
}

/// `n` milliseconds.
pub(super) fn millis(n: u32) -> Duration {
    Duration::from_millis(u64::from(n))
}

/// A secret reference in core terms.
pub(super) fn secret_ref(at: &SecretKeyRef) -> SecretRef {
    SecretRef { name: at.name.clone(), key: at.key.clone() }
}

/// The object that a reference means.
pub(super) fn object_name(reference: &ObjectRef, own: &str) -> ObjectName {
    ObjectName::new(reference.namespace.as_deref().unwrap_or(own), reference.name.as_str())
}

/// The objects that a list of references means, without repeats.
pub(super) fn object_names(entries: &[RefEntry], own: &str) -> Vec<ObjectName> {
    let mut names = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = object_name(&entry.reference, own);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl Context<'_> {
    /// An instant as RFC 3339 writes it.
    pub(super) fn instant(&mut self, path: &str, text: &str) -> Option<Timestamp> {
        if let Ok(at) = text.parse() {
            Some(at)
        } else {
            self.push(
                Problem::semantic(path, "this is not a time in RFC 3339 form")
                    .with_value(text)
                    .with_fix("write it as 2026-03-01T02:00:00Z, with Z or an offset"),
            );
            None
        }
    }
}
