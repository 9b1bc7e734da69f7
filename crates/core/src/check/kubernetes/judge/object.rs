//! An object of the cluster, read without trusting that it has any shape.

use serde_json::Value;

use crate::observation::bounded;
use crate::time::Timestamp;

/// Longest text of an object that is shown, in bytes.
const MAX_SHOWN_BYTES: usize = 240;

/// An object.
#[derive(Clone, Copy)]
pub(super) struct Object<'a>(&'a Value);

impl<'a> Object<'a> {
    pub(super) const fn new(object: &'a Value) -> Self {
        Self(object)
    }

    /// All of it.
    pub(super) const fn value(self) -> &'a Value {
        self.0
    }

    /// Its name.
    pub(super) fn name(self) -> &'a str {
        self.0["metadata"]["name"].as_str().unwrap_or("an object without a name")
    }

    /// Its kind.
    pub(super) fn kind(self) -> &'a str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    /// A part of its metadata.
    pub(super) fn metadata(self, field: &str) -> &'a Value {
        &self.0["metadata"][field]
    }

    /// A part of its spec.
    pub(super) fn spec(self, field: &str) -> &'a Value {
        &self.0["spec"][field]
    }

    /// A part of its status.
    pub(super) fn status(self, field: &str) -> &'a Value {
        &self.0["status"][field]
    }

    /// A number in its status; what is 0 is left out by the API.
    pub(super) fn count(self, field: &str) -> u64 {
        self.status(field).as_u64().unwrap_or(0)
    }

    /// Whether somebody deleted it and it is on its way out.
    pub(super) fn is_being_deleted(self) -> bool {
        self.metadata("deletionTimestamp").is_string()
    }

    /// Whether its controller has not looked at its latest change yet.
    pub(super) fn is_behind(self) -> bool {
        let seen = self.status("observedGeneration").as_i64();
        let written = self.metadata("generation").as_i64();
        seen.zip(written).is_some_and(|(seen, written)| seen < written)
    }

    /// What controls it, by its uid.
    pub(super) fn controller(self) -> Option<&'a str> {
        let owners = items(self.metadata("ownerReferences"));
        owners.iter().find(|owner| owner["controller"] == true)?["uid"].as_str()
    }

    /// Its conditions.
    pub(super) fn conditions(self) -> impl Iterator<Item = Condition<'a>> {
        items(self.status("conditions")).iter().map(Condition)
    }

    /// The condition of a type.
    pub(super) fn condition(self, kind: &str) -> Option<Condition<'a>> {
        self.conditions().find(|it| it.kind() == kind)
    }
}

/// A condition of an object.
#[derive(Clone, Copy)]
pub(super) struct Condition<'a>(&'a Value);

impl<'a> Condition<'a> {
    /// Its type.
    pub(super) fn kind(self) -> &'a str {
        self.0["type"].as_str().unwrap_or_default()
    }

    /// `True`, `False` or `Unknown`.
    pub(super) fn status(self) -> &'a str {
        self.0["status"].as_str().unwrap_or_default()
    }

    pub(super) fn is_true(self) -> bool {
        self.status() == "True"
    }

    /// Its reason, one word.
    pub(super) fn reason(self) -> &'a str {
        self.0["reason"].as_str().unwrap_or_default()
    }

    /// The generation of the object that it speaks of.
    pub(super) fn generation(self) -> Option<i64> {
        self.0["observedGeneration"].as_i64()
    }

    /// Reason and message as a remark in parentheses; nothing if it gives neither.
    pub(super) fn why(self) -> String {
        let message = self.0["message"].as_str().unwrap_or_default();
        in_parentheses(self.reason(), message)
    }

    /// ` since 2026-01-01T00:00:00Z`, if it says when it became what it is.
    pub(super) fn since(self) -> String {
        instant(&self.0["lastTransitionTime"]).map_or_else(String::new, |at| format!(" since {at}"))
    }
}

/// ` (reason: message)`, or what there is of it.
pub(super) fn in_parentheses(reason: &str, message: &str) -> String {
    match (reason, message) {
        ("", "") => String::new(),
        (one, "") | ("", one) => format!(" ({})", shown(one)),
        (reason, message) => format!(" ({}: {})", shown(reason), shown(message)),
    }
}

/// The entries of a list; none if it is no list.
pub(super) fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text of an object as a sentence can hold it: in one line and not too long.
pub(super) fn shown(text: &str) -> String {
    // Enough of it to fill what is shown, whatever is taken out.
    let text: String = text.chars().take(4 * MAX_SHOWN_BYTES).collect();
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|it| !it.is_empty())
        .collect();
    bounded(words.join(" "), MAX_SHOWN_BYTES)
}

/// An instant.
pub(super) fn instant(text: &Value) -> Option<Timestamp> {
    text.as_str()?.parse().ok()
}

/// `1 pod` or `2 pods`.
pub(super) fn number(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Joins remarks to a sentence.
pub(super) fn with_remarks(sentence: String, remarks: &[String]) -> String {
    remarks.iter().fold(sentence, |sentence, remark| format!("{sentence}; {remark}"))
}
