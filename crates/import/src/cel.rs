//! Conditions in CEL.

/// A text.
pub(crate) fn text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Whether a variable matches a regular expression.
pub(crate) fn matches(variable: &str, pattern: &str) -> String {
    format!("{variable}.matches({})", text(pattern))
}
