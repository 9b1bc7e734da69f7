//! `MonitorSet`: defaults merged under items, items expanded over the matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kuma_core::id::ObjectName;
use kuma_core::monitor::{Monitor, MonitorOrigin};
use kuma_core::object::{BadItem, MonitorSet, Problem};
use serde_json::{Map, Value};

use super::matrix::{Assignment, combinations, fill, sanitized, variables_in};
use super::monitor::{Place, monitor};
use super::{Context, has_errors, shape};
use crate::kinds::{MonitorSetSpec, MonitorSpec};

/// Most monitors of one set.
const MAX_MONITORS: usize = 1000;

/// One monitor to be, before conversion.
struct Expanded {
    /// Position of its item.
    index: usize,
    /// Its name within the set.
    name: String,
    /// Its spec, defaults merged and variables filled in.
    spec: Map<String, Value>,
}

pub(super) fn convert(context: &mut Context<'_>, spec: &MonitorSetSpec) -> Option<MonitorSet> {
    let mut expanded = Vec::new();
    let empty = BTreeMap::new();
    let matrix = spec.matrix.as_ref().unwrap_or(&empty);
    let mut set =
        MonitorSet { name: context.key.name.clone(), monitors: Vec::new(), invalid: Vec::new() };
    for (index, item) in spec.items.iter().enumerate() {
        let merged = merged(spec.defaults.as_ref(), item);
        match expand(index, merged, matrix, MAX_MONITORS.saturating_sub(expanded.len())) {
            Ok(list) => expanded.extend(list),
            Err(Refused::TooMany) => {
                context.push(
                    Problem::semantic("spec.items", "the set has more than 1,000 monitors")
                        .with_fix("split it into several sets"),
                );
                return None;
            }
            Err(Refused::Item(problem)) => refuse(context, &mut set, item, index, vec![*problem]),
        }
    }
    let mut names = BTreeSet::new();
    for it in expanded {
        let taken = !names.insert(it.name.clone());
        one(context, &mut set, it, taken);
    }
    Some(set)
}

/// Why an item was not expanded.
enum Refused {
    TooMany,
    Item(Box<Problem>),
}

/// Notes an item that cannot be expanded.
fn refuse(
    context: &mut Context<'_>,
    set: &mut MonitorSet,
    item: &Map<String, Value>,
    index: usize,
    problems: Vec<Problem>,
) {
    let name = item.get("name").and_then(Value::as_str);
    set.invalid.push(BadItem {
        name: name.map_or_else(|| index.to_string(), str::to_owned),
        problems: problems.clone(),
    });
    context.problems.extend(problems);
}

/// Converts one monitor of the set, into `monitors` or `invalid`.
fn one(context: &mut Context<'_>, set: &mut MonitorSet, it: Expanded, taken: bool) {
    let before = std::mem::take(&mut context.problems);
    let converted = convert_one(context, &it, taken);
    let problems = std::mem::replace(&mut context.problems, before);
    for problem in &problems {
        // The combinations of one item usually have the same problems.
        if !context.problems.contains(problem) {
            context.problems.push(problem.clone());
        }
    }
    match converted {
        Some(monitor) if !has_errors(&problems) => set.monitors.push(Arc::new(monitor)),
        _ => set.invalid.push(BadItem { name: it.name, problems }),
    }
}

fn convert_one(context: &mut Context<'_>, it: &Expanded, taken: bool) -> Option<Monitor> {
    let at = format!("spec.items[{}]", it.index);
    let set = context.key.name.name.to_string();
    let full = format!("{set}-{}", it.name);
    if taken {
        context.push(
            Problem::semantic(format!("{at}.name"), "another item of the set has this name")
                .with_value(&it.name)
                .with_fix("give each item its own name"),
        );
    }
    if !is_name(&full) {
        context.push(
            Problem::semantic(format!("{at}.name"), "the monitor's name would not be a valid one")
                .with_value(&full)
                .with_fix("use lower-case letters, digits, - and . only, at most 253 in all"),
        );
    }
    let spec = match serde_json::from_value::<MonitorSpec>(Value::Object(it.spec.clone())) {
        Ok(spec) => spec,
        Err(error) => {
            context.push(shape(&at, error.to_string()));
            return None;
        }
    };
    let place = Place {
        at: &at,
        name: ObjectName::new(context.namespace(), full),
        origin: MonitorOrigin::Set { set, item: it.name.clone() },
    };
    monitor(context, &place, &spec)
}

/// An item with the defaults under it: objects field by field, everything else replaced.
fn merged(defaults: Option<&Map<String, Value>>, item: &Map<String, Value>) -> Map<String, Value> {
    let mut result = defaults.cloned().unwrap_or_default();
    overlay(&mut result, item);
    result
}

fn overlay(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => overlay(under, over),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

/// An item for every combination of the variables that it uses.
fn expand(
    index: usize,
    mut item: Map<String, Value>,
    matrix: &BTreeMap<String, Vec<String>>,
    room: usize,
) -> Result<Vec<Expanded>, Refused> {
    let at = format!("spec.items[{index}]");
    let Some(Value::String(name)) = item.remove("name") else {
        let problem = shape(format!("{at}.name"), "an item needs a name");
        return Err(Refused::Item(Box::new(problem)));
    };
    if matrix.is_empty() {
        let single = Expanded { index, name, spec: item };
        return if room == 0 { Err(Refused::TooMany) } else { Ok(vec![single]) };
    }
    let in_name = variables_in(&Value::String(name.clone()));
    let spec = Value::Object(item);
    let mut used = variables_in(&spec);
    used.extend(in_name.iter().cloned());
    if let Some(unknown) = used.iter().find(|name| !matrix.contains_key(*name)) {
        let known: Vec<&str> = matrix.keys().map(String::as_str).collect();
        let problem = Problem::semantic(&at, format!("there is no matrix variable `{unknown}`"))
            .with_fix(fix(unknown, &known));
        return Err(Refused::Item(Box::new(problem)));
    }
    let Some(list) = combinations(matrix, &used, room) else {
        return Err(Refused::TooMany);
    };
    Ok(list
        .iter()
        .map(|assignment| Expanded {
            index,
            name: item_name(&name, &in_name, assignment),
            spec: match fill(&spec, assignment) {
                Value::Object(map) => map,
                _ => Map::new(),
            },
        })
        .collect())
}

/// The item's name with its variables filled in, and the values of the others appended.
fn item_name(template: &str, in_name: &BTreeSet<String>, assignment: &Assignment<'_>) -> String {
    let clean: Assignment<'_> =
        assignment.iter().map(|(name, value)| (*name, sanitized(value))).collect();
    let mut name = match fill(&Value::String(template.to_owned()), &clean) {
        Value::String(name) => name,
        _ => template.to_owned(),
    };
    for (variable, value) in &clean {
        if !in_name.contains(*variable) {
            name.push('-');
            name.push_str(value);
        }
    }
    name
}

/// RFC 1123 subdomain, as Kubernetes has it.
fn is_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 253
        && text.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(|byte| good(*byte))
                && bytes.last().is_some_and(|byte| good(*byte))
                && bytes.iter().all(|byte| good(*byte) || *byte == b'-')
        })
}

/// What to do about a variable that is not there. YAML takes some short names for yes and no, as
/// `kubectl` does.
fn fix(unknown: &str, known: &[&str]) -> String {
    let read_as = match unknown.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" => "true",
        "n" | "no" | "off" => "false",
        _ => "",
    };
    if known.contains(&read_as) {
        return format!("put the name in quotes: YAML reads {unknown} as {read_as}");
    }
    format!("use {}", known.join(", "))
}
