//! Which fields of the custom resources name a Secret.

use std::collections::BTreeSet;

use serde_json::Value;

/// Fields whose Secret is no secret, or which nothing reads yet.
const ELSEWHERE: [(&str, &str); 6] = [
    ("caBundleSecretRef", "authorities are public"),
    ("LocalUser ", "sign-in does not exist yet"),
    ("ApiKey ", "sign-in does not exist yet"),
    ("StatusPage ", "pages are not served yet"),
    ("spec.auth.", "sign-in does not exist yet"),
    ("status.", "written by us"),
];

/// `Kind spec.path` of every field that names a Secret's entry.
pub(super) fn secret_places() -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for definition in kuma_api::crd::crds() {
        let kind = definition.spec.names.kind.clone();
        let definition = serde_json::to_value(definition).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        walk(schema, &format!("{kind} "), &mut places);
    }
    assert!(places.len() > 20, "{places:?}");
    places.retain(|place| !ELSEWHERE.iter().any(|(part, _)| place.contains(part)));
    places
}

fn walk(schema: &Value, path: &str, places: &mut BTreeSet<String>) {
    if let Some(fields) = schema["properties"].as_object() {
        let names: Vec<_> = fields.keys().map(String::as_str).collect();
        if names.len() == 2 && names.contains(&"name") && names.contains(&"key") {
            places.insert(path.to_owned());
            return;
        }
        for (name, field) in fields {
            let dot = if path.ends_with(' ') { "" } else { "." };
            walk(field, &format!("{path}{dot}{name}"), places);
        }
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"), places);
    }
}

/// The same of documents: where they name an entry of this Secret.
pub(super) fn planted(documents: &[Value], secret: &str) -> BTreeSet<String> {
    in_specs(documents, |spec, path, places| find(spec, path, secret, places))
}

/// What is found in the specs of documents, each with its kind.
pub(super) fn in_specs(
    documents: &[Value],
    find: impl Fn(&Value, &str, &mut BTreeSet<String>),
) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for document in documents {
        let kind = document["kind"].as_str().unwrap();
        find(&document["spec"], &format!("{kind} spec"), &mut places);
    }
    places
}

fn find(value: &Value, path: &str, secret: &str, places: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if value["name"] == secret && value["key"].is_string() => {
            assert_eq!(fields.len(), 2);
            places.insert(path.to_owned());
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                find(field, &format!("{path}.{name}"), secret, places);
            }
        }
        Value::Array(items) => {
            for item in items {
                find(item, &format!("{path}[]"), secret, places);
            }
        }
        _ => {}
    }
}
