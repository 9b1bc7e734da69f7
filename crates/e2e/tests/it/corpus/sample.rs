//! The smallest value that a schema takes.

use serde_json::{Map, Value, json};

/// Makes it. Rules in CEL may still refuse it.
pub(crate) fn minimal(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return json!(200);
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required
                .filter_map(Value::as_str)
                .map(|name| (name.to_owned(), minimal(&schema["properties"][name])));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => many(&schema["items"], schema["minItems"].as_u64().unwrap_or_default()),
        Some("string") => json!(text(schema)),
        Some("integer" | "number") => json!(schema["minimum"].as_f64().map_or(1, integral)),
        Some("boolean") => json!(true),
        _ => json!({}),
    }
}

/// So many items of a list, all different, so that they may be a set or have the key of a map.
pub(crate) fn many(items: &Value, count: u64) -> Value {
    (0..count).map(|number| different(minimal(items), number)).collect()
}

fn different(value: Value, number: u64) -> Value {
    match value {
        Value::String(text) => json!(format!("{text}{number}")),
        Value::Number(least) => json!(least.as_u64().unwrap_or_default() + number),
        Value::Object(mut fields) => {
            for key in ["name", "type", "matchGroup"] {
                if let Some(Value::String(text)) = fields.get(key) {
                    let text = format!("{text}{number}");
                    fields.insert(key.to_owned(), json!(text));
                }
            }
            Value::Object(fields)
        }
        other => other,
    }
}

fn text(schema: &Value) -> String {
    if schema["format"] == "date-time" {
        return "2030-01-01T00:00:00Z".to_owned();
    }
    let least = usize::try_from(schema["minLength"].as_u64().unwrap_or(1)).unwrap().max(1);
    match schema["pattern"].as_str() {
        Some(pattern) if pattern.starts_with("^/") => "/a".to_owned(),
        Some(pattern) if pattern.starts_with("^#") => "#abc".to_owned(),
        _ => "a".repeat(least),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounds of our schemas are small")]
fn integral(number: f64) -> i64 {
    number.ceil() as i64
}
