//! `status` of a Monitor.

use kuma_core::id::ObjectName;
use kuma_core::observation::bounded;
use kuma_core::time::{Timestamp, to_ms};
use serde_json::{Value, json};

use super::{CertificateFacts, MonitorFacts, World};

/// An instant as the API server writes them.
pub(super) fn time(at: Timestamp) -> Value {
    let seconds = Timestamp::from_second(at.as_second()).unwrap_or(at);
    Value::String(seconds.to_string())
}

/// `before` is what it says: what is not known yet after a start stays.
pub(super) fn status(world: &World<'_>, name: &ObjectName, before: &Value) -> Value {
    let entry = world.catalog.monitors.get(name);
    let Some(facts) = entry.and_then(|entry| (world.monitor)(entry.id)) else {
        return json!({});
    };
    let earlier = |field: &str| before.get(field).cloned();
    let is_new = facts.checked_at.is_none();
    let mut last = result(&facts);
    if is_new && let (Some(last), Some(before)) = (last.as_object_mut(), earlier("lastResult")) {
        let same = before.get("state") == last.get("state");
        for (name, value) in before.as_object().into_iter().flatten().filter(|_| same) {
            last.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    let certificate = facts.certificate.as_ref().map(|it| certificate(it, world.now));
    json!({
        "lastResult": last,
        "uptime": uptime(&facts).or_else(|| earlier("uptime")),
        "cert": certificate.or_else(|| earlier("cert").filter(|_| is_new)),
        "nextRunAt": facts.next_run.map(time),
    })
}

fn result(facts: &MonitorFacts) -> Value {
    without_nulls(json!({
        "state": facts.state.as_str(),
        "since": facts.since.map(time),
        "latencyMs": facts.latency_us.map(|us| us / 1000),
        "checkedAt": facts.checked_at.map(time),
        "attempts": facts.attempts,
        "reason": facts.reason,
        "message": facts.message.clone().map(|message| bounded(message, 1024)),
    }))
}

fn uptime(facts: &MonitorFacts) -> Option<Value> {
    let per_cent = |share: Option<f64>| share.map(|share| (share * 10_000.0).round() / 100.0);
    let [hour, day, week, month] = facts.uptime.map(per_cent);
    [hour, day, week, month].iter().any(Option::is_some).then(|| {
        without_nulls(json!({"last1h": hour, "last24h": day, "last7d": week, "last30d": month}))
    })
}

fn certificate(facts: &CertificateFacts, now: Timestamp) -> Value {
    let left = to_ms(facts.expires_at) - to_ms(now);
    let days = left.div_euclid(24 * 3600 * 1000);
    json!({
        "expiresAt": time(facts.expires_at),
        "daysUntilExpiry": days,
        "daysRemaining": days,
        "valid": facts.valid,
        "issuer": bounded(facts.issuer.clone(), 1024),
        "subject": bounded(facts.subject.clone(), 1024),
    })
}

pub(super) fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
