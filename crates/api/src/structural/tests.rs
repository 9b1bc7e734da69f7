//! What the API server would refuse, we refuse, all at once.

use serde_json::json;

use super::*;

fn schema() -> Schema {
    let schema = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {"spec": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"type": "string", "enum": ["http", "tcp", "dns"]},
                "enabled": {"type": "boolean"},
                "intervalSeconds": {"type": "integer", "minimum": 1, "maximum": 86400, "format": "int32"},
                "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-zé]*$"},
                "note": {"type": "string", "nullable": true},
                "codes": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "set",
                    "items": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}},
                "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string"}, "weight": {"type": "number"}}}},
                "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "at": {"type": "string", "format": "date-time"},
                "start": {"type": "integer"},
                "end": {"type": "integer"},
                "either": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                    "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            },
            "x-kubernetes-validations": [
                {"rule": "!has(self.start) || !has(self.end) || self.start <= self.end",
                 "message": "start must not be after end", "fieldPath": ".start"},
            ],
        }},
    });
    Schema::compile(&serde_json::from_value(schema).unwrap()).unwrap()
}

fn problems(spec: &Value) -> Vec<String> {
    schema()
        .validate(
            &json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "a"}, "spec": spec}),
        )
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_sound_object_has_no_problems() {
    let spec = json!({
        "type": "http", "enabled": true, "intervalSeconds": 60, "name": "ééééé", "note": null,
        "codes": [200, "2xx"], "items": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1.5}],
        "headers": {"X-A": "b"}, "free": {"any": [1, {"thing": null}]}, "at": "2026-01-01T00:00:00Z",
        "start": 1, "end": 2, "either": {"a": "x"},
    });
    assert_eq!(problems(&spec), Vec::<String>::new());
}

#[test]
fn everything_wrong_is_reported_at_once_in_order() {
    let spec = json!({
        "type": "htpp", "enabled": "true", "intervalSecond": 5, "intervalSeconds": 0, "name": "TOOLONG",
        "codes": [200, 200, true, 1], "items": [{"name": "a"}, {"name": "a"}, {"weight": "x"}],
        "headers": {"X-A": 5, "x.y/z": true}, "at": "tomorrow", "start": 3, "end": 2, "either": {},
    });
    insta::assert_snapshot!(problems(&spec).join("\n"), @r#"
spec.type: is not a permitted value (found "htpp"); did you mean `http`? Permitted are http, tcp, dns
spec.enabled: must be true or false (found "true"); write it without quotes
spec.intervalSecond: unknown field; did you mean `intervalSeconds`?
spec.intervalSeconds: must be at least 1 and at most 86400 (found 0)
spec.name: must have between 1 and 5 characters, has 7 (found "TOOLONG")
spec.name: does not match the pattern ^[a-zé]*$ (found "TOOLONG")
spec.codes: must have at most 3 items, has 4
spec.codes[2]: must be a whole number or text (found true); put it into quotes
spec.codes[1]: has the same item as spec.codes[0] (found 200); remove one of them
spec.items[2].weight: must be a number (found "x")
spec.items[2].name: is required and missing; add `name`
spec.items[1]: has the same name as spec.items[0] (found an object); remove one of them
spec.headers.X-A: must be text (found 5); put it into quotes
spec.headers[x.y/z]: must be text (found true); put it into quotes
spec.at: is no time (RFC 3339) (found "tomorrow"); write it like 2026-03-29T01:30:00Z
spec.either: must fit exactly one of the permitted forms, fits 0 (found an object)
spec.start: start must not be after end (found 3)
"#);
}

#[test]
fn missing_and_empty_fields_are_named() {
    insta::assert_snapshot!(problems(&json!({})).join("\n"), @"spec.type: is required and missing; add `type` with one of http, tcp, dns");
    insta::assert_snapshot!(problems(&json!({"type": null, "codes": "200", "name": 5, "start": "1"})).join("\n"), @r#"
spec.codes: must be a list (found "200"); write it as a list: ["200"]
spec.name: must be text (found 5); put it into quotes
spec.start: must be a whole number (found "1"); write it without quotes
spec.type: is required and missing; add `type` with one of http, tcp, dns
"#);
    let no_spec = schema().validate(&json!({"kind": "X", "sepc": {}}));
    let words: Vec<_> = no_spec.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(words.join("\n"), @r#"
sepc: unknown field; did you mean `spec`?
spec: is required and missing; add `spec`
"#);
    assert_eq!(schema().validate(&json!([])).len(), 1);
}

#[test]
fn a_rule_is_silent_about_fields_that_are_wrong_already() {
    assert_eq!(problems(&json!({"type": "tcp", "start": "x", "end": 1})).len(), 1);
    assert_eq!(problems(&json!({"type": "tcp", "strat": 1, "start": 3, "end": 1})).len(), 2);
}

#[test]
fn status_is_not_judged_and_not_seen_by_rules() {
    let object = json!({"spec": {"type": "dns"}, "status": {"anything": ["goes"]}});
    assert_eq!(schema().validate(&object), []);
}

#[test]
fn a_schema_with_a_broken_rule_is_refused() {
    let broken = json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.("}]});
    let error = Schema::compile(&serde_json::from_value(broken).unwrap()).unwrap_err();
    assert!(matches!(error, SchemaError::Rule { .. }), "{error}");
    let broken = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}});
    let error = Schema::compile(&serde_json::from_value(broken).unwrap()).unwrap_err();
    assert!(matches!(error, SchemaError::Pattern { .. }), "{error}");
}

#[test]
fn schemas_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&schema());
}

#[test]
fn names_are_suggested_when_they_are_close() {
    let names = ["intervalSeconds", "timeoutSeconds", "url", "type", "maxLatencyMs"];
    assert_eq!(closest("interval", names), Some("intervalSeconds"));
    assert_eq!(closest("timeout_seconds", names), Some("timeoutSeconds"));
    assert_eq!(closest("ulr", names), Some("url"));
    assert_eq!(closest("timeoutSecs", names), Some("timeoutSeconds"));
    assert_eq!(closest("typ", names), Some("type"));
    assert_eq!(closest("bananas", names), None);
}

#[test]
fn what_is_empty_is_not_there_and_whole_numbers_may_have_a_fraction() {
    let spec = json!({
        "type": "http", "intervalSeconds": 60.0, "codes": [204.0], "enabled": null, "note": null,
        "start": null, "end": 3, "headers": {"X-A": null}, "items": [{"name": "a", "weight": 1.0}],
    });
    assert_eq!(problems(&spec), Vec::<String>::new());
    let normal = schema().normal(&json!({"metadata": {"name": null}, "spec": spec}));
    assert_eq!(
        normal.to_string(),
        json!({"metadata": {"name": null}, "spec": {
            "type": "http", "intervalSeconds": 60, "codes": [204], "note": null,
            "end": 3, "headers": {}, "items": [{"name": "a", "weight": 1.0}],
        }})
        .to_string(),
    );
    assert_eq!(
        problems(&json!({"type": null, "intervalSeconds": 1.5})),
        [
            "spec.intervalSeconds: must be a whole number (found 1.5)",
            "spec.type: is required and missing; add `type` with one of http, tcp, dns",
        ]
    );
}
