//! A row of a foreign database: whatever columns its version has.

use std::collections::BTreeMap;

use serde_json::Value;

/// Column names and values: null, numbers and texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row(pub BTreeMap<String, Value>);

impl Row {
    /// A text that is there and not empty.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.0.get(column)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The same for a field that we would fill Secrets into: what looks like a reference is
    /// made literal.
    pub(crate) fn literal(&self, column: &str) -> Option<String> {
        self.text(column).map(literal)
    }

    /// A whole number, also one that is stored as text.
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.0.get(column)? {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A number.
    pub fn float(&self, column: &str) -> Option<f64> {
        match self.0.get(column)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Whether a switch is on.
    pub(crate) fn on(&self, column: &str) -> bool {
        self.int(column).is_some_and(|value| value != 0)
    }

    /// A column that holds JSON.
    pub(crate) fn json(&self, column: &str) -> Option<Value> {
        serde_json::from_str(self.text(column)?).ok()
    }
}

/// Makes what looks like a reference to a Secret mean itself.
pub(crate) fn literal(text: &str) -> String {
    text.replace("${SECRET:", "$${SECRET:")
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    let cut = number as i64;
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(cut)
}
