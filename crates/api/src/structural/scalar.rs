//! Bounds of texts and numbers.

use kuma_core::object::Problem;
use serde_json::Value;

use super::node::Node;
use super::{closest, format, shown, structural};

/// Judges the value itself, of whatever type.
pub(super) fn check(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    if !node.permitted.is_empty() && !node.permitted.contains(value) {
        problems.push(not_permitted(node, value, path));
    }
    match value {
        Value::String(text) => text_bounds(node, text, path, problems),
        Value::Number(_) => number_bounds(node, value, path, problems),
        _ => {}
    }
}

fn not_permitted(node: &Node, value: &Value, path: &str) -> Problem {
    let names = node.permitted.iter().filter_map(Value::as_str);
    let meant = value.as_str().and_then(|text| closest(text, names));
    let all = list(&node.permitted);
    let fix = match meant {
        Some(meant) => format!("did you mean `{meant}`? Permitted are {all}"),
        None => format!("use one of {all}"),
    };
    structural(path, "is not a permitted value").with_value(shown(value)).with_fix(fix)
}

/// Values in one line, texts without quotes.
pub(super) fn list(values: &[Value]) -> String {
    values
        .iter()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

fn text_bounds(node: &Node, text: &str, path: &str, problems: &mut Vec<Problem>) {
    let length = text.chars().count() as u64;
    let (min, max) = node.length;
    if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
        let why = if length == 0 {
            "must not be empty".to_owned()
        } else {
            format!("must have {}, has {length}", between(min, max, "characters"))
        };
        problems.push(structural(path, why).with_value(shown(&Value::from(text))));
    }
    if let Some(pattern) = &node.pattern
        && !pattern.is_match(text)
    {
        let why = format!("does not match the pattern {}", pattern.as_str());
        problems.push(structural(path, why).with_value(shown(&Value::from(text))));
    }
    if let Some(wrong) = node.format.as_deref().and_then(|name| format::check(name, text)) {
        problems.push(
            structural(path, format!("is no {}", wrong.name))
                .with_value(shown(&Value::from(text)))
                .with_fix(format!("write it like {}", wrong.example)),
        );
    }
}

fn number_bounds(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let Some(number) = value.as_f64() else {
        return;
    };
    let below = node
        .minimum
        .is_some_and(|(limit, exclusive)| number < limit || (exclusive && number <= limit));
    let above = node
        .maximum
        .is_some_and(|(limit, exclusive)| number > limit || (exclusive && number >= limit));
    if below || above {
        problems.push(structural(path, range(node)).with_value(value.to_string()));
    }
    if let Some(step) = node.multiple_of
        && step > 0.0
        && (number / step).fract() != 0.0
    {
        let why = format!("must be a multiple of {step}");
        problems.push(structural(path, why).with_value(value.to_string()));
    }
    let fits = match node.format.as_deref() {
        Some("int32") => value.as_i64().is_none_or(|number| i32::try_from(number).is_ok()),
        Some("int64") => value.as_i64().is_some() || !value.is_u64(),
        _ => true,
    };
    if !fits {
        problems.push(structural(path, "is too large").with_value(value.to_string()));
    }
}

fn range(node: &Node) -> String {
    let low = node.minimum.map(|(limit, exclusive)| {
        if exclusive { format!("greater than {limit}") } else { format!("at least {limit}") }
    });
    let high = node.maximum.map(|(limit, exclusive)| {
        if exclusive { format!("less than {limit}") } else { format!("at most {limit}") }
    });
    let both: Vec<_> = [low, high].into_iter().flatten().collect();
    format!("must be {}", both.join(" and "))
}

/// `at least 1 characters`, `between 1 and 5 items`.
pub(super) fn between(min: Option<u64>, max: Option<u64>, what: &str) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => format!("exactly {min} {what}"),
        (Some(min), Some(max)) => format!("between {min} and {max} {what}"),
        (Some(min), None) => format!("at least {min} {what}"),
        (None, Some(max)) => format!("at most {max} {what}"),
        (None, None) => format!("some {what}"),
    }
}
