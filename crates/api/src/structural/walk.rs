//! The walk over an object and its schema.

use kuma_core::object::Problem;
use serde_json::{Map, Value};

use super::node::{Node, Type};
use super::{closest, list, scalar, shown, structural};
use crate::document::child_path;

/// Fields that every object has and the schema of a kind leaves out.
pub(super) const COMMON: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// Judges a whole object.
pub(super) fn root(node: &Node, entries: &Map<String, Value>, problems: &mut Vec<Problem>) {
    for (name, value) in entries {
        if COMMON.contains(&name.as_str()) {
            continue;
        }
        match node.properties.get(name) {
            Some(child) => walk(child, value, name, problems),
            None if node.preserve_unknown => {}
            None => problems.push(unknown(node, "", name, &COMMON)),
        }
    }
    required(node, entries, "", problems);
}

/// Judges a value.
pub(super) fn walk(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    if value.is_null() {
        if !node.nullable && node.kind != Type::Any {
            problems.push(
                structural(path, format!("must be {}, not empty", node.kind.words()))
                    .with_value("null")
                    .with_fix("give it a value or remove the field"),
            );
        }
        return;
    }
    if !has_type(node.kind, value) {
        problems.push(wrong_type(node.kind, value, path));
        return;
    }
    values(node, value, path, problems);
    match value {
        Value::Object(entries) => object(node, entries, path, problems),
        Value::Array(items) => list::check(node, items, path, problems),
        _ => {}
    }
}

/// What is asked of the value itself, branches included.
fn values(node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    scalar::check(node, value, path, problems);
    for branch in &node.all_of {
        branch_problems(branch, value, path, problems);
    }
    let fits = |branch: &&Node| {
        let mut found = Vec::new();
        branch_problems(branch, value, path, &mut found);
        found.is_empty()
    };
    if !node.any_of.is_empty() && !node.any_of.iter().any(|branch| fits(&branch)) {
        problems
            .push(structural(path, "fits none of the permitted forms").with_value(shown(value)));
    }
    if !node.one_of.is_empty() {
        let matches = node.one_of.iter().filter(fits).count();
        if matches != 1 {
            let why = format!("must fit exactly one of the permitted forms, fits {matches}");
            problems.push(structural(path, why).with_value(shown(value)));
        }
    }
    if let Some(not) = &node.not
        && fits(&&**not)
    {
        problems
            .push(structural(path, "has a form that is not permitted").with_value(shown(value)));
    }
}

/// A branch of `allOf`, `anyOf`, `oneOf` or `not` adds conditions to a node; it declares no
/// fields, so unknown ones are none of its business.
fn branch_problems(branch: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    if !has_type(branch.kind, value) {
        problems.push(wrong_type(branch.kind, value, path));
        return;
    }
    values(branch, value, path, problems);
    if let Value::Object(entries) = value {
        required(branch, entries, path, problems);
        for (name, child) in &branch.properties {
            if let Some(value) = entries.get(name) {
                branch_problems(child, value, &child_path(path, name), problems);
            }
        }
    }
}

fn object(node: &Node, entries: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    for (name, value) in entries {
        let child = child_path(path, name);
        if let Some(schema) = node.properties.get(name).or(node.additional.as_deref()) {
            walk(schema, value, &child, problems);
        } else if !(node.preserve_unknown || node.any_property || node.kind == Type::Any) {
            problems.push(unknown(node, path, name, &[]));
        }
    }
    required(node, entries, path, problems);
    let size = entries.len() as u64;
    let (min, max) = node.property_count;
    if min.is_some_and(|min| size < min) || max.is_some_and(|max| size > max) {
        let why = format!("must have {}, has {size}", scalar::between(min, max, "entries"));
        problems.push(structural(path, why));
    }
}

fn required(node: &Node, entries: &Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    for name in &node.required {
        if entries.contains_key(name) {
            continue;
        }
        let fix =
            node.properties.get(name).filter(|child| !child.permitted.is_empty()).map_or_else(
                || format!("add `{name}`"),
                |child| format!("add `{name}` with one of {}", scalar::list(&child.permitted)),
            );
        problems.push(structural(child_path(path, name), "is required and missing").with_fix(fix));
    }
}

fn unknown(node: &Node, path: &str, name: &str, more: &[&str]) -> Problem {
    let names = node.properties.keys().map(String::as_str).chain(more.iter().copied());
    let problem = structural(child_path(path, name), "unknown field");
    match closest(name, names) {
        Some(meant) => problem.with_fix(format!("did you mean `{meant}`?")),
        None if node.properties.is_empty() => problem.with_fix("remove it"),
        None => {
            let known: Vec<_> = node.properties.keys().map(String::as_str).collect();
            let shown = known.iter().take(20).copied().collect::<Vec<_>>().join(", ");
            let more = if known.len() > 20 { ", …" } else { "" };
            problem.with_fix(format!("the fields here are {shown}{more}"))
        }
    }
}

fn has_type(kind: Type, value: &Value) -> bool {
    match kind {
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::String => value.is_string(),
        Type::Integer => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::IntOrString => value.is_i64() || value.is_u64() || value.is_string(),
        Type::Any => true,
    }
}

fn wrong_type(kind: Type, value: &Value, path: &str) -> Problem {
    let problem = structural(path, format!("must be {}", kind.words())).with_value(shown(value));
    let fix = match (kind, value) {
        (Type::String | Type::IntOrString, Value::Bool(_) | Value::Number(_)) => {
            Some("put it into quotes".to_owned())
        }
        (Type::Integer | Type::Number, Value::String(text)) if text.parse::<f64>().is_ok() => {
            Some("write it without quotes".to_owned())
        }
        (Type::Boolean, Value::String(text))
            if matches!(text.to_lowercase().as_str(), "true" | "false") =>
        {
            Some("write it without quotes".to_owned())
        }
        (Type::Array, Value::String(_) | Value::Number(_)) => {
            Some(format!("write it as a list: [{}]", shown(value)))
        }
        _ => None,
    };
    match fix {
        Some(fix) => problem.with_fix(fix),
        None => problem,
    }
}
