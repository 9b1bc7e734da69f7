//! Which fields an edit changed, for audit and log.

use std::collections::BTreeSet;

/// The field paths that differ, at most twenty.
pub(super) fn changed_paths(old: &serde_json::Value, new: &serde_json::Value) -> Vec<String> {
    let mut paths = Vec::new();
    differ("", old, new, &mut paths);
    paths.truncate(20);
    paths
}

fn differ(path: &str, old: &serde_json::Value, new: &serde_json::Value, paths: &mut Vec<String>) {
    use serde_json::Value::Object;
    match (old, new) {
        _ if old == new || paths.len() >= 20 => {}
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
