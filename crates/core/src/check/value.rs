//! Values of JSON as checks compare and show them.

use std::cmp::Ordering;

use serde_json::Value;

/// Equal as text, as numbers, or as JSON.
pub fn equal(value: &Value, expected: &str) -> bool {
    if shown(value) == expected {
        return true;
    }
    if let (Some(a), Some(b)) = (number(value), parse_number(expected)) {
        return a.partial_cmp(&b) == Some(Ordering::Equal);
    }
    matches!(value, Value::Array(_) | Value::Object(_))
        && serde_json::from_str::<Value>(expected).is_ok_and(|expected| *value == expected)
}

/// A number, also one that is written as text.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse_number(text),
        _ => None,
    }
}

/// Numbers as JSON writes them; words such as `inf` are text.
pub fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    begins.then(|| text.parse().ok()).flatten().filter(|number: &f64| number.is_finite())
}

/// Strings without quotes, everything else as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_equal_by_value() {
        for (value, expected, same) in [
            (json!(1), "1", true),
            (json!(1), "1.0", true),
            (json!("1"), "1", true),
            (json!("1.0"), "1", true),
            (json!(1e3), "1000", true),
            (json!(true), "true", true),
            (json!(null), "null", true),
            (json!("ok"), "ok", true),
            (json!("ok"), "OK", false),
            (json!({"a": [1]}), "{ \"a\": [1] }", true),
            (json!([1, 2]), "[1,2]", true),
            (json!([1, 2]), "[2,1]", false),
            (json!("inf"), "infinity", false),
        ] {
            assert_eq!(equal(&value, expected), same, "{value} and {expected}");
        }
    }
}
