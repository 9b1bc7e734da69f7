//! Values on their way into and out of an expression.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

/// Deepest value that is printed or converted; what lies below is left out.
const MAX_DEPTH: usize = 32;

/// A JSON value for the engine.
pub(super) fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map(Value::from)
            .or_else(|| number.as_u64().map(Value::from))
            .or_else(|| number.as_f64().map(Value::from))
            .unwrap_or_default(),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect(),
        serde_json::Value::Object(entries) => Value::from_pairs(
            entries.iter().map(|(key, value)| (Value::from(key.as_str()), from_json(value))),
        ),
    }
}

/// The JSON of an engine's value.
pub(super) fn to_json(value: &Value, depth: usize) -> serde_json::Value {
    if depth > MAX_DEPTH {
        return serde_json::Value::Null;
    }
    match value.kind() {
        ValueKind::Bool => serde_json::Value::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::Undefined | ValueKind::None => serde_json::Value::Null,
        ValueKind::Map => serde_json::Value::Object(
            value
                .try_iter()
                .into_iter()
                .flatten()
                .map(|key| {
                    let entry = value.get_item(&key).unwrap_or_default();
                    (text(&key), to_json(&entry, depth + 1))
                })
                .collect(),
        ),
        ValueKind::Seq | ValueKind::Iterable => serde_json::Value::Array(
            value.try_iter().into_iter().flatten().map(|item| to_json(&item, depth + 1)).collect(),
        ),
        _ => serde_json::Value::String(value.to_string()),
    }
}

fn number(value: &Value) -> serde_json::Value {
    if value.is_integer()
        && let Some(number) = value.as_i64()
    {
        return number.into();
    }
    f64::try_from(value.clone())
        .ok()
        .and_then(serde_json::Number::from_f64)
        .map_or(serde_json::Value::Null, serde_json::Value::Number)
}

/// What a value looks like in a message: nothing when absent, `a=b, c=d` for a map.
pub(super) fn text(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => String::new(),
        ValueKind::Map => match to_json(value, 0) {
            serde_json::Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| format!("{key}={}", plain(value)))
                .collect::<Vec<_>>()
                .join(", "),
            other => plain(&other),
        },
        ValueKind::Seq | ValueKind::Iterable => match to_json(value, 0) {
            serde_json::Value::Array(items) => {
                items.iter().map(plain).collect::<Vec<_>>().join(", ")
            }
            other => plain(&other),
        },
        _ => value.to_string(),
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The text as the inside of a JSON string.
pub(super) fn json_content(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // U+2028 and U+2029 end a line for readers that take the body for JavaScript.
            c if c < ' ' || matches!(c, '\u{7f}' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}
