//! Operators. Numbers of both types may be mixed: whether JSON has `1` or `1.5` is chance.

use std::cmp::Ordering;
use std::sync::Arc;

use cel::common::ast::operators as op;

use super::Value;
use super::run::{Outcome, Run, Stop, error};

/// What the operator makes of the values; none when there is no such operator.
pub(super) fn apply(run: &mut Run<'_>, name: &str, values: &[Value]) -> Option<Outcome> {
    Some(match (name, values) {
        (op::EQUALS, [a, b]) => equal(run, a, b).map(Value::Bool),
        (op::NOT_EQUALS, [a, b]) => equal(run, a, b).map(|same| Value::Bool(!same)),
        (op::LESS, [a, b]) => ordered(run, a, b, "<", Ordering::is_lt),
        (op::LESS_EQUALS, [a, b]) => ordered(run, a, b, "<=", Ordering::is_le),
        (op::GREATER, [a, b]) => ordered(run, a, b, ">", Ordering::is_gt),
        (op::GREATER_EQUALS, [a, b]) => ordered(run, a, b, ">=", Ordering::is_ge),
        (op::IN, [item, all]) => contained(run, item, all),
        (op::INDEX, [value, at]) => index(value, at),
        (op::LOGICAL_NOT, [Value::Bool(value)]) => Ok(Value::Bool(!value)),
        (op::LOGICAL_NOT, [other]) => error(format!("`!` before {}", other.shown())),
        (op::NEGATE, [value]) => negated(value),
        (op::ADD, [a, b]) => add(run, a, b),
        (op::SUBSTRACT, [a, b]) => arithmetic("-", a, b, i64::checked_sub, |a, b| a - b),
        (op::MULTIPLY, [a, b]) => arithmetic("*", a, b, i64::checked_mul, |a, b| a * b),
        (op::DIVIDE, [a, b]) => arithmetic("/", a, b, i64::checked_div, |a, b| a / b),
        (op::MODULO, [a @ Value::Int(_), b @ Value::Int(_)]) => {
            arithmetic("%", a, b, i64::checked_rem, |a, b| a % b)
        }
        (op::MODULO, [a, b]) => mismatch("%", a, b),
        _ => return None,
    })
}

fn mismatch<T>(operator: &str, a: &Value, b: &Value) -> Result<T, Stop> {
    error(format!("`{operator}` between {} and {}", a.shown(), b.shown()))
}

/// Whether two values are equal; those of different types are not.
pub(super) fn equal(run: &mut Run<'_>, a: &Value, b: &Value) -> Result<bool, Stop> {
    run.spend(1)?;
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => {
            run.spend_bytes(a.len().min(b.len()))?;
            a == b
        }
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(run, a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for ((a_key, a), (b_key, b)) in a.iter().zip(b.iter()) {
                if a_key != b_key || !equal(run, a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => a.partial_cmp(&b) == Some(Ordering::Equal),
            _ => false,
        },
    })
}

fn ordered(
    run: &mut Run<'_>,
    a: &Value,
    b: &Value,
    operator: &str,
    accept: fn(Ordering) -> bool,
) -> Outcome {
    let order = match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => {
            run.spend_bytes(a.len().min(b.len()))?;
            Some(a.cmp(b))
        }
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => return mismatch(operator, a, b),
        },
    };
    Ok(Value::Bool(order.is_some_and(accept)))
}

fn contained(run: &mut Run<'_>, item: &Value, all: &Value) -> Outcome {
    match (item, all) {
        (item, Value::List(items)) => {
            for known in items.iter() {
                if equal(run, item, known)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        (Value::Text(key), Value::Map(map)) => Ok(Value::Bool(map.contains_key(key))),
        _ => mismatch("in", item, all),
    }
}

/// A field of a map.
pub(super) fn field(value: &Value, name: &str) -> Outcome {
    let Value::Map(map) = value else {
        return error(format!("`.{name}` is asked of {}", value.shown()));
    };
    match map.get(name) {
        Some(found) => Ok(found.clone()),
        None => error(format!("there is no `{name}`")),
    }
}

fn index(value: &Value, at: &Value) -> Outcome {
    match (value, at) {
        (Value::Map(_), Value::Text(name)) => field(value, name),
        (Value::List(items), Value::Int(at)) => {
            match usize::try_from(*at).ok().and_then(|at| items.get(at)) {
                Some(found) => Ok(found.clone()),
                None => error(format!("there is no item {at} in a list of {}", items.len())),
            }
        }
        _ => error(format!("[{}] is asked of {}", at.shown(), value.shown())),
    }
}

fn negated(value: &Value) -> Outcome {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int).map_or_else(too_big, Ok),
        Value::Double(value) => Ok(Value::Double(-value)),
        other => error(format!("`-` before {}", other.shown())),
    }
}

fn too_big<T>() -> Result<T, Stop> {
    error("a number is too large for an int")
}

fn add(run: &mut Run<'_>, a: &Value, b: &Value) -> Outcome {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => {
            // Made texts count for more than read ones: they take memory.
            run.spend((a.len() + b.len()) as u64 / 16)?;
            Ok(Value::from(format!("{a}{b}")))
        }
        (Value::List(a), Value::List(b)) => {
            run.spend((a.len() + b.len()) as u64)?;
            Ok(Value::List(Arc::new(a.iter().chain(b.iter()).cloned().collect())))
        }
        _ => arithmetic("+", a, b, i64::checked_add, |a, b| a + b),
    }
}

fn arithmetic(
    name: &str,
    a: &Value,
    b: &Value,
    whole: fn(i64, i64) -> Option<i64>,
    fraction: fn(f64, f64) -> f64,
) -> Outcome {
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        if *b == 0 && matches!(name, "/" | "%") {
            return error("a division by zero");
        }
        return whole(*a, *b).map(Value::Int).map_or_else(too_big, Ok);
    }
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => Ok(Value::Double(fraction(a, b))),
        _ => mismatch(name, a, b),
    }
}
