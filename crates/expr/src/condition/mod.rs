//! Conditions in CEL, the Common Expression Language (<https://github.com/google/cel-spec>).
//!
//! The library reads the text; checking and running are done here, because an interpreter without
//! a cost limit cannot be given to strangers: seven nested `all` over ten items run for longer
//! than an attempt may last. Every step counts, every text that is read or made counts by its
//! length, and what was counted up is refused. Values are shared, never copied, so that memory
//! is bounded by the same count.

mod functions;
mod infer;
mod operators;
mod run;
mod scan;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::parser::{ParseErrors, Parser};

pub use value::Value;

use crate::{ExprError, Pattern};

/// The type of a variable, as documentation names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Known only when it runs.
    Any,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A number with a fraction.
    Double,
    /// Text.
    Text,
    /// A list.
    List(&'static Self),
    /// A map from text.
    Map(&'static Self),
}

/// Something that a condition may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Type,
    /// What it holds, as one sentence.
    pub meaning: &'static str,
}

/// A compiled condition, equal to another one with the same source. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Condition(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: String,
    tree: IdedExpr,
    /// The variables it names.
    names: BTreeSet<String>,
    /// The regular expressions that are written in it.
    patterns: BTreeMap<String, Pattern>,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for Condition {}

impl Condition {
    /// Compiles a condition that may name `variables` and must be true or false.
    ///
    /// # Errors
    /// [`ExprError::TooLarge`] beyond the bounds, [`ExprError::Syntax`] with line and column where
    /// it cannot be read, [`ExprError::Unknown`] for names that do not exist and operations that
    /// the types do not have.
    pub fn compile(source: &str, variables: &[Variable]) -> Result<Self, ExprError> {
        scan::check(source)?;
        let tree = scan::with_room(|| Parser::new().parse(source).map_err(|e| syntax(&e)))??;
        let found = infer::check(&tree, variables, source)?;
        if !matches!(found.result, Type::Bool | Type::Any) {
            return Err(ExprError::Unknown(format!(
                "the condition is {}, and must be true or false",
                found.result.with_article()
            )));
        }
        let mut patterns = BTreeMap::new();
        for text in found.patterns {
            let pattern = Pattern::compile(&text).map_err(|error| bad_pattern(&text, &error))?;
            patterns.insert(text, pattern);
        }
        let names = found.names;
        Ok(Self(Arc::new(Compiled { source: source.to_owned(), tree, names, patterns })))
    }

    /// Whether it names the variable.
    pub fn uses(&self, name: &str) -> bool {
        self.0.names.contains(name)
    }

    /// The source.
    pub fn as_str(&self) -> &str {
        &self.0.source
    }

    /// Whether it holds for `values`, which must have every variable that it names.
    ///
    /// # Errors
    /// [`ExprError::Run`] with what is missing or of the wrong type, [`ExprError::TooLarge`] when
    /// it would take too long.
    pub fn holds(&self, values: &BTreeMap<&'static str, Value>) -> Result<bool, ExprError> {
        match run::run(&self.0.tree, values, &self.0.patterns)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(ExprError::Run(format!("it is {}, not true or false", other.shown()))),
        }
    }
}

/// What the parser says first, with its place.
fn syntax(errors: &ParseErrors) -> ExprError {
    let Some(first) = errors.errors.first() else {
        return ExprError::Syntax("it cannot be read".to_owned());
    };
    let message = first.msg.trim().trim_start_matches("Syntax error: ");
    let message = match message.strip_prefix("token recognition error at: ") {
        Some(token) => {
            let token = token.trim_matches('\'').trim();
            let hint = if token == "=" { "; equality is `==`" } else { "" };
            format!("`{token}` cannot be read here{hint}")
        }
        None if message.contains("<EOF>") => "it ends where something is missing".to_owned(),
        None => message.split(" expecting ").next().unwrap_or_default().to_owned(),
    };
    ExprError::Syntax(format!("{message} (line {}, column {})", first.pos.0, first.pos.1))
}

/// What is wrong with a regular expression; the lines before the last one only mark the place.
fn bad_pattern(text: &str, error: &ExprError) -> ExprError {
    let why = error.to_string();
    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
    ExprError::Syntax(format!("the regular expression `{text}` cannot be used: {why}"))
}

/// The text of a literal.
fn literal_text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
