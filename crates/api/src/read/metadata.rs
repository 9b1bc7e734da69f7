//! `metadata`: name, namespace, labels, annotations.

use std::collections::BTreeMap;

use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::{Meta, Problem};
use serde_json::{Map, Value};

use super::{ReadContext, missing, names, object_name};
use crate::document::child_path;
use crate::structural::{closest, shown, structural};

/// Fields of metadata; most are the API server's and mean nothing in a folder.
const FIELDS: [&str; 15] = [
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
];
/// Most bytes that annotations take together.
const MAX_ANNOTATION_BYTES: usize = 256 << 10;

/// What metadata says.
pub(super) struct Found {
    /// None without a usable name.
    pub(super) key: Option<ObjectKey>,
    pub(super) meta: Meta,
}

/// Reads the metadata of an object.
pub(super) fn read(
    kind: Kind,
    value: &Value,
    context: &ReadContext,
    problems: &mut Vec<Problem>,
) -> Found {
    let empty = Map::new();
    let entries = match value.get("metadata") {
        Some(Value::Object(entries)) => entries,
        None | Some(Value::Null) => &empty,
        Some(other) => {
            problems.push(structural("metadata", "must be an object").with_value(shown(other)));
            return Found { key: None, meta: Meta::default() };
        }
    };
    unknown_fields(entries, problems);
    let name = name(kind, entries, problems);
    let namespace = namespace(kind, entries, problems);
    let meta = Meta {
        labels: texts(entries, "labels", problems, |key, value| {
            names::qualified(key).map_err(|why| format!("the key {why}"))?;
            names::label_value(value).map_err(str::to_owned)
        }),
        annotations: texts(entries, "annotations", problems, |key, _| {
            names::qualified(&key.to_lowercase()).map_err(|why| format!("the key {why}"))
        }),
        generation: 0,
    };
    let size: usize = meta.annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > MAX_ANNOTATION_BYTES {
        problems.push(structural(
            "metadata.annotations",
            format!("must have at most {MAX_ANNOTATION_BYTES} bytes, has {size}"),
        ));
    }
    Found {
        key: name.map(|name| ObjectKey { kind, name: object_name(kind, namespace, name, context) }),
        meta,
    }
}

fn unknown_fields(entries: &Map<String, Value>, problems: &mut Vec<Problem>) {
    for name in entries.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
        let problem = structural(child_path("metadata", name), "unknown field");
        problems.push(match closest(name, FIELDS) {
            Some(meant) => problem.with_fix(format!("did you mean `{meant}`?")),
            None => problem.with_fix("remove it, or make it a label or an annotation"),
        });
    }
}

fn name<'a>(
    kind: Kind,
    entries: &'a Map<String, Value>,
    problems: &mut Vec<Problem>,
) -> Option<&'a str> {
    let path = "metadata.name";
    let name = match entries.get("name") {
        Some(Value::String(name)) if !name.is_empty() => name,
        None | Some(Value::Null | Value::String(_)) => {
            problems.push(if entries.contains_key("generateName") {
                structural(path, "is required; generateName names nothing in a folder")
                    .with_fix("give it a name")
            } else {
                missing(path, "name: …")
            });
            return None;
        }
        Some(other) => {
            let problem = structural(path, "must be text").with_value(shown(other));
            problems.push(problem.with_fix("put it into quotes"));
            return None;
        }
    };
    let fits = if kind == Kind::Namespace { names::label(name) } else { names::subdomain(name) };
    if let Err(why) = fits {
        let problem = structural(path, why).with_value(name.as_str());
        problems.push(match proposal(name) {
            Some(better) => problem.with_fix(format!("for example `{better}`")),
            None => problem,
        });
    }
    Some(name)
}

/// The same name with what is wrong replaced, if that is enough.
fn proposal(name: &str) -> Option<String> {
    let better: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    let better = better.trim_matches('-').to_owned();
    names::subdomain(&better).is_ok().then_some(better)
}

fn namespace<'a>(
    kind: Kind,
    entries: &'a Map<String, Value>,
    problems: &mut Vec<Problem>,
) -> Option<&'a str> {
    let path = "metadata.namespace";
    let namespace = match entries.get("namespace") {
        None | Some(Value::Null) => return None,
        Some(Value::String(text)) if text.is_empty() => return None,
        Some(Value::String(text)) => text,
        Some(other) => {
            problems.push(structural(path, "must be text").with_value(shown(other)));
            return None;
        }
    };
    if kind.is_cluster_scoped() {
        let why = format!("{kind} is cluster-scoped; its namespace means nothing");
        problems.push(Problem::warning(path, why).with_fix("remove it"));
        return None;
    }
    if let Err(why) = names::label(namespace) {
        problems.push(structural(path, why).with_value(namespace.as_str()));
    }
    Some(namespace)
}

/// A map of texts; wrong entries are reported and left out.
fn texts(
    entries: &Map<String, Value>,
    field: &str,
    problems: &mut Vec<Problem>,
    check: impl Fn(&str, &str) -> Result<(), String>,
) -> BTreeMap<String, String> {
    let path = child_path("metadata", field);
    let map = match entries.get(field) {
        None | Some(Value::Null) => return BTreeMap::new(),
        Some(Value::Object(map)) => map,
        Some(other) => {
            problems.push(structural(path, "must be an object").with_value(shown(other)));
            return BTreeMap::new();
        }
    };
    let mut out = BTreeMap::new();
    for (key, value) in map {
        let path = child_path(&path, key);
        match value {
            Value::String(text) => {
                if let Err(why) = check(key, text) {
                    problems.push(structural(path, why).with_value(text.as_str()));
                }
                out.insert(key.clone(), text.clone());
            }
            Value::Null => {
                out.insert(key.clone(), String::new());
            }
            other => problems.push(
                structural(path, "must be text")
                    .with_value(shown(other))
                    .with_fix("put it into quotes"),
            ),
        }
    }
    out
}
