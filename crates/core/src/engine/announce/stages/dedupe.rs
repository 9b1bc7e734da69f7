//! The same is not told twice within the policy's window; it waits. The effective key is the
//! event, the incident and the policy's rendered key.

use serde_json::{Value, json};

use crate::event::Event;
use crate::time::plus;

use super::super::key;
use super::super::topic::{Hold, HoldKind};
use super::{Context, Flow, Message};

pub(super) fn stage(context: &Context<'_>, message: &mut Message<'_>) -> Flow {
    let Some(policy) = message.route.policy() else {
        return Flow::Pass;
    };
    if policy.dedupe_window.is_zero() || !message.is_limited() {
        return Flow::Pass;
    }
    let event = message.event;
    // A key that cannot be rendered must not cost a message: the monitor is the key then.
    let rendered = policy
        .dedupe_key
        .render(&values(event, context.view.id.0))
        .unwrap_or_else(|_| event.monitor.to_string());
    let incident = event.incident.map_or(0, |incident| incident.0).to_string();
    let effective = key::hash(&[event.kind.as_str(), &incident, &rendered]);
    let last = message.memory.and_then(|memory| {
        let used = memory.keys.iter().find(|(known, _)| *known == effective);
        used.map(|(_, at)| *at)
    });
    message.dedupe_key = Some(effective);
    match last.map(|at| plus(at, policy.dedupe_window)) {
        Some(until) if until > context.now => Flow::Hold(Hold::new(
            HoldKind::Dedupe,
            format!("dedupe window of {}", policy.name),
            until,
        )),
        _ => Flow::Pass,
    }
}

/// The variables that a key may name.
fn values(event: &Event, id: i64) -> Value {
    json!({
        "monitorId": id,
        "monitorNamespace": &*event.monitor.namespace,
        "monitorName": &*event.monitor.name,
        "previousState": event.previous_state,
        "currentState": event.current_state,
        "state": event.current_state,
        "reason": event.reason,
        "message": event.message,
        "latencyMs": event.latency_ms,
        "latency": event.latency_ms,
        "timestamp": event.at,
        "isStateChange": true,
        "labels": event.labels,
        "annotations": event.annotations,
        "incidentId": event.incident,
    })
}
