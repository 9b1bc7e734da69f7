//! Which fields of the custom resources take a secret within their text, `${SECRET:name:key}`: found
//! by trying, so that a field that becomes one is found as well.

use std::collections::BTreeSet;

use kuma_api::convert::convert;
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::Meta;
use serde_json::{Value, json};

use super::schema;

/// The entry that is looked for in what a document becomes.
const SOUGHT: &str = "sought";
/// What a field may have to look like besides.
const SHAPES: [&str; 3] = ["{}", "http://127.0.0.1/{}", "ws://127.0.0.1/{}"];
/// Fields whose text is a credential of their own: the reference beside them stands for both.
const BESIDE: &str = "SecretRef";

/// `Kind path` of every such field of the types that these documents are of.
pub(super) fn inline_places(documents: &[Value]) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for definition in kuma_api::crd::crds() {
        let kind = definition.spec.names.kind.clone();
        let part = match kind.as_str() {
            "Monitor" => "target",
            "NotificationProvider" => "config",
            _ => continue,
        };
        let of: Vec<_> = documents.iter().filter(|document| document["kind"] == *kind).collect();
        let definition = serde_json::to_value(definition).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let types = &schema["properties"]["spec"]["properties"][part]["properties"];
        for (name, schema) in types.as_object().unwrap() {
            let same = of.iter().filter(|document| document["spec"]["type"] == **name);
            let same: Vec<_> = same.map(|document| (*document).clone()).collect();
            let mut leaves = Vec::new();
            walk(schema, &format!("/spec/{part}/{name}"), &mut leaves);
            let taken = leaves.into_iter().filter(|at| same.iter().any(|it| takes(it, at)));
            places.extend(taken.map(|at| format!("{kind} {}", at[1..].replace('/', "."))));
        }
    }
    assert!(places.len() > 20, "{places:?}");
    places
}

/// Pointers to everything that may hold text.
fn walk(schema: &Value, at: &str, leaves: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        walk(field, &format!("{at}/{name}"), leaves);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{at}/0"), leaves);
    }
    if schema["additionalProperties"].is_object() {
        walk(&schema["additionalProperties"], &format!("{at}/x-any"), leaves);
    }
    let free = schema["x-kubernetes-preserve-unknown-fields"] == true;
    if schema["type"] == "string" || (free && schema["properties"].is_null()) {
        leaves.push(at.to_owned());
    }
}

/// Whether a document with such a text there is one that refers to a Secret there.
fn takes(document: &Value, at: &str) -> bool {
    SHAPES.iter().any(|shape| {
        let mut document = document.clone();
        let text = shape.replace("{}", &format!("${{SECRET:any:{SOUGHT}}}"));
        put(&mut document, at, Value::from(text)) && refers(&document)
    })
}

fn put(document: &mut Value, at: &str, value: Value) -> bool {
    let mut here = document;
    let parts: Vec<_> = at[1..].split('/').collect();
    let Some((last, way)) = parts.split_last() else { return false };
    for part in way {
        here = match step(here, part) {
            Some(next) => next,
            None => return false,
        };
    }
    if let Value::Object(fields) = &mut *here {
        fields.remove(&format!("{last}{BESIDE}"));
    }
    step(here, last).is_some_and(|leaf| {
        *leaf = value;
        true
    })
}

fn step<'a>(here: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    if part == "0" {
        if !here.is_array() {
            *here = json!([null]);
        }
        return here.as_array_mut()?.first_mut();
    }
    if !here.is_object() {
        *here = json!({});
    }
    Some(here.as_object_mut()?.entry(part).or_insert(Value::Null))
}

fn refers(document: &Value) -> bool {
    let kind = match document["kind"].as_str().unwrap() {
        "Monitor" => Kind::Monitor,
        _ => Kind::NotificationProvider,
    };
    let name = ObjectName::new("kubekuma", document["metadata"]["name"].as_str().unwrap());
    let converted = convert(&ObjectKey { kind, name }, &Meta::default(), document);
    // A reference is a structure of its own; a field that is only text shows it as text.
    converted.body.is_some_and(|body| format!("{body:?}").contains(&format!("key: {SOUGHT:?}")))
}

/// The same of documents: where a text refers to an entry of this Secret, or a field beside it does.
pub(super) fn planted(documents: &[Value], secret: &str) -> BTreeSet<String> {
    schema::in_specs(documents, |spec, path, places| find(spec, path, secret, places))
}

fn find(value: &Value, path: &str, secret: &str, places: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains(&format!("${{SECRET:{secret}:")) => {
            places.insert(path.to_owned());
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let at = format!("{path}.{name}");
                if let Some(beside) = at.strip_suffix(BESIDE)
                    && field["name"] == secret
                {
                    // A list of addresses is one entry of the Secret.
                    places.extend([beside.to_owned(), format!("{beside}.0")]);
                }
                find(field, &at, secret, places);
                // Any name will do in a map.
                find(field, &format!("{path}.x-any"), secret, places);
            }
        }
        Value::Array(items) => {
            for item in items {
                find(item, &format!("{path}.0"), secret, places);
            }
        }
        _ => {}
    }
}
