//! Conversion of written objects into core types, which is their validation: an object that
//! converts can be used. All problems of an object are found at once.
//!
//! Callers check the object against its schema first ([`crate::crd::schema`]); what is left here
//! is everything that a schema cannot say. An object that does not have the right shape after
//! all is answered with one structural problem.

#![expect(
    clippy::unnecessary_wraps,
    reason = "converters have one signature, whether or not theirs can fail"
)]

mod api_key;
mod check;
mod common;
mod local_user;
mod maintenance_window;
mod matrix;
mod monitor;
mod monitor_set;
mod notification_policy;
mod notification_provider;
mod provider;
mod selector;
mod settings;
mod silence;
mod status_page;
mod text;

use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::{Body, Meta, Problem, ProblemClass, Severity};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What became of an object.
#[derive(Debug, Clone, Default)]
pub struct Conversion {
    /// What it says, if it can be used. A `MonitorSet` can be used as soon as one of its items
    /// can: then `problems` has the errors of the others.
    pub body: Option<Body>,
    /// Everything worth knowing about it.
    pub problems: Vec<Problem>,
}

/// What a converter knows of the object besides its spec, and where it puts problems.
struct Context<'a> {
    key: &'a ObjectKey,
    meta: &'a Meta,
    problems: Vec<Problem>,
}

/// Converts an object (`apiVersion` to `spec`) of one of our ten kinds. Never panics, whatever the
/// object holds; fields outside `spec` are not looked at.
pub fn convert(key: &ObjectKey, meta: &Meta, object: &Value) -> Conversion {
    let mut context = Context { key, meta, problems: Vec::new() };
    let spec = without_nulls(object.get("spec").unwrap_or(&Value::Null));
    let body = match key.kind {
        Kind::Monitor => typed(&mut context, spec, monitor::convert).map(Body::Monitor),
        Kind::MonitorSet => typed(&mut context, spec, monitor_set::convert).map(Body::MonitorSet),
        Kind::NotificationProvider => {
            typed(&mut context, spec, notification_provider::convert).map(Body::Provider)
        }
        Kind::NotificationPolicy => {
            typed(&mut context, spec, notification_policy::convert).map(Body::Policy)
        }
        Kind::StatusPage => typed(&mut context, spec, status_page::convert).map(Body::StatusPage),
        Kind::MaintenanceWindow => {
            typed(&mut context, spec, maintenance_window::convert).map(Body::MaintenanceWindow)
        }
        Kind::Silence => typed(&mut context, spec, silence::convert).map(Body::Silence),
        Kind::LocalUser => typed(&mut context, spec, local_user::convert).map(Body::LocalUser),
        Kind::ApiKey => typed(&mut context, spec, api_key::convert).map(Body::ApiKey),
        Kind::KubeKumaSettings => typed(&mut context, spec, settings::convert).map(Body::Settings),
        Kind::Secret | Kind::Namespace => {
            context.problems.push(Problem::semantic(
                "kind",
                format!("{} is not a kind of {}", key.kind, crate::kinds::GROUP),
            ));
            None
        }
    };
    let usable = key.kind == Kind::MonitorSet || !context.has_errors();
    Conversion { body: body.filter(|_| usable), problems: context.problems }
}

impl Context<'_> {
    fn has_errors(&self) -> bool {
        has_errors(&self.problems)
    }

    fn error(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.problems.push(Problem::semantic(path, why));
    }

    fn warning(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.problems.push(Problem::warning(path, why));
    }

    fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The namespace of the object.
    fn namespace(&self) -> &str {
        &self.key.name.namespace
    }
}

fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// Reads a spec as its type and converts it.
fn typed<S: DeserializeOwned, T>(
    context: &mut Context<'_>,
    spec: Value,
    convert: impl FnOnce(&mut Context<'_>, &S) -> Option<T>,
) -> Option<std::sync::Arc<T>> {
    if !spec.is_object() {
        context.push(shape("spec", "the object has no spec"));
        return None;
    }
    match serde_json::from_value::<S>(spec) {
        Ok(spec) => convert(context, &spec).map(std::sync::Arc::new),
        Err(error) => {
            context.push(shape("spec", error.to_string()));
            None
        }
    }
}

/// A structural problem that a schema check should have found before.
fn shape(path: impl Into<String>, why: impl Into<String>) -> Problem {
    Problem { class: ProblemClass::Structural, ..Problem::semantic(path, why) }
}

/// The same without fields that are null, which mean "not set" as they do to the API server.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), without_nulls(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}
