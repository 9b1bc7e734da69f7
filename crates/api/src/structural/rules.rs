//! The rules of a schema written in CEL (`x-kubernetes-validations`), compiled once.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube::core::cel::{
    CompiledSchema, ErrorKind, ValidationError, compile_schema, validate_compiled,
};
use kuma_core::object::Problem;
use serde_json::Value;

use super::{SchemaError, shown, structural};

#[derive(Debug)]
pub(super) struct Rules {
    compiled: CompiledSchema,
}

impl Rules {
    pub(super) fn compile(schema: &JSONSchemaProps) -> Result<Self, SchemaError> {
        let schema = serde_json::to_value(schema)
            .map_err(|error| SchemaError::Rule { path: String::new(), why: error.to_string() })?;
        let compiled = compile_schema(&schema);
        check(&compiled, "")?;
        Ok(Self { compiled })
    }

    /// Adds what the rules say. A rule that reads a field already known to be wrong is not heard:
    /// it could only repeat that, or fail to run.
    pub(super) fn check(&self, object: &Value, problems: &mut Vec<Problem>) {
        let without_status = object.get("status").is_some().then(|| {
            let mut object = object.clone();
            if let Some(entries) = object.as_object_mut() {
                entries.remove("status");
            }
            object
        });
        let object = without_status.as_ref().unwrap_or(object);
        let Err(errors) = validate_compiled(&self.compiled, object, None) else {
            return;
        };
        let wrong: Vec<String> = problems
            .iter()
            .filter(|problem| problem.why != "unknown field")
            .map(|problem| problem.path.clone())
            .collect();
        let known = problems.len();
        for error in errors.into_vec() {
            let path = error.field_path.trim_start_matches('.').to_owned();
            if wrong.iter().any(|other| other.starts_with(&path) || path.starts_with(other)) {
                continue;
            }
            problems.push(problem(path, &error, object));
        }
        // The library walks the fields in no particular order.
        problems[known..].sort_by(|a, b| (&a.path, &a.why).cmp(&(&b.path, &b.why)));
    }
}

fn problem(path: String, error: &ValidationError, object: &Value) -> Problem {
    let found = lookup(object, &path).filter(|value| !value.is_object() && !value.is_array());
    let why = match error.kind {
        ErrorKind::ValidationFailure => error.message.clone(),
        _ => format!("the rule `{}` cannot be applied: {}", error.rule, error.message),
    };
    let problem = structural(path, why);
    match found {
        Some(value) => problem.with_value(shown(value)),
        None => problem,
    }
}

/// The value at a path of plain names and indexes.
fn lookup<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut pointer = String::with_capacity(path.len() + 1);
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(part);
    }
    object.pointer(&pointer)
}

/// Refuses a schema in which a rule does not compile.
fn check(node: &CompiledSchema, path: &str) -> Result<(), SchemaError> {
    if let Some(error) = node.compilation_errors().first() {
        return Err(SchemaError::Rule { path: path.to_owned(), why: error.to_string() });
    }
    for (name, child) in &node.properties {
        check(child, &format!("{path}.{name}"))?;
    }
    for child in node.items.iter().chain(&node.additional_properties) {
        check(child, &format!("{path}[]"))?;
    }
    Ok(())
}
