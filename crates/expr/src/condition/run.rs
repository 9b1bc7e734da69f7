//! Running a condition, step by counted step.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators as op,
};

use super::{Value, functions, operators};
use crate::{ExprError, Pattern};

/// Steps that one run may take: some tenths of a second at most.
const STEPS: u64 = 1_000_000;

/// Why a run ended without a value.
#[derive(Debug)]
pub(super) enum Stop {
    /// An error, which `||` and `&&` may pass over as CEL has it.
    Error(String),
    /// The steps are used up, which nothing passes over.
    Exhausted,
}

/// What most steps end in.
pub(super) type Outcome = Result<Value, Stop>;

/// An error with a message.
pub(super) fn error<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Error(message.into()))
}

/// Runs the tree.
pub(super) fn run(
    tree: &IdedExpr,
    values: &BTreeMap<&'static str, Value>,
    patterns: &BTreeMap<String, Pattern>,
) -> Result<Value, ExprError> {
    let mut run = Run { values, patterns, scope: Vec::new(), left: STEPS };
    run.value(tree).map_err(|stop| match stop {
        Stop::Error(message) => ExprError::Run(message),
        Stop::Exhausted => {
            ExprError::TooLarge(format!("it takes more than {STEPS} steps on this answer"))
        }
    })
}

/// A run.
pub(super) struct Run<'a> {
    values: &'a BTreeMap<&'static str, Value>,
    pub(super) patterns: &'a BTreeMap<String, Pattern>,
    /// Names that comprehensions give, innermost last.
    scope: Vec<(&'a str, Value)>,
    left: u64,
}

impl<'a> Run<'a> {
    /// Counts steps.
    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Stop> {
        self.left = self.left.checked_sub(steps).ok_or(Stop::Exhausted)?;
        Ok(())
    }

