//! What the API server makes of an object before it judges it.

use serde_json::{Map, Value};

use super::node::{Node, Type};
use super::walk::COMMON;

/// Largest number up to which every whole number is a fraction's exact value.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Makes a whole object normal; identity, metadata and status are left as they are.
pub(super) fn root(node: &Node, entries: &mut Map<String, Value>) {
    entries.retain(|name, value| COMMON.contains(&name.as_str()) || !is_unset(node, name, value));
    for (name, value) in entries.iter_mut().filter(|(name, _)| !COMMON.contains(&name.as_str())) {
        if let Some(child) = child(node, name) {
            normalise(child, value);
        }
    }
}

fn child<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.properties.get(name).or(node.additional.as_deref())
}

/// Null is as if the field were not there, unless the field can be null.
fn is_unset(node: &Node, name: &str, value: &Value) -> bool {
    value.is_null() && child(node, name).is_some_and(|child| !child.nullable)
}

fn normalise(node: &Node, value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|name, value| !is_unset(node, name, value));
            for (name, value) in entries {
                if let Some(child) = child(node, name) {
                    normalise(child, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(node) = &node.items {
                for item in items {
                    normalise(node, item);
                }
            }
        }
        Value::Number(number) => {
            if matches!(node.kind, Type::Integer | Type::IntOrString)
                && let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole)
            {
                *value = Value::from(whole);
            }
        }
        _ => {}
    }
}

#[expect(clippy::cast_possible_truncation, reason = "within what both types hold exactly")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
