//! CEL rules of a schema (`x-kubernetes-validations`), written as pairs of rule and message.

use serde_json::{Value, json};

/// The extension's value for pairs of a CEL rule and what a person reads when it does not hold.
pub(crate) fn rules(list: &[(&str, &str)]) -> Value {
    list.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}

/// The rule of every point in time. What it says is hardly ever broken; that there is a rule makes
/// the API server read the time strictly, where the format alone lets a list pass.
pub(crate) fn time_rules() -> Value {
    rules(&[(
        "self < timestamp('9000-01-01T00:00:00Z')",
        "must be a time before the year 9000, such as 2026-03-29T01:30:00Z",
    )])
}
