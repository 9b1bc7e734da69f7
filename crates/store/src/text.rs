//! Texts on their way into a store.

use std::collections::BTreeMap;

/// The longest stored message of a push, in bytes.
pub(crate) const PUSH_MESSAGE: usize = 512;

/// The longest beginning of at most `limit` bytes that is whole characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or("")
}

/// Pairs as a JSON object.
pub(crate) fn json_map(map: &BTreeMap<String, String>) -> String {
    let pairs = map.iter().map(|(key, value)| (key.clone(), value.clone().into()));
    serde_json::Value::Object(pairs.collect()).to_string()
}
