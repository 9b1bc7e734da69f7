//! What can be said before running: whether every name exists and every operation has values
//! that it can work with.

use std::collections::BTreeSet;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators as op,
};

use super::functions::FUNCTIONS;
use super::{Type, Variable, literal_text};
use crate::ExprError;

/// What is known of a condition.
pub(super) struct Found {
    /// What it gives.
    pub(super) result: Type,
    /// The variables it names.
    pub(super) names: BTreeSet<String>,
    /// The regular expressions written in it.
    pub(super) patterns: BTreeSet<String>,
}

/// Checks the whole tree.
pub(super) fn check(
    tree: &IdedExpr,
    variables: &[Variable],
    source: &str,
) -> Result<Found, ExprError> {
    let mut check = Check {
        variables,
        source,
        scope: Vec::new(),
        names: BTreeSet::new(),
        patterns: BTreeSet::new(),
    };
    let result = check.kind(tree)?;
    Ok(Found { result, names: check.names, patterns: check.patterns })
}

struct Check<'a> {
    variables: &'a [Variable],
    source: &'a str,
    scope: Vec<(&'a str, Type)>,
    names: BTreeSet<String>,
    patterns: BTreeSet<String>,
}

impl<'a> Check<'a> {
    fn kind(&mut self, expression: &'a IdedExpr) -> Result<Type, ExprError> {
        match &expression.expr {
            Expr::Literal(literal) => Ok(literal_kind(literal)),
            Expr::Ident(name) => self.named(name),
            Expr::Select(select) => {
                let of = self.kind(&select.operand)?;
                match of {
                    Type::Any | Type::Map(_) if select.test => Ok(Type::Bool),
                    Type::Any => Ok(Type::Any),
                    Type::Map(value) => Ok(*value),
                    other => {
                        let why = format!("{} has no fields", other.name());
                        self.wrong(&format!(".{}", select.field), &why)
                    }
                }
            }
            Expr::List(list) => {
                for element in &list.elements {
                    self.kind(element)?;
                }
                Ok(Type::List(&Type::Any))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err(messages());
                    };
                    if !self.kind(&entry.key)?.meets(Type::Text) {
                        return Err(unknown("the keys of a map must be strings"));
                    }
                    self.kind(&entry.value)?;
                }
                Ok(Type::Map(&Type::Any))
            }
            Expr::Comprehension(it) => self.comprehension(it),
            Expr::Call(call) => self.call(call),
            Expr::Struct(_) | Expr::Unspecified => Err(messages()),
        }
    }

    fn named(&mut self, name: &'a str) -> Result<Type, ExprError> {
        if let Some((_, kind)) = self.scope.iter().rev().find(|(known, _)| *known == name) {
            return Ok(*kind);
        }
        if let Some(variable) = self.variables.iter().find(|variable| variable.name == name) {
            self.names.insert(name.to_owned());
            return Ok(variable.kind);
        }
        let known: Vec<_> = self.variables.iter().map(|known| known.name).collect();
        let known = known.join(", ");
        let why = format!("there is no variable `{name}`; this type of check has {known}");
        self.wrong(name, &why)
    }

    fn comprehension(&mut self, it: &'a ComprehensionExpr) -> Result<Type, ExprError> {
        let item = match self.kind(&it.iter_range)? {
            Type::Any => Type::Any,
            Type::List(item) => *item,
            Type::Map(_) => Type::Text,
            other => {
                return Err(unknown(format!("{} is no list to go through", other.with_article())));
            }
        };
        let collected = self.kind(&it.accu_init)?;
        self.scope.push((&it.accu_var, collected));
        self.kind(&it.loop_cond)?;
        self.scope.push((&it.iter_var, item));
        self.kind(&it.loop_step)?;
        self.scope.pop();
        let result = self.kind(&it.result);
        self.scope.pop();
        result
    }

    fn call(&mut self, call: &'a CallExpr) -> Result<Type, ExprError> {
        let mut kinds = Vec::with_capacity(call.args.len() + 1);
        if let Some(target) = &call.target {
            kinds.push(self.kind(target)?);
        }
        for arg in &call.args {
            kinds.push(self.kind(arg)?);
        }
        let name = call.func_name.as_str();
        if call.target.is_none()
            && let Some(kind) = self.operator(name, &kinds)?
        {
            return Ok(kind);
        }
        if name == "matches" {
            self.patterns.extend(call.args.last().and_then(literal_text).map(str::to_owned));
        }
        self.function(name, &kinds)
    }

    fn operator(&self, name: &str, kinds: &[Type]) -> Result<Option<Type>, ExprError> {
        let kind =
            match (name, kinds) {
                (op::CONDITIONAL, [condition, yes, no]) if condition.meets(Type::Bool) => {
                    if yes == no { *yes } else { Type::Any }
                }
                (op::LOGICAL_AND | op::LOGICAL_OR, [a, b])
                    if a.meets(Type::Bool) && b.meets(Type::Bool) =>
                {
                    Type::Bool
                }
                (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, [a]) if a.meets(Type::Bool) => {
                    Type::Bool
                }
                (op::NEGATE, [a]) if a.may_be_number() => *a,
                (op::EQUALS | op::NOT_EQUALS, [a, b])
                    if a.meets(*b) || *a == Type::Null || *b == Type::Null =>
                {
                    Type::Bool
                }
                (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b])
                    if a.meets(*b)
                        && !matches!(a, Type::List(_) | Type::Map(_) | Type::Null)
                        && !matches!(b, Type::List(_) | Type::Map(_) | Type::Null) =>
                {
                    Type::Bool
                }
                (op::IN, [item, Type::List(of)]) if item.meets(**of) => Type::Bool,
                (op::IN, [item, Type::Map(_)]) if item.meets(Type::Text) => Type::Bool,
                (op::IN, [_, Type::Any]) => Type::Bool,
                (op::INDEX, [Type::List(of), at]) if at.meets(Type::Int) => **of,
                (op::INDEX, [Type::Map(of), at]) if at.meets(Type::Text) => **of,
                (op::INDEX, [Type::Any, _]) => Type::Any,
                (op::ADD, [a, b]) if a.meets(*b) && (adds(*a) && adds(*b)) => sum(*a, *b),
                (op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [a, b])
                    if a.may_be_number() && b.may_be_number() =>
                {
                    sum(*a, *b)
                }
                _ if name.starts_with(['_', '@', '!', '-']) => {
                    let sign = sign(name);
                    let kinds: Vec<String> = kinds.iter().map(|kind| kind.name()).collect();
                    let why = format!("`{sign}` with {}", kinds.join(" and "));
                    return self.wrong(sign, &why).map(Some);
                }
                _ => return Ok(None),
            };
        Ok(Some(kind))
    }

    fn function(&self, name: &str, kinds: &[Type]) -> Result<Type, ExprError> {
        let Some(function) = FUNCTIONS.iter().find(|known| known.name == name) else {
            let known: Vec<_> = FUNCTIONS.iter().map(|known| known.name).collect();
            let why = format!(
                "there is no function `{name}`; there are {}, has, all, exists, exists_one, map and filter",
                known.join(", ")
            );
            return self.wrong(name, &why);
        };
        if kinds.len() != function.values {
            return self.wrong(name, &format!("`{name}` has the wrong number of values"));
        }
        let fits = match name {
            "size" => {
                kinds[0].meets(Type::Text) || matches!(kinds[0], Type::List(_) | Type::Map(_))
            }
            _ => kinds[0].meets(function.of) && kinds.iter().skip(1).all(|k| k.meets(Type::Text)),
        };
        if !fits {
            let kinds: Vec<String> = kinds.iter().map(|kind| kind.name()).collect();
            return self.wrong(name, &format!("`{name}` with {}", kinds.join(" and ")));
        }
        Ok(function.gives)
    }

    /// An error with the place where `what` stands first.
    fn wrong(&self, what: &str, why: &str) -> Result<Type, ExprError> {
        let place = place(self.source, what)
            .map(|(line, column)| format!(" (line {line}, column {column})"))
            .unwrap_or_default();
        Err(ExprError::Unknown(format!("{why}{place}")))
    }
}

