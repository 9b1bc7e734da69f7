//! Statuses of the kinds that are not Monitors.

use kuma_core::catalog::{Entry, ObjectStatus};
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::monitor::MonitorOrigin;
use kuma_core::object::{Body, Severity};
use kuma_core::observation::bounded;
use kuma_core::state::MonitorState;
use serde_json::{Value, json};

use super::World;
use super::monitor::{time, without_nulls};

/// Most items and errors that a status lists.
const MOST_ITEMS: usize = 1000;
const MOST_ERRORS: usize = 100;

pub(super) fn set(world: &World<'_>, name: &ObjectName) -> Value {
    let key = ObjectKey { kind: Kind::MonitorSet, name: name.clone() };
    let Some(Body::MonitorSet(set)) = world.catalog.raw.get(&key).map(|object| &object.body) else {
        return json!({});
    };
    let mut items: Vec<(String, Value)> = Vec::new();
    for monitor in &set.monitors {
        let item = match &monitor.origin {
            MonitorOrigin::Set { item, .. } => item.clone(),
            MonitorOrigin::Monitor => monitor.name.name.to_string(),
        };
        let entry = world.catalog.monitors.get(&monitor.name);
        let entry = entry.filter(|entry| is_of(&entry.monitor.origin, name));
        let facts = entry.and_then(|entry| (world.monitor)(entry.id)).unwrap_or_default();
        let message = entry.is_none().then_some("NAME_CONFLICT: a Monitor has this name");
        let status = without_nulls(json!({
            "name": item,
            "ready": entry.is_some(),
            "state": entry.map(|_| facts.state.as_str()),
            "message": message.or(facts.reason),
        }));
        items.push((item, status));
    }
    let ready = items.iter().filter(|(_, status)| status["ready"] == Value::Bool(true)).count();
    for bad in &set.invalid {
        let why: Vec<_> = bad.problems.iter().map(ToString::to_string).collect();
        let status =
            json!({"name": bad.name, "ready": false, "message": bounded(why.join("; "), 1024)});
        items.push((bad.name.clone(), status));
    }
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    json!({
        "validCount": ready,
        "invalidCount": items.len() - ready,
        "itemStatuses": items.into_iter().take(MOST_ITEMS).map(|(_, it)| it).collect::<Vec<_>>(),
    })
}

/// Whether a monitor comes from this set, not from an object of its own.
fn is_of(origin: &MonitorOrigin, set: &ObjectName) -> bool {
    matches!(origin, MonitorOrigin::Set { set: of, .. } if **of == *set.name)
}

pub(super) fn provider(world: &World<'_>, name: &ObjectName) -> Value {
    let Some(facts) = world.providers.get(name) else { return json!({}) };
    json!({
        "isHealthy": facts.healthy,
        "lastTestAt": facts.last_sent.map(time),
        "lastError": facts.last_error.clone().map(|error| bounded(error, 1024)),
    })
}

pub(super) fn page(world: &World<'_>, name: &ObjectName) -> Value {
    let Some(page) = world.catalog.pages.get(name) else { return json!({}) };
    let names = page.groups.iter().flat_map(|group| &group.monitors);
    let states: Vec<MonitorState> = names
        .map(|name| {
            let entry = world.catalog.monitors.get(name);
            let facts = entry.and_then(|entry| (world.monitor)(entry.id));
            facts.map_or(MonitorState::Unknown, |facts| facts.state)
        })
        .collect();
    let address = world.exposures.get(name).and_then(|standing| standing.address.clone());
    json!({
        "publishedUrl": address.filter(|_| page.published),
        "monitorCount": states.len(),
        "overallStatus": overall(&states),
    })
}

/// The worst of what is known; none when nothing is.
fn overall(states: &[MonitorState]) -> Option<&'static str> {
    let any = |wanted: &[MonitorState]| states.iter().any(|state| wanted.contains(state));
    if any(&[MonitorState::Down]) {
        Some("down")
    } else if any(&[MonitorState::Degraded, MonitorState::Flapping]) {
        Some("degraded")
    } else if any(&[MonitorState::Maintenance]) {
        Some("maintenance")
    } else if any(&[MonitorState::Up]) || states.is_empty() {
        Some("operational")
    } else {
        None
    }
}

pub(super) fn window(world: &World<'_>, name: &ObjectName) -> Value {
    let Some(window) = world.catalog.windows.get(name) else { return json!({}) };
    let matches = |entry: &Entry| entry.windows.iter().any(|it| it.name == *name);
    json!({
        "isActive": window.active_at(world.now).is_some(),
        "nextOccurrence": window.next_occurrence(world.now).map(time),
        "monitorCount": count(world, &matches),
    })
}

pub(super) fn silence(world: &World<'_>, name: &ObjectName) -> Value {
    let Some(silence) = world.catalog.silences.get(name) else { return json!({}) };
    let matches = |entry: &Entry| entry.silences.iter().any(|it| it.name == *name);
    json!({
        "isActive": silence.is_active(world.now),
        "expiresIn": time(silence.expires_at),
        "affectedCount": count(world, &matches),
    })
}

pub(super) fn user(world: &World<'_>, key: &ObjectKey) -> Value {
    let Some(object) = world.catalog.raw.get(key) else { return json!({}) };
    let spec = object.raw.value();
    let mfa = spec.pointer("/spec/mfa");
    let has_secret = mfa.is_some_and(|mfa| mfa.get("totpSecretRef").is_some());
    let is_off = mfa.and_then(|mfa| mfa.get("mode")).and_then(Value::as_str) == Some("disabled");
    json!({"mfaEnabled": has_secret && !is_off})
}

pub(super) fn settings(world: &World<'_>, known: &ObjectStatus) -> Value {
    let errors: Vec<String> = known
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| bounded(problem.to_string(), 1024))
        .take(MOST_ERRORS)
        .collect();
    json!({
        "lastValidation": time(world.now),
        "errors": errors,
        "discovery": world.discovery,
    })
}

fn count(world: &World<'_>, matches: &dyn Fn(&Entry) -> bool) -> usize {
    world.catalog.monitors.values().filter(|entry| matches(entry)).count()
}
