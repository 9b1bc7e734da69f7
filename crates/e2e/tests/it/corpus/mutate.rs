//! What can be wrong with one value, by its schema: types, bounds, formats, required and unknown
//! fields, and values just inside the bounds, which are right.

use serde_json::{Value, json};

use super::sample::{many, minimal};

/// A value in another's place, and what is done by it.
pub(crate) type Change = (String, Value);

/// Everything that is tried in place of a value.
pub(crate) fn changes(schema: &Value, value: &Value) -> Vec<Change> {
    let mut changes = types();
    match schema["type"].as_str() {
        Some("string") => texts(schema, value, &mut changes),
        Some("integer" | "number") => numbers(schema, &mut changes),
        Some("array") => lists(schema, value, &mut changes),
        Some("object") => objects(schema, value, &mut changes),
        _ => {}
    }
    if schema["x-kubernetes-int-or-string"] == true {
        changes.push(change("a whole number with a fraction", json!(1.0)));
        changes.push(change("digits", json!("204")));
    }
    changes
}

fn change(what: &str, value: Value) -> Change {
    (what.to_owned(), value)
}

/// One value of every JSON type.
fn types() -> Vec<Change> {
    vec![
        change("null", Value::Null),
        change("a boolean", json!(true)),
        change("a number", json!(7)),
        change("a fraction", json!(1.5)),
        change("a text", json!("text")),
        change("a list", json!([])),
        change("an object", json!({})),
    ]
}

fn texts(schema: &Value, value: &Value, changes: &mut Vec<Change>) {
    if let Some(first) = schema["enum"].get(0).and_then(Value::as_str) {
        changes.push(change("another case", json!(first.to_uppercase())));
        changes.push(change("a space behind", json!(format!("{first} "))));
        for permitted in schema["enum"].as_array().into_iter().flatten() {
            changes.push((format!("the value {permitted}"), permitted.clone()));
        }
        return;
    }
    changes.push(change("an empty text", json!("")));
    changes.push(change("digits", json!("7")));
    if let Some(longest) = schema["maxLength"].as_u64() {
        let longest = usize::try_from(longest).unwrap();
        let base = value.as_str().unwrap_or_default();
        let fill = "a".repeat(longest.saturating_sub(base.chars().count()));
        changes.push(change("the longest text", json!(format!("{base}{fill}"))));
        changes.push(change("a text too long", json!(format!("{base}{fill}a"))));
        // Characters count, not bytes.
        changes.push(change("the longest text of accents", json!("é".repeat(longest))));
    }
    if schema["pattern"].is_string() {
        for text in ["#12345", "#1234567", "a b", "a/b", "-a", "a-", "a\n", "Ä"] {
            changes.push((format!("the text {text:?}"), json!(text)));
        }
    }
    if schema["format"] == "date-time" {
        let times = TIMES.iter().map(|text| (format!("the time {text:?}"), json!(text)));
        changes.extend(times);
    }
}

/// Times, right and wrong, near the edges of RFC 3339.
const TIMES: [&str; 27] = [
    "2030-01-01T00:00:00Z",
    "2030-01-01T00:00:00.123456789Z",
    "2030-01-01T00:00:00+02:00",
    "2030-01-01T00:00:00-23:59",
    "2030-01-01T00:00:00+24:00",
    "2030-01-01t00:00:00z",
    "2030-01-01 00:00:00Z",
    "2030-01-01T00:00:00",
    "2030-01-01T00:00Z",
    "2030-01-01",
    "2030-1-1T00:00:00Z",
    "2030-02-29T00:00:00Z",
    "2030-13-01T00:00:00Z",
    "2030-01-01T24:00:00Z",
    "2030-01-01T23:60:00Z",
    "2030-01-01T23:59:60Z",
    "2030-01-01T00:00:00+0200",
    "2030-01-01T00:00:00+02",
    "2030-01-01T00:00:00Z[Europe/Berlin]",
    "2030-01-01T00:00:00+01:00[Europe/Berlin]",
    "2030-01-01T00:00:00,5Z",
    "20300101T000000Z",
    "+002030-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9500-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "soon",
];

fn numbers(schema: &Value, changes: &mut Vec<Change>) {
    for (bound, beyond) in [("minimum", -1.0), ("maximum", 1.0)] {
        if let Some(limit) = schema[bound].as_f64() {
            changes.push((format!("the {bound}"), whole(limit)));
            changes.push((format!("beyond the {bound}"), whole(limit + beyond)));
        }
    }
    changes.push(change("a whole number with a fraction", json!(7.0)));
    changes.push(change("a negative number", json!(-1)));
    changes.push(change("the largest number of 32 bits and one", json!(2_147_483_648_u64)));
    changes.push(change("the largest number of 64 bits", json!(i64::MAX)));
    changes.push(change("more than 64 bits with a sign hold", json!(u64::MAX)));
    changes.push(change("digits", json!("7")));
}

#[expect(clippy::cast_possible_truncation, reason = "bounds of our schemas are small")]
fn whole(number: f64) -> Value {
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

fn lists(schema: &Value, value: &Value, changes: &mut Vec<Change>) {
    let items = value.as_array().cloned().unwrap_or_default();
    let first = items.first().cloned().unwrap_or_else(|| minimal(&schema["items"]));
    if let Some(most) = schema["maxItems"].as_u64() {
        changes.push(change("the longest list", many(&schema["items"], most)));
        changes.push(change("a list too long", many(&schema["items"], most + 1)));
    }
    changes.push(change("the same item twice", json!([first, first])));
    changes.push(change("an empty item", json!([first, null])));
    changes.push(change("an item alone, not in a list", first));
}

fn objects(schema: &Value, value: &Value, changes: &mut Vec<Change>) {
    let with = |name: &str, entry: Value| {
        let mut fields = value.as_object().cloned().unwrap_or_default();
        fields.insert(name.to_owned(), entry);
        Value::Object(fields)
    };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let mut fields = value.as_object().cloned().unwrap_or_default();
        fields.shift_remove(name);
        changes.push((format!("without {name}"), Value::Object(fields)));
    }
    let values = &schema["additionalProperties"];
    if values.is_object() {
        for (what, name) in [("no name", ""), ("a path's name", "a.b/c[0]"), ("a name", "name")] {
            changes.push((format!("an entry with {what}"), with(name, minimal(values))));
        }
        changes.push(change("an entry that is null", with("name", Value::Null)));
        changes.push(change("an entry that is a number", with("name", json!(1))));
        if let Some(most) = schema["maxProperties"].as_u64() {
            for (what, count) in [("most entries", most), ("too many entries", most + 1)] {
                let entries = (0..count).map(|it| (format!("name{it}"), minimal(values)));
                changes.push(change(what, Value::Object(entries.collect())));
            }
        }
    } else if schema["x-kubernetes-preserve-unknown-fields"] != true {
        changes.push(change("an unknown field", with("unknownField", json!(1))));
        changes.push(change("an unknown field that is null", with("unknownField", Value::Null)));
    }
}
