//! `v1/Secret` of a folder. No value of one is ever part of a problem.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kuma_core::id::ObjectName;
use kuma_core::object::{Body, FolderSecret, Meta, Problem};
use secrecy::SecretSlice;
use serde_json::{Map, Value};

use super::severe;
use crate::document::child_path;
use crate::structural::{closest, structural};

const FIELDS: [&str; 7] =
    ["apiVersion", "kind", "metadata", "data", "stringData", "type", "immutable"];
/// Most bytes of a Secret, as in Kubernetes.
const MAX_BYTES: usize = 1 << 20;

/// Reads the entries of a Secret; `stringData` beats `data`, as in Kubernetes.
pub(super) fn read(
    name: &ObjectName,
    meta: &Meta,
    value: &Value,
    problems: &mut Vec<Problem>,
) -> Option<Body> {
    let before = problems.len();
    unknown_fields(value, problems);
    let mut data: BTreeMap<String, SecretSlice<u8>> = BTreeMap::new();
    let mut size = 0;
    for (key, text) in entries(value, "data", problems) {
        if let Some(bytes) = decode(&key, &text, problems) {
            size += bytes.len();
            data.insert(key, bytes.into());
        }
    }
    for (key, text) in entries(value, "stringData", problems) {
        size += text.len();
        data.insert(key, text.into_bytes().into());
    }
    if size > MAX_BYTES {
        problems.push(structural("data", format!("must have at most {MAX_BYTES} bytes")));
    }
    (!severe(&problems[before..])).then(|| {
        Body::Secret(Arc::new(FolderSecret {
            name: name.clone(),
            data,
            labels: meta.labels.clone(),
        }))
    })
}

fn unknown_fields(value: &Value, problems: &mut Vec<Problem>) {
    let names = value.as_object().into_iter().flat_map(Map::keys);
    for name in names.filter(|name| !FIELDS.contains(&name.as_str())) {
        let problem = structural(child_path("", name), "unknown field");
        problems.push(match closest(name, FIELDS) {
            Some(meant) => problem.with_fix(format!("did you mean `{meant}`?")),
            None => problem.with_fix("entries belong under `data` or `stringData`"),
        });
    }
}

fn entries(value: &Value, field: &str, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let map = match value.get(field) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Object(map)) => map,
        Some(_) => {
            problems.push(structural(field, "must be an object of texts"));
            return Vec::new();
        }
    };
    let mut out = Vec::new();
    for (key, value) in map {
        let path = child_path(field, key);
        let named = !key.is_empty()
            && key.len() <= 253
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !named {
            let why = "the name of an entry must consist of letters, digits, `-`, `_` and `.`";
            problems.push(structural(path.clone(), why));
        }
        match value {
            Value::String(text) => out.push((key.clone(), text.clone())),
            Value::Null => out.push((key.clone(), String::new())),
            _ => problems.push(structural(path, "must be text").with_fix("put it into quotes")),
        }
    }
    out
}

/// Decodes an entry. A placeholder as in documentation (`<hash>`) is a warning: the example is
/// sound, but the entry is missing until someone fills it in.
fn decode(key: &str, text: &str, problems: &mut Vec<Problem>) -> Option<Vec<u8>> {
    let path = child_path("data", key);
    let trimmed = text.trim();
    if trimmed.starts_with('<') && trimmed.ends_with('>') {
        problems.push(
            Problem::warning(path, "is a placeholder, so the entry is missing")
                .with_fix("fill in the value, encoded as base64"),
        );
        return None;
    }
    let bare: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD
        .decode(bare)
        .map_err(|_| {
            problems.push(
                structural(path, "is no base64")
                    .with_fix("encode it with base64, or move it under `stringData` as it is"),
            );
        })
        .ok()
}
