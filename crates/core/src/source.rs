//! What a source of objects hands on, a folder and a Kubernetes watch alike: what is in force, what
//! cannot be used as it is written, and what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::id::ObjectKey;
use crate::object::{Object, Origin, Problem};

/// An object that cannot be used as it is written now.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// Where it is written.
    pub origin: Origin,
    /// The generation that cannot be used, where somebody counts them; none in a folder.
    pub generation: Option<i64>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Whether an older version stays in force.
    pub last_valid_in_force: bool,
}

/// What is in force after a scan.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Objects in force.
    pub objects: BTreeMap<ObjectKey, Object>,
    /// Objects that cannot be used as written.
    pub invalid: BTreeMap<ObjectKey, Invalid>,
    /// What is worth knowing about objects that can be used.
    pub warnings: BTreeMap<ObjectKey, Vec<Problem>>,
    /// Files that cannot be read or parsed, and why.
    pub broken_files: BTreeMap<PathBuf, String>,
    /// Set while much has vanished at once and the last catalog is kept.
    pub holding: Option<String>,
}

/// What changed, for audit and log.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// New or changed; the paths that changed.
    Applied {
        /// Which.
        key: ObjectKey,
        /// Changed field paths, at most twenty.
        paths: Vec<String>,
        /// Whether it is new.
        new: bool,
    },
    /// Gone.
    Deleted {
        /// Which.
        key: ObjectKey,
    },
    /// Written, but not usable.
    Rejected {
        /// Which.
        key: ObjectKey,
        /// Why.
        problems: Vec<Problem>,
    },
}

/// Most field paths that a change names.
const MAX_PATHS: usize = 20;

/// The field paths that differ between two versions of an object, at most twenty.
pub fn changed_paths(old: &serde_json::Value, new: &serde_json::Value) -> Vec<String> {
    let mut paths = Vec::new();
    differ("", old, new, &mut paths);
    paths.truncate(MAX_PATHS);
    paths
}

fn differ(path: &str, old: &serde_json::Value, new: &serde_json::Value, paths: &mut Vec<String>) {
    use serde_json::Value::Object;
    match (old, new) {
        _ if old == new || paths.len() >= MAX_PATHS => {}
        (Object(old), Object(new)) => {
            let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let null = &serde_json::Value::Null;
                differ(&below, old.get(key).unwrap_or(null), new.get(key).unwrap_or(null), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changed_paths;

    #[test]
    fn changed_paths_go_as_deep_as_objects_do() {
        let old = json!({"spec": {"a": 1, "b": {"c": [1], "d": 2}}});
        let new = json!({"spec": {"a": 1, "b": {"c": [2], "e": 3}}});
        assert_eq!(changed_paths(&old, &new), ["spec.b.c", "spec.b.d", "spec.b.e"]);
        assert_eq!(changed_paths(&old, &old), [""; 0]);
        let wide: serde_json::Map<_, _> =
            (0..100).map(|number| (format!("f{number}"), json!(number))).collect();
        assert_eq!(changed_paths(&json!({}), &wide.into()).len(), 20);
    }
}
