//! CEL rules of a schema (`x-kubernetes-validations`), written as pairs of rule and message.

use serde_json::{Value, json};

/// The extension's value for pairs of a CEL rule and what a person reads when it does not hold.
pub(crate) fn rules(list: &[(&str, &str)]) -> Value {
    list.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}
