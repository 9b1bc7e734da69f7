//! Message templates: `{{ .name }}`, `{{ .name | filter }}` and the older `{name}`.
//!
//! The text around the placeholders is kept as it is, so that JSON bodies survive; only what is
//! between `{{` and `}}` is an expression, compiled by minijinja and evaluated with fuel.

mod filters;
mod scan;
mod translate;
mod value;

use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::{Environment, Expression, UndefinedBehavior};

use crate::ExprError;
use scan::Piece;

/// Longest source accepted, in bytes.
const MAX_SOURCE_BYTES: usize = 16 << 10;
/// Longest text a template may produce, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 << 10;
/// Most placeholders.
const MAX_PLACEHOLDERS: usize = 512;
/// Instructions one placeholder may run.
const FUEL: u64 = 10_000;

/// The variables of an event that templates may name (`crds.md`, NotificationPolicy).
pub const EVENT_VARIABLES: &[&str] = &[
    "monitorId",
    "monitorNamespace",
    "monitorName",
    "previousState",
    "currentState",
    "state",
    "reason",
    "message",
    "latencyMs",
    "latency",
    "timestamp",
    "isStateChange",
    "labels",
    "annotations",
    "duration",
    "incidentId",
    "url",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    filters::register(&mut environment);
    environment
});

enum Segment {
    Literal(String),
    Expression(Expression<'static, 'static>),
}

/// A compiled template, equal to another one with the same source. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    segments: Arc<[Segment]>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

impl Template {
    /// Compiles a template that may name `variables`; an unknown one is an error. The older
    /// `{name}` is read for those of [`EVENT_VARIABLES`] that are among `variables`.
    ///
    /// # Errors
    /// [`ExprError`] with line and column of the placeholder.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, ExprError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(ExprError::TooLarge(format!(
                "the template is longer than {MAX_SOURCE_BYTES} bytes"
            )));
        }
        let pieces = scan::pieces(source, variables)?;
        if pieces.len() > 2 * MAX_PLACEHOLDERS {
            return Err(ExprError::TooLarge(format!(
                "the template has more than {MAX_PLACEHOLDERS} placeholders"
            )));
        }
        let segments = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => Ok(Segment::Literal(text)),
                Piece::Expression { text, at } => compile_expression(text, at, source, variables),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { source: source.into(), segments })
    }

    /// Fills it from `values` (an object). Absent values are empty. Bounded in work and output.
    ///
    /// # Errors
    /// [`ExprError::Run`] when a filter fails, [`ExprError::TooLarge`] when the text grows beyond
    /// 64 KiB.
    pub fn render(&self, values: &serde_json::Value) -> Result<String, ExprError> {
        self.render_with(values, |text, _| text)
    }

    /// Fills it for a JSON body: every value is escaped as JSON string content, but what the
    /// filter `json` made, which is JSON already.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_json(&self, values: &serde_json::Value) -> Result<String, ExprError> {
        self.render_with(
            values,
            |text, is_json| {
                if is_json { text } else { value::json_content(&text) }
            },
        )
    }

    fn render_with(
        &self,
        values: &serde_json::Value,
        escape: impl Fn(String, bool) -> String,
    ) -> Result<String, ExprError> {
        let context = value::from_json(values);
        let mut out = String::with_capacity(self.source.len());
        for segment in &*self.segments {
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Expression(expression) => {
                    let result = expression
                        .eval(context.clone())
                        .map_err(|error| ExprError::Run(error.to_string()))?;
                    out.push_str(&escape(value::text(&result), result.is_safe()));
                }
            }
            if out.len() > MAX_OUTPUT_BYTES {
                return Err(ExprError::TooLarge(format!(
                    "the text grows beyond {MAX_OUTPUT_BYTES} bytes"
                )));
            }
        }
        Ok(out)
    }

    /// The source.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

fn compile_expression(
    text: &str,
    at: usize,
    source: &str,
    variables: &[&str],
) -> Result<Segment, ExprError> {
    let place = scan::place(source, at);
    let translated = translate::translate(text).map_err(|error| match error {
        ExprError::Syntax(why) => ExprError::Syntax(format!("{place}: {why}")),
        ExprError::Unknown(why) => ExprError::Unknown(format!("{place}: {why}")),
        other => other,
    })?;
    let expression = ENVIRONMENT.compile_expression_owned(translated).map_err(|error| {
        ExprError::Syntax(format!(
            "{place}: `{{{{{text}}}}}` cannot be read: {}",
            error.detail().unwrap_or("syntax error")
        ))
    })?;
    let mut unknown: Vec<_> = expression
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !variables.contains(&name.as_str()))
        .collect();
    unknown.sort_unstable();
    if let Some(name) = unknown.first() {
        return Err(ExprError::Unknown(format!(
            "{place}: there is no variable `{name}`; there are {}",
            variables.join(", ")
        )));
    }
    Ok(Segment::Expression(expression))
}

#[cfg(test)]
mod tests;
