//! `Valid`, `Reconciled` and `Ready`.

use kuma_core::catalog::ObjectStatus;
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::{Problem, ProblemClass, Severity};
use kuma_core::observation::bounded;
use serde_json::{Value, json};

use super::World;

/// Longest message of a condition, in bytes.
const LONGEST: usize = 2048;

/// What a condition says.
struct Condition {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

/// The three conditions. A time moves only with the status of its condition.
pub(super) fn conditions(
    world: &World<'_>,
    key: &ObjectKey,
    known: &ObjectStatus,
    before: &Value,
) -> Value {
    let errors: Vec<_> =
        known.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let references: Vec<_> =
        known.problems.iter().filter(|it| it.class == ProblemClass::Reference).collect();
    let runs_in_part = key.kind == Kind::MonitorSet && world.catalog.raw.contains_key(key);
    let valid = if errors.is_empty() {
        Condition::of("Valid", "True", "Validated", words(&warnings(known)))
    } else {
        Condition::of("Valid", "False", reason_of(&errors), invalid(&errors, known))
    };
    let unreadable = !errors.is_empty() && !runs_in_part;
    let reconciled = if unreadable {
        Condition::of("Reconciled", "Unknown", "NotValid", "the spec cannot be used".to_owned())
    } else if let Some(first) = references.first() {
        Condition::of("Reconciled", "False", missing(first), words(&references))
    } else {
        Condition::of("Reconciled", "True", "ReconcileSuccess", String::new())
    };
    let ready = ready(world, key, unreadable);
    let conditions: Vec<Value> = [valid, reconciled, ready]
        .into_iter()
        .map(|condition| condition.written(known.generation, before, world))
        .collect();
    Value::Array(conditions)
}

fn ready(world: &World<'_>, key: &ObjectKey, unreadable: bool) -> Condition {
    if unreadable {
        return Condition::of("Ready", "False", "NotValid", "the spec cannot be used".to_owned());
    }
    let exposure = world.exposures.get(&key.name).filter(|_| key.kind == Kind::StatusPage);
    if let Some(standing) = exposure {
        let status = match standing.holds() {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        return Condition::of("Ready", status, standing.reason.as_str(), standing.message.clone());
    }
    let provider =
        world.providers.get(&key.name).filter(|_| key.kind == Kind::NotificationProvider);
    if let Some(facts) = provider.filter(|facts| !facts.healthy) {
        let why = facts.last_error.clone().unwrap_or_default();
        return Condition::of("Ready", "False", "DeliveryFails", why);
    }
    Condition::of("Ready", "True", "ResourceReady", String::new())
}

impl Condition {
    const fn of(
        kind: &'static str,
        status: &'static str,
        reason: &'static str,
        message: String,
    ) -> Self {
        Self { kind, status, reason, message }
    }

    fn written(self, generation: i64, before: &Value, world: &World<'_>) -> Value {
        let known = before.get("conditions").and_then(Value::as_array);
        let same = known.into_iter().flatten().find(|condition| {
            condition.get("type").and_then(Value::as_str) == Some(self.kind)
                && condition.get("status").and_then(Value::as_str) == Some(self.status)
        });
        let since = same.and_then(|condition| condition.get("lastTransitionTime")).cloned();
        json!({
            "type": self.kind,
            "status": self.status,
            "reason": self.reason,
            "message": bounded(self.message, LONGEST),
            "lastTransitionTime": since.unwrap_or_else(|| super::monitor::time(world.now)),
            "observedGeneration": generation,
        })
    }
}

fn warnings(known: &ObjectStatus) -> Vec<&Problem> {
    let is_plain =
        |it: &&Problem| it.severity == Severity::Warning && it.class != ProblemClass::Reference;
    known.problems.iter().filter(is_plain).collect()
}

fn reason_of(errors: &[&Problem]) -> &'static str {
    if errors.iter().any(|error| error.why.contains("NAME_CONFLICT")) {
        "NAME_CONFLICT"
    } else if errors.iter().any(|error| error.class == ProblemClass::Structural) {
        "StructuralError"
    } else {
        "InvalidSpec"
    }
}

fn missing(problem: &Problem) -> &'static str {
    let path = problem.path.to_ascii_lowercase();
    if path.contains("provider") {
        "ProviderNotFound"
    } else if path.contains("policyref") {
        "PolicyNotFound"
    } else if path.contains("secret") {
        "SecretNotFound"
    } else {
        "ReferenceNotFound"
    }
}

fn invalid(errors: &[&Problem], known: &ObjectStatus) -> String {
    let words = words(errors);
    if known.last_valid_in_force {
        format!("{words} (the last valid version stays in force)")
    } else {
        words
    }
}

/// The first problem in full, and how many more there are.
fn words(problems: &[&Problem]) -> String {
    match problems {
        [] => String::new(),
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first}; and {} more", more.len()),
    }
}
