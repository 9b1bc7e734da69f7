//! Objects against the schema of their kind, as the API server does it: types, required fields,
//! bounds, unknown fields, lists that are sets or maps, and the rules written in CEL.
//!
//! The raw JSON is judged, not a typed copy that has dropped what it did not know. Everything
//! wrong is reported at once, in the order of the document, and nothing hides behind an earlier
//! error but rules that could not be evaluated because of it.

mod format;
mod list;
mod node;
mod normal;
mod rules;
mod scalar;
mod suggest;
mod walk;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kuma_core::object::{Problem, ProblemClass, Severity};
use serde_json::Value;

use node::Node;
use rules::Rules;
pub use suggest::closest;

/// A schema made ready once: patterns and rules compiled.
#[derive(Debug)]
pub struct Schema {
    root: Node,
    rules: Rules,
}

/// Why a schema of ours cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A `pattern` is no regular expression.
    #[error("{path}: the pattern cannot be read: {why}")]
    Pattern {
        /// Where in the schema.
        path: String,
        /// What the library says.
        why: String,
    },
    /// A rule is no CEL expression.
    #[error("{path}: the rule cannot be compiled: {why}")]
    Rule {
        /// Where in the schema.
        path: String,
        /// What the library says.
        why: String,
    },
}

impl Schema {
    /// Compiles the schema of a version of a CRD.
    ///
    /// # Errors
    /// A pattern or a rule that cannot be compiled.
    pub fn compile(schema: &JSONSchemaProps) -> Result<Self, SchemaError> {
        Ok(Self { root: Node::compile(schema, "")?, rules: Rules::compile(schema)? })
    }

    /// An object as the API server stores it: without empty fields that cannot be null, and with
    /// whole numbers where they were written as fractions (`60.0`).
    #[must_use]
    pub fn normal(&self, object: &Value) -> Value {
        let mut object = object.clone();
        if let Some(entries) = object.as_object_mut() {
            normal::root(&self.root, entries);
        }
        object
    }

    /// Everything wrong with an object. `apiVersion`, `kind`, `metadata` and `status` are not
    /// looked at, but rules may read them (not `status`).
    pub fn validate(&self, object: &Value) -> Vec<Problem> {
        let object = self.normal(object);
        let Some(entries) = object.as_object() else {
            return vec![structural("", "the object must be a mapping of fields")];
        };
        let mut problems = Vec::new();
        walk::root(&self.root, entries, &mut problems);
        self.rules.check(&object, &mut problems);
        problems
    }
}

/// A structural error.
pub(crate) fn structural(path: impl Into<String>, why: impl Into<String>) -> Problem {
    Problem {
        severity: Severity::Error,
        class: ProblemClass::Structural,
        ..Problem::semantic(path, why)
    }
}

/// A value as people see it in a message, short.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", text.chars().take(100).collect::<String>()),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
