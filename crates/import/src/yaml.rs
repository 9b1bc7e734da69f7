//! Foreign YAML, read with the same bounds as our own: size, depth, expansion.

use kuma_api::document;
use serde_json::Value;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct Unreadable {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: u32,
    /// Why, and what would be right.
    pub why: String,
}

/// The documents of a file.
///
/// # Errors
/// The first place that is not YAML.
pub fn read_yaml(bytes: &[u8]) -> Result<Vec<Value>, Unreadable> {
    let mut values = Vec::new();
    for document in document::read(bytes) {
        if let Some(problem) = document.problems.into_iter().next() {
            let fix = problem.fix.map(|fix| format!("; {fix}")).unwrap_or_default();
            return Err(Unreadable {
                line: problem.location.line,
                column: problem.location.column,
                why: format!("{}{fix}", problem.why),
            });
        }
        values.push(document.value);
    }
    Ok(values)
}
