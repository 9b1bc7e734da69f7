//! Lists: how many items, and which of them may be equal.

use std::collections::HashMap;

use kuma_core::object::Problem;
use serde_json::Value;

use super::node::{ListType, Node};
use super::{scalar, shown, structural, walk};
use crate::document::item_path;

/// Judges a list and its items.
pub(super) fn check(node: &Node, items: &[Value], path: &str, problems: &mut Vec<Problem>) {
    let size = items.len() as u64;
    let (min, max) = node.item_count;
    if min.is_some_and(|min| size < min) || max.is_some_and(|max| size > max) {
        let why = format!("must have {}, has {size}", scalar::between(min, max, "items"));
        problems.push(structural(path, why));
    }
    // A list far beyond its bound would only repeat one mistake.
    let looked_at =
        max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX).saturating_mul(2));
    let items = &items[..items.len().min(looked_at)];
    if let Some(schema) = &node.items {
        for (index, item) in items.iter().enumerate() {
            walk::walk(schema, item, &item_path(path, index), problems);
        }
    }
    match &node.list_type {
        ListType::Atomic => {}
        ListType::Set => duplicates(items, path, problems, |item| Some(item.to_string()), "item"),
        ListType::Map(keys) => {
            let what = keys.join(" and ");
            duplicates(items, path, problems, |item| map_key(keys, item), &what);
        }
    }
}

fn map_key(keys: &[String], item: &Value) -> Option<String> {
    let values: Vec<_> = keys.iter().map(|key| item.get(key).cloned()).collect();
    values.iter().any(Option::is_some).then(|| format!("{values:?}"))
}

fn duplicates(
    items: &[Value],
    path: &str,
    problems: &mut Vec<Problem>,
    identity: impl Fn(&Value) -> Option<String>,
    what: &str,
) {
    let mut seen = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some(identity) = identity(item) else {
            continue;
        };
        if let Some(first) = seen.get(&identity) {
            let why = format!("has the same {what} as {}", item_path(path, *first));
            problems.push(
                structural(item_path(path, index), why)
                    .with_value(shown(item))
                    .with_fix("remove one of them"),
            );
        } else {
            seen.insert(identity, index);
        }
    }
}
