//! `MonitorSet.matrix`: variables in strings and the combinations of their values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A value for each variable, in the order of the variables' names.
pub(super) type Assignment<'a> = BTreeMap<&'a str, String>;

/// Every combination of the values of the variables that are `used`; none if there are more
/// than `room`.
pub(super) fn combinations<'a>(
    matrix: &'a BTreeMap<String, Vec<String>>,
    used: &BTreeSet<String>,
    room: usize,
) -> Option<Vec<Assignment<'a>>> {
    let mut list = vec![Assignment::new()];
    for (name, values) in matrix.iter().filter(|(name, _)| used.contains(*name)) {
        if list.len().saturating_mul(values.len()) > room {
            return None;
        }
        list = list
            .iter()
            .flat_map(|known| {
                values.iter().map(move |value| {
                    let mut next = known.clone();
                    next.insert(name, value.clone());
                    next
                })
            })
            .collect();
    }
    (list.len() <= room).then_some(list)
}

/// The names in `{{ .name }}` anywhere in the strings of a value.
pub(super) fn variables_in(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(value, &mut names);
    names
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for piece in pieces(text) {
                if let Piece::Variable(name) = piece {
                    names.insert(name.to_owned());
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, names)),
        Value::Object(map) => map.values().for_each(|value| collect(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The value with every variable of the assignment filled in.
pub(super) fn fill(value: &Value, assignment: &Assignment<'_>) -> Value {
    match value {
        Value::String(text) => Value::String(
            pieces(text)
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Variable(name) => assignment.get(name).map_or("", String::as_str),
                })
                .collect(),
        ),
        Value::Array(list) => list.iter().map(|value| fill(value, assignment)).collect(),
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, value)| (key.clone(), fill(value, assignment))).collect(),
        ),
        other => other.clone(),
    }
}

/// A value as part of a name: lower case, everything else than letters and digits as `-`.
pub(super) fn sanitized(value: &str) -> String {
    let mut name = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_matches('-').to_owned()
}

/// A piece of a string with variables.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// The pieces of a string. What is not of the form `{{ .name }}` is text.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(open) = rest[from..].find("{{").map(|at| at + from) {
            if let Some((name, length)) = variable(&rest[open..]) {
                if open == 0 {
                    rest = &rest[length..];
                    return Some(Piece::Variable(name));
                }
                let (before, after) = rest.split_at(open);
                rest = after;
                return Some(Piece::Text(before));
            }
            from = open + 2;
        }
        Some(Piece::Text(std::mem::take(&mut rest)))
    })
}

/// The name in a leading `{{ .name }}` and how long that is.
fn variable(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("{{")?;
    let end = inner.find("}}")?;
    let name = inner[..end].trim().strip_prefix('.')?;
    let good =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    good.then_some((name, end + 4))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_found_and_filled_wherever_strings_are() {
        let value =
            json!({"url": "https://{{ .host }}/{{.path}}", "n": 1, "list": ["{{ .host }}"]});
        let names = variables_in(&value);
        assert_eq!(names, BTreeSet::from(["host".to_owned(), "path".to_owned()]));
        let assignment = Assignment::from([("host", "a".to_owned()), ("path", "b".to_owned())]);
        assert_eq!(fill(&value, &assignment), json!({"url": "https://a/b", "n": 1, "list": ["a"]}));
    }

    #[test]
    fn other_braces_are_text() {
        for text in ["{{", "{{ name }}", "{{ . }}", "{ .a }", "{{ .a b }}", "}}{{"] {
            assert!(variables_in(&json!(text)).is_empty(), "{text}");
            assert_eq!(fill(&json!(text), &Assignment::new()), json!(text));
        }
    }

    #[test]
    fn combinations_are_counted_before_they_are_made() {
        let matrix = BTreeMap::from([
            ("a".to_owned(), vec!["1".to_owned(); 100]),
            ("b".to_owned(), vec!["1".to_owned(); 100]),
            ("c".to_owned(), vec!["1".to_owned(); 3]),
        ]);
        let used = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert!(combinations(&matrix, &used(&["a", "b"]), 1000).is_none());
        assert_eq!(combinations(&matrix, &used(&["a", "c"]), 1000).unwrap().len(), 300);
        assert_eq!(combinations(&matrix, &used(&[]), 1000).unwrap().len(), 1);
        assert!(combinations(&matrix, &used(&[]), 0).is_none());
    }

    proptest! {
        #[test]
        fn filling_never_panics_and_leaves_no_variable(text in "[{}. a-c]{0,40}") {
            let value = json!(text);
            let names = variables_in(&value);
            let assignment: Assignment<'_> =
                names.iter().map(|name| (name.as_str(), "x".to_owned())).collect();
            let filled = fill(&value, &assignment);
            if names.is_empty() {
                prop_assert_eq!(filled, value);
            }
        }

        #[test]
        fn names_made_of_values_are_valid_or_empty(value in "\\PC{0,40}") {
            let name = sanitized(&value);
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        }
    }
}
