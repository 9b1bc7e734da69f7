//! The functions that conditions may call.

use std::borrow::Cow;

use super::run::{Outcome, Run, error};
use super::{Type, Value};
use crate::Pattern;

/// A function as documentation lists it.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How many values it takes, the one before the dot included.
    pub(super) values: usize,
    pub(super) gives: Type,
    /// What the first value must be.
    pub(super) of: Type,
}

/// All of them.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "size", values: 1, gives: Type::Int, of: Type::Any },
    Function { name: "contains", values: 2, gives: Type::Bool, of: Type::Text },
    Function { name: "startsWith", values: 2, gives: Type::Bool, of: Type::Text },
    Function { name: "endsWith", values: 2, gives: Type::Bool, of: Type::Text },
    Function { name: "matches", values: 2, gives: Type::Bool, of: Type::Text },
    Function { name: "int", values: 1, gives: Type::Int, of: Type::Any },
    Function { name: "double", values: 1, gives: Type::Double, of: Type::Any },
    Function { name: "string", values: 1, gives: Type::Text, of: Type::Any },
    Function { name: "dyn", values: 1, gives: Type::Any, of: Type::Any },
];

/// What it takes to compile a regular expression that is not written in the condition, in steps.
const PATTERN_STEPS: u64 = 50_000;

/// Calls a function; the value before the dot is the first one.
pub(super) fn call(run: &mut Run<'_>, name: &str, values: &[Value]) -> Outcome {
    match (name, values) {
        ("size", [value]) => size(run, value),
        ("contains", [Value::Text(text), Value::Text(part)]) => {
            run.spend_bytes(text.len())?;
            Ok(Value::Bool(text.contains(&**part)))
        }
        ("startsWith", [Value::Text(text), Value::Text(part)]) => {
            run.spend_bytes(part.len())?;
            Ok(Value::Bool(text.starts_with(&**part)))
        }
        ("endsWith", [Value::Text(text), Value::Text(part)]) => {
            run.spend_bytes(part.len())?;
            Ok(Value::Bool(text.ends_with(&**part)))
        }
        ("matches", [Value::Text(text), Value::Text(pattern)]) => matches(run, text, pattern),
        ("int", [value]) => int(value),
        ("double", [value]) => double(value),
        ("string", [value]) => string(value),
        ("dyn", [value]) => Ok(value.clone()),
        (name, values) => {
            let shown: Vec<String> = values.iter().map(Value::shown).collect();
            error(format!("{name} cannot be asked of {}", shown.join(" and ")))
        }
    }
}

fn size(run: &mut Run<'_>, value: &Value) -> Outcome {
    let size = match value {
        // Characters, as the language has it, not bytes.
        Value::Text(text) => {
            run.spend_bytes(text.len())?;
            text.chars().count()
        }
        Value::List(items) => items.len(),
        Value::Map(map) => map.len(),
        other => return error(format!("size cannot be asked of {}", other.shown())),
    };
    Ok(super::run::whole(size as u64))
}

fn matches(run: &mut Run<'_>, text: &str, pattern: &str) -> Outcome {
    run.spend(text.len() as u64 / 64)?;
    let pattern = if let Some(known) = run.patterns.get(pattern) {
        Cow::Borrowed(known)
    } else {
        run.spend(PATTERN_STEPS)?;
        match Pattern::compile(pattern) {
            Ok(compiled) => Cow::Owned(compiled),
            Err(_) => return error("what `matches` is given is no regular expression"),
        }
    };
    Ok(Value::Bool(pattern.is_match(text)))
}

fn int(value: &Value) -> Outcome {
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked just before")]
    match value {
        Value::Int(_) => Ok(value.clone()),
        Value::Double(number) if number.abs() < 9.2e18 => Ok(Value::Int(*number as i64)),
        Value::Text(text) => match text.trim().parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => error("a text that is no whole number is made an int"),
        },
        other => error(format!("{} is made an int", other.shown())),
    }
}

fn double(value: &Value) -> Outcome {
    match value {
        Value::Text(text) => match text.trim().parse() {
            Ok(number) => Ok(Value::Double(number)),
            Err(_) => error("a text that is no number is made a double"),
        },
        other => match other.number() {
            Some(number) => Ok(Value::Double(number)),
            None => error(format!("{} is made a double", other.shown())),
        },
    }
}

fn string(value: &Value) -> Outcome {
    match value {
        Value::Text(_) => Ok(value.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => Ok(Value::from(value.shown())),
        other => error(format!("{} is made a string", other.shown())),
    }
}