    /// Counts the reading or making of `bytes` bytes.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Stop> {
        self.spend(bytes as u64 / 256)
    }

    pub(super) fn value(&mut self, expression: &'a IdedExpr) -> Outcome {
        self.spend(1)?;
        match &expression.expr {
            Expr::Literal(literal) => Ok(Self::literal(literal)),
            Expr::Ident(name) => self.named(name),
            Expr::Select(select) => {
                let value = self.value(&select.operand)?;
                if select.test {
                    return has(&value, &select.field);
                }
                operators::field(&value, &select.field)
            }
            Expr::List(list) => {
                self.spend(list.elements.len() as u64)?;
                let items: Result<Vec<_>, _> =
                    list.elements.iter().map(|element| self.value(element)).collect();
                Ok(Value::list(items?))
            }
            Expr::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return error("messages cannot be made");
                    };
                    let Value::Text(key) = self.value(&entry.key)? else {
                        return error("the keys of a map must be strings");
                    };
                    entries.push((key, self.value(&entry.value)?));
                }
                Ok(Value::map(entries))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Call(call) => self.call(call),
            Expr::Struct(_) | Expr::Unspecified => error("messages cannot be made"),
        }
    }

    fn literal(literal: &LiteralValue) -> Value {
        match literal {
            LiteralValue::Boolean(value) => Value::Bool(*value.inner()),
            LiteralValue::Double(value) => Value::Double(*value.inner()),
            LiteralValue::Int(value) => Value::Int(*value.inner()),
            LiteralValue::UInt(value) => whole(*value.inner()),
            LiteralValue::String(text) => Value::from(text.inner()),
            LiteralValue::Bytes(bytes) => {
                Value::from(String::from_utf8_lossy(bytes.inner()).into_owned())
            }
            LiteralValue::Null => Value::Null,
        }
    }

    fn named(&self, name: &str) -> Outcome {
        let local = self.scope.iter().rev().find(|(known, _)| *known == name);
        if let Some((_, value)) = local {
            return Ok(value.clone());
        }
        match self.values.get(name) {
            Some(value) => Ok(value.clone()),
            None => error(format!("`{name}` has no value here")),
        }
    }

    fn call(&mut self, call: &'a CallExpr) -> Outcome {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::CONDITIONAL, [condition, yes, no]) => {
                if self.truth(condition)? {
                    self.value(yes)
                } else {
                    self.value(no)
                }
            }
            (op::LOGICAL_AND, [left, right]) => self.either(left, right, false),
            (op::LOGICAL_OR, [left, right]) => self.either(left, right, true),
            (op::NOT_STRICTLY_FALSE, [inner]) => match self.truth(inner) {
                Err(Stop::Exhausted) => Err(Stop::Exhausted),
                Err(Stop::Error(_)) => Ok(Value::Bool(true)),
                Ok(value) => Ok(Value::Bool(value)),
            },
            (name, args) => {
                let mut values = Vec::with_capacity(args.len() + 1);
                if let Some(target) = &call.target {
                    values.push(self.value(target)?);
                }
                for arg in args {
                    values.push(self.value(arg)?);
                }
                if let Some(outcome) = operators::apply(self, name, &values) {
                    return outcome;
                }
                functions::call(self, name, &values)
            }
        }
    }

    fn truth(&mut self, expression: &'a IdedExpr) -> Result<bool, Stop> {
        match self.value(expression)? {
            Value::Bool(value) => Ok(value),
            other => error(format!("{} stands where true or false must", other.shown())),
        }
    }

    /// `&&` and `||`: one side that decides makes an error of the other side meaningless.
    fn either(&mut self, left: &'a IdedExpr, right: &'a IdedExpr, decides: bool) -> Outcome {
        let first = self.truth(left);
        match first {
            Ok(value) if value == decides => return Ok(Value::Bool(decides)),
            Err(Stop::Exhausted) => return Err(Stop::Exhausted),
            _ => {}
        }
        let second = self.truth(right)?;
        if second == decides {
            return Ok(Value::Bool(decides));
        }
        first.map(|_| Value::Bool(!decides))
    }

    fn comprehension(&mut self, it: &'a ComprehensionExpr) -> Outcome {
        let items = match self.value(&it.iter_range)? {
            Value::List(items) => items,
            Value::Map(map) => Arc::new(map.keys().cloned().map(Value::Text).collect()),
            other => return error(format!("{} is no list or map", other.shown())),
        };
        let mut collected = self.value(&it.accu_init)?;
        let depth = self.scope.len();
        for item in items.iter() {
            self.scope.push((&it.accu_var, collected));
            if !self.truth(&it.loop_cond)? {
                collected = self.accumulated(depth);
                break;
            }
            self.scope.push((&it.iter_var, item.clone()));
            let step = self.step(it, &it.loop_step)?;
            self.scope.pop();
            let kept = self.accumulated(depth);
            collected = match step {
                Step::Same => kept,
                Step::Value(value) => value,
                Step::Push(value) => pushed(kept, value)?,
            };
        }
        self.scope.push((&it.accu_var, collected));
        let result = self.value(&it.result);
        self.scope.truncate(depth);
        result
    }

    /// Takes the accumulator out of the scope.
    fn accumulated(&mut self, depth: usize) -> Value {
        let value = self.scope.pop().map_or(Value::Null, |(_, value)| value);
        self.scope.truncate(depth);
        value
    }

    /// One step of a comprehension. What `map` and `filter` collect is added in place: copying
    /// the list for each of its items would take the square of the time.
    fn step(&mut self, it: &'a ComprehensionExpr, step: &'a IdedExpr) -> Result<Step, Stop> {
        let is_accumulator =
            |expression: &IdedExpr| matches!(&expression.expr, Expr::Ident(n) if *n == it.accu_var);
        if is_accumulator(step) {
            return Ok(Step::Same);
        }
        if let Expr::Call(call) = &step.expr {
            match (call.func_name.as_str(), call.args.as_slice()) {
                (op::CONDITIONAL, [condition, yes, no]) => {
                    let branch = if self.truth(condition)? { yes } else { no };
                    return self.step(it, branch);
                }
                (op::ADD, [kept, added]) if is_accumulator(kept) => {
                    if let Expr::List(list) = &added.expr
                        && let [one] = list.elements.as_slice()
                    {
                        return Ok(Step::Push(self.value(one)?));
                    }
                }
                _ => {}
            }
        }
        self.value(step).map(Step::Value)
    }
}

/// What a step makes of the accumulator.
enum Step {
    Same,
    Push(Value),
    Value(Value),
}

fn pushed(list: Value, value: Value) -> Outcome {
    let Value::List(mut items) = list else {
        return error("something is added to what is no list");
    };
    Arc::make_mut(&mut items).push(value);
    Ok(Value::List(items))
}

fn has(value: &Value, field: &str) -> Outcome {
    match value {
        Value::Map(map) => Ok(Value::Bool(map.contains_key(field))),
        other => error(format!("has(….{field}) is asked of {}", other.shown())),
    }
}

/// A whole number without sign.
pub(super) fn whole(value: u64) -> Value {
    i64::try_from(value).map_or(Value::Double(value as f64), Value::Int)
}
