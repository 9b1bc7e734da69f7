//! What people write into fields: patterns, queries, templates, conditions, recurrences.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::tz::TimeZone;
use kuma_core::check::{CheckType, variables};
use kuma_expr::{
    Condition, EVENT_VARIABLES, Glob, JsonPath, Pattern, Recurrence, Template, Type, Value,
};

use crate::two_texts;

/// A regular expression or glob, and a text.
pub(crate) fn patterns(data: &[u8]) {
    let Some((source, text)) = two_texts(data) else {
        return;
    };
    if let Ok(pattern) = Pattern::compile(source) {
        pattern.is_match(text);
        pattern.is_match_bytes(data);
    }
    if let Ok(glob) = Glob::compile(source) {
        glob.is_match(text);
    }
}

/// A JSONPath query, and a document.
pub(crate) fn queries(data: &[u8]) {
    let Some((source, text)) = two_texts(data) else {
        return;
    };
    if let (Ok(path), Ok(value)) = (JsonPath::compile(source), serde_json::from_str(text)) {
        path.query(&value);
    }
}

/// A template, and values as JSON.
pub(crate) fn templates(data: &[u8]) {
    let Some((source, text)) = two_texts(data) else {
        return;
    };
    let Ok(template) = Template::compile(source, EVENT_VARIABLES) else {
        return;
    };
    let values = serde_json::from_str(text).unwrap_or_else(|_| serde_json::json!({}));
    let _ = template.render(&values);
    let _ = template.render_json(&values);
}

/// A condition, and a body as text, which may be JSON.
pub(crate) fn conditions(data: &[u8]) {
    let Some((source, text)) = two_texts(data) else {
        return;
    };
    let known = variables(CheckType::Http);
    let Ok(condition) = Condition::compile(source, &known) else {
        return;
    };
    let values: BTreeMap<&'static str, Value> =
        known.iter().map(|variable| (variable.name, value(&variable.kind, text))).collect();
    let _ = condition.holds(&values);
}

fn value(of: &Type, text: &str) -> Value {
    match of {
        Type::Bool => Value::Bool(text.len().is_multiple_of(2)),
        Type::Int => Value::Int(i64::try_from(text.len()).unwrap_or(i64::MAX)),
        Type::Double => Value::Double(text.len() as f64 / 3.0),
        Type::Text => Value::Text(text.into()),
        Type::List(_) => Value::list(vec![Value::Text(text.into()); 3]),
        Type::Map(_) => Value::map([("server".into(), Value::Text(text.into()))]),
        Type::Any => {
            serde_json::from_str::<serde_json::Value>(text).map_or(Value::Null, Value::from)
        }
        Type::Null => Value::Null,
    }
}

/// A recurrence rule or cron expression.
pub(crate) fn recurrences(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else {
        return;
    };
    let start = date(2026, 3, 29).at(2, 30, 0, 0);
    let Ok(zone) = TimeZone::get("Europe/Berlin") else {
        return;
    };
    let Ok(now) = start.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()) else {
        return;
    };
    for found in
        [Recurrence::rrule(source, start, zone.clone()), Recurrence::cron(source, None, zone)]
            .into_iter()
            .flatten()
    {
        let last = found.last_at_or_before(now);
        let next = found.next_after(now);
        assert!(last.is_none_or(|last| last <= now), "{source}: {last:?} is after {now}");
        assert!(next.is_none_or(|next| next > now), "{source}: {next:?} is not after {now}");
    }
}
