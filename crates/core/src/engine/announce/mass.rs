//! One message for everybody concerned when so much failed at once that it may be our own fault.

use std::time::Duration;

use crate::catalog::{Catalog, Entry};
use crate::event::{Event, EventKind};
use crate::id::{MonitorId, ObjectName};
use crate::ports::OutboxRow;
use crate::state::MonitorState;
use crate::time::{Timestamp, to_ms};

use super::key;
use super::stages::muted;

/// How long the message speaks for the monitors concerned; whichever is still down then is told
/// on its own.
pub const MASS_OUTAGE_SPEAKS: Duration = Duration::from_secs(300);
/// Most monitors named in the message.
const MAX_NAMES: usize = 10;

/// The mass-outage message on the normal routes of the monitors concerned: one row per provider.
/// Monitors that are muted now bring nobody in.
pub fn mass_outage<'a>(
    catalog: &Catalog,
    concerned: impl IntoIterator<Item = &'a Entry>,
    started_at: Timestamp,
    now: Timestamp,
) -> Vec<OutboxRow> {
    let mut concerned_names: Vec<&ObjectName> = Vec::new();
    let mut told: Vec<(&ObjectName, Option<&ObjectName>)> = Vec::new();
    for entry in concerned {
        concerned_names.push(&entry.monitor.name);
        if muted(entry, now).is_some() {
            continue;
        }
        for route in &entry.routes {
            let policy = route.policy().map(|policy| &policy.name);
            for provider in &route.providers {
                if !told.iter().any(|(known, _)| *known == provider) {
                    told.push((provider, policy));
                }
            }
        }
    }
    let event = event(catalog, &concerned_names, started_at, now);
    let subject = format!("{}#mass {}", event.monitor, to_ms(started_at));
    told.into_iter()
        .filter_map(|(name, policy)| {
            let provider = catalog.providers.get(name)?;
            Some(OutboxRow {
                key: key::hash(&[&subject, event.kind.as_str(), "0", "", &name.to_string()]),
                subject: subject.clone(),
                monitor: None::<MonitorId>,
                policy: policy.cloned(),
                provider: name.clone(),
                provider_type: provider.config.provider_type().to_string(),
                not_before: now,
                group_key: None,
                merges: None,
                event: event.clone(),
            })
        })
        .collect()
}

fn event(catalog: &Catalog, names: &[&ObjectName], started_at: Timestamp, now: Timestamp) -> Event {
    let some: Vec<String> = names.iter().take(MAX_NAMES).map(ToString::to_string).collect();
    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
    Event {
        kind: EventKind::MassOutage,
        monitor: ObjectName::new(catalog.system_namespace.as_str(), "kubekuma"),
        check_type: String::new(),
        target: String::new(),
        incident: None,
        previous_state: MonitorState::Up,
        current_state: MonitorState::Unknown,
        reason: Some("OWN_FAULT_GUARD".to_owned()),
        message: Some(format!(
            "{} monitors on different networks stopped answering at once: {}{more}",
            names.len(),
            some.join(", ")
        )),
        latency_ms: None,
        at: now,
        started_at: Some(started_at),
        ended_at: None,
        labels: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
        tags: Vec::new(),
        cert_days: None,
        attempts: 0,
        note: Some("either a large outage or the network of this monitor itself".to_owned()),
    }
}
