//! What is wrong with an object around its spec: identity and metadata.

use kuma_core::id::Kind;
use serde_json::{Value, json};

use super::walk::Case;

/// Changes of the fields around the spec of a valid document.
pub(crate) fn cases(kind: Kind, base: &Value) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |what: &str, pointer: &str, value: Value| {
        let mut object = base.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        cases.push(Case { name: format!("{kind} with {what}"), object });
    };
    add("a spec that is null", "/spec", Value::Null);
    add("a spec that is a list", "/spec", json!([]));
    add("an empty spec", "/spec", json!({}));
    add("a field beside the spec", "/specs", json!({}));
    add("another group", "/apiVersion", json!("monitoring.kubekuma.io/v2"));
    add("another kind", "/kind", json!("Monitors"));
    for (what, name) in NAMES {
        add(what, "/metadata/name", json!(name));
    }
    add("a name of 253 characters", "/metadata/name", json!("a".repeat(253)));
    add("a name of 254 characters", "/metadata/name", json!("a".repeat(254)));
    add("a name that is a number", "/metadata/name", json!(7));
    add("an unknown field in metadata", "/metadata/owner", json!("a"));
    for field in ["labels", "annotations"] {
        let path = format!("/metadata/{field}");
        add(&format!("{field} that are null"), &path, Value::Null);
        add(&format!("{field} that are a list"), &path, json!(["a"]));
        for (what, key) in KEYS {
            add(&format!("{what} in {field}"), &path, json!({key: "a"}));
        }
        add(&format!("a key of 63 characters in {field}"), &path, json!({"a".repeat(63): "a"}));
        add(&format!("a key of 64 characters in {field}"), &path, json!({"a".repeat(64): "a"}));
        add(&format!("a number in {field}"), &path, json!({"a": 7}));
        add(&format!("a boolean in {field}"), &path, json!({"a": true}));
        add(&format!("null in {field}"), &path, json!({"a": null}));
        for value in ["", "a b", "a/b", "-a", "a-", "A_b.c-d", "ä"] {
            add(&format!("the value {value:?} in {field}"), &path, json!({"a": value}));
        }
        add(&format!("a value of 63 in {field}"), &path, json!({"a": "a".repeat(63)}));
        add(&format!("a value of 64 in {field}"), &path, json!({"a": "a".repeat(64)}));
    }
    for (what, size) in [("most", 262_143), ("too much", 262_144)] {
        let value = json!({"a": "a".repeat(size)});
        add(&format!("{what} in its annotations"), "/metadata/annotations", value);
    }
    cases
}

const NAMES: [(&str, &str); 11] = [
    ("a name with a dot", "a.b"),
    ("a name of digits", "7"),
    ("a name in capitals", "Api"),
    ("a name with an underscore", "a_b"),
    ("a name that starts with a dash", "-a"),
    ("a name that ends with a dash", "a-"),
    ("a name with two dots in a row", "a..b"),
    ("a name with a dash before a dot", "a-.b"),
    ("a name with an accent", "é"),
    ("a name with a slash", "a/b"),
    ("an empty name", ""),
];

const KEYS: [(&str, &str); 10] = [
    ("a prefixed key", "example.com/a"),
    ("a key in capitals", "Team"),
    ("an empty key", ""),
    ("a key without a name", "example.com/"),
    ("a key without a prefix", "/a"),
    ("a key with two slashes", "a/b/c"),
    ("a prefix in capitals", "Example.com/a"),
    ("a key with a space", "a b"),
    ("a key that starts with a dash", "-a"),
    ("a key with an underscore and a dot", "a_b.c"),
];
