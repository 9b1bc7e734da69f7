//! What objects say about themselves, put into a verdict. Pure: objects and the time in, a
//! sentence or what is wrong out. Whatever an object holds, this does not panic.

mod claim;
mod condition;
mod cron;
mod endpoints;
mod field;
mod job;
mod node;
mod object;
mod pods;
mod workload;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use super::{KubernetesCheck, KubernetesWhat, ObjectChoice};
use crate::reason::Reason;
use crate::time::Timestamp;
use object::Object;

/// Most objects that are named with what is wrong with them.
const MAX_NAMED: usize = 10;

/// A sentence about objects that are well, or what is wrong with them.
pub type Judgement = Result<String, Unwell>;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwell {
    /// What it is called.
    pub reason: Reason,
    /// One sentence.
    pub message: String,
    /// What a person wants to see besides.
    pub facts: Vec<(String, String)>,
}

impl Unwell {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), facts: Vec::new() }
    }

    /// Adds a fact, unless there is nothing to it.
    fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((name.into(), value));
        }
        self
    }
}

/// Judges the objects that [`KubernetesCheck::query`] found, as they are at `now`.
pub fn judge(check: &KubernetesCheck, objects: &[Arc<Value>], now: Timestamp) -> Judgement {
    let objects: Vec<Object<'_>> = objects.iter().map(|it| Object::new(it)).collect();
    if objects.is_empty() {
        return Err(not_found(check));
    }
    let judged = decide(check, &objects, now);
    // Whoever named labels does not know which object it was.
    match (&check.which, &objects[..]) {
        (ObjectChoice::Labels(_), [object]) => {
            judged.map_err(|it| it.with("object", object.name()))
        }
        _ => judged,
    }
}

fn decide(check: &KubernetesCheck, objects: &[Object<'_>], now: Timestamp) -> Judgement {
    match &check.what {
        KubernetesWhat::AvailableReplicasAtLeast(least) => {
            every(objects, |it| workload::judge(it, *least))
        }
        KubernetesWhat::PodReadiness(least) => pods::judge(objects, *least),
        KubernetesWhat::EndpointNonEmpty(least) => endpoints::judge(objects, *least),
        KubernetesWhat::JobSucceeded => every(&job::latest(objects), job::judge),
        KubernetesWhat::CronJobFresh => every(objects, |it| cron::judge(it, now)),
        KubernetesWhat::PvcBound => every(objects, claim::judge),
        KubernetesWhat::NodeReady => every(objects, node::judge),
        KubernetesWhat::ConditionTrue(kind) => every(objects, |it| condition::judge(it, kind)),
        KubernetesWhat::StatusField { path, expected } => {
            every(objects, |it| field::judge(it, path, expected.as_deref()))
        }
    }
}

fn not_found(check: &KubernetesCheck) -> Unwell {
    let query = check.query();
    let kind = &check.kind.kind;
    let place = match kind.as_str() {
        "Node" | "PersistentVolume" | "Namespace" if check.kind.group.is_empty() => String::new(),
        _ => format!(" in namespace {}", check.namespace),
    };
    let message = match (&check.which, query.kind == check.kind) {
        (ObjectChoice::Name(name), true) => {
            format!("there is no {kind} {name}{place}")
        }
        (ObjectChoice::Name(name), false) => format!(
            "there is no EndpointSlice of {kind} {name}{place}: it does not exist, or selects no pods and has no endpoints of its own"
        ),
        (ObjectChoice::Labels(labels), _) => {
            format!("there is no {kind} with {labels}{place}")
        }
    };
    Unwell::new(Reason::KubernetesNotFound, message)
}

/// Judges each object by itself: all of them must be well.
fn every<'a>(objects: &[Object<'a>], judge: impl Fn(Object<'a>) -> Judgement) -> Judgement {
    if let [object] = objects {
        return judge(*object);
    }
    let mut sick = Vec::new();
    for object in objects {
        if let Err(unwell) = judge(*object) {
            sick.push((object.name(), unwell));
        }
    }
    let count = objects.len();
    let Some((name, first)) = sick.first() else {
        return Ok(format!("all {count} are well"));
    };
    let message = format!("{} of {count} are not well; {name}: {}", sick.len(), first.message);
    let mut told = Unwell::new(first.reason, message);
    for (name, unwell) in sick.iter().take(MAX_NAMED) {
        told = told.with(*name, unwell.message.as_str());
    }
    told.facts.extend(first.facts.iter().cloned());
    Err(told)
}
