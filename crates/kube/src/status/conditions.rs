//! `Valid`, `Reconciled` and `Ready`.

use kuma_core::catalog::ObjectStatus;
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::{Problem, ProblemClass, Severity};
use kuma_core::observation::bounded;
use serde_json::{Value, json};

use super::World;

/// Longest message of a condition, in bytes.
const LONGEST: usize = 2048;
/// The name of the settings that are read.
const SETTINGS_NAME: &str = "kubekuma";

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
    let valid = if errors.is_empty() {
        Condition::of("Valid", "True", "Validated", words(&warnings(known)))
    } else {
        Condition::of("Valid", "False", reason_of(&errors), invalid(&errors, known))
    };
    let (reconciled, ready) = if !errors.is_empty() {
        let message = in_force(world, key, known);
        (
            Condition::of("Reconciled", "Unknown", "NotValid", message.to_owned()),
            Condition::of("Ready", "False", "NotValid", message.to_owned()),
        )
    } else if is_unread(key) {
        let message = "only the object named `kubekuma` is read; rename it, or delete it";
        (
            Condition::of("Reconciled", "False", "NotRead", message.to_owned()),
            Condition::of("Ready", "False", "NotRead", message.to_owned()),
        )
    } else if let Some(first) = references.first() {
        let (reason, words) = (missing(first), words(&references));
        (
            Condition::of("Reconciled", "False", reason, words.clone()),
            Condition::of("Ready", "False", reason, words),
        )
    } else {
        let reconciled = Condition::of("Reconciled", "True", "ReconcileSuccess", String::new());
        (reconciled, ready(world, key))
    };
    let conditions: Vec<Value> = [valid, reconciled, ready]
        .into_iter()
        .map(|condition| condition.written(known.generation, before, world))
        .collect();
    Value::Array(conditions)
}

/// Settings of another name than the one that is read.
fn is_unread(key: &ObjectKey) -> bool {
    key.kind == Kind::KubeKumaSettings && &*key.name.name != SETTINGS_NAME
}

/// What of an invalid object is in force.
fn in_force(world: &World<'_>, key: &ObjectKey, known: &ObjectStatus) -> &'static str {
    let runs = match key.kind {
        Kind::Monitor => world.catalog.monitors.contains_key(&key.name),
        Kind::MonitorSet => world.catalog.raw.contains_key(key),
        _ => false,
    };
    if known.last_valid_in_force {
        "this spec cannot be used; the last valid version stays in force"
    } else if key.kind == Kind::MonitorSet && runs {
        "items that cannot be used are left out; the others are in force"
    } else if runs {
        "what is wrong is left out; the rest is in force"
    } else {
        "the spec cannot be used"
    }
}

fn ready(world: &World<'_>, key: &ObjectKey) -> Condition {
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
    if problem.why.contains("does not grant") {
        "ReferenceNotGranted"
    } else if path.contains("provider") {
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