/// Line and column of the only place where `what` stands, as a whole word where it is one.
fn place(source: &str, what: &str) -> Option<(usize, usize)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = source.match_indices(what).filter(|(at, _)| {
        let before = source[..*at].chars().next_back();
        let after = source[at + what.len()..].chars().next();
        !what.starts_with(is_word) || !(before.is_some_and(is_word) || after.is_some_and(is_word))
    });
    let (at, _) = found.next()?;
    let is_name = what.starts_with(|c: char| is_word(c) || c == '.');
    if found.next().is_some() && !is_name {
        return None;
    }
    let before = &source[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((line, column))
}

fn literal_kind(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Int,
        LiteralValue::String(_) | LiteralValue::Bytes(_) => Type::Text,
        LiteralValue::Null => Type::Null,
    }
}

const fn adds(kind: Type) -> bool {
    kind.may_be_number() || matches!(kind, Type::Text | Type::List(_))
}

fn sum(a: Type, b: Type) -> Type {
    match (a, b) {
        (Type::Int, Type::Double) | (Type::Double, Type::Int) => Type::Double,
        (Type::List(_), Type::List(_)) => Type::List(&Type::Any),
        (a, b) if a == b => a,
        _ => Type::Any,
    }
}

/// The operator as it is written.
fn sign(name: &str) -> &str {
    match name {
        op::IN => "in",
        op::INDEX => "[",
        op::CONDITIONAL => "?",
        name => name.trim_matches(['_', '@']),
    }
}

fn messages() -> ExprError {
    unknown("messages cannot be made in a condition")
}

fn unknown(why: impl Into<String>) -> ExprError {
    ExprError::Unknown(why.into())
}
