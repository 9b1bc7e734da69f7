//! Expressions that people write, compiled and run within bounds: regular expressions, globs,
//! `JSONPath`, conditions, templates, recurrences. Pure; knows nothing of the rest.

mod condition;
mod jsonpath;
mod pattern;
mod recurrence;
mod template;

pub use condition::{Condition, Type, Value, Variable};
pub use jsonpath::JsonPath;
pub use pattern::{Glob, Pattern};
pub use recurrence::Recurrence;
pub use template::{EVENT_VARIABLES, Template};

/// Why an expression cannot be used. The message says where and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// It cannot be read.
    #[error("{0}")]
    Syntax(String),
    /// It is larger or deeper than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// It names something that does not exist.
    #[error("{0}")]
    Unknown(String),
    /// It failed when it was run.
    #[error("{0}")]
    Run(String),
}
