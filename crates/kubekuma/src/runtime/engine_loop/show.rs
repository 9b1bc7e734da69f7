//! What the loop shows of its decisions: live states, metrics, log lines, and word to the system
//! provider.

use kuma_core::catalog::Catalog;
use kuma_core::engine::notice::Notice;
use kuma_core::engine::{Change, MonitorRecord};
use kuma_core::id::{IncidentId, MonitorId};
use kuma_core::ports::{Batch, Heartbeat};
use kuma_core::reason::Reason;
use kuma_core::time::{Now, between, plus};
use kuma_core::trouble::Trouble;
use kuma_server::live::LastResult;
use tracing::{debug, info, warn};

use super::{Loop, is_probed};

impl Loop {
    pub(super) fn show(&self, change: &Change, now: Now) {
        let live = &self.parts.live;
        if let Some((_, to)) = change.transition {
            let since = self.parts.engine.record(change.id).and_then(MonitorRecord::since);
            live.update(change.id, |live| {
                live.state = to;
                live.since = since.or(Some(now.wall));
            });
        }
        for notice in &change.notices {
            match notice {
                Notice::Opened { started_at, .. } => {
                    live.update(change.id, |live| live.incident_since = Some(*started_at));
                    live.total(|totals| totals.incidents_opened += 1);
                }
                Notice::Reopened { at, .. } => {
                    live.update(change.id, |live| live.incident_since = Some(*at));
                }
                Notice::Closed { started_at, ended_at, .. } => {
                    live.update(change.id, |live| live.incident_since = None);
                    let lasted = between(*started_at, *ended_at).as_secs_f64();
                    live.total(|totals| totals.incident_durations.observe(lasted));
                }
                _ => {}
            }
        }
    }

    /// Results that no probe brought: groups, and pushes that did not come.
    pub(super) fn show_passive(&self, heartbeats: &[Heartbeat]) {
        for beat in heartbeats {
            let Some(entry) = self.catalog.entry(beat.monitor) else { continue };
            if is_probed(entry) {
                continue;
            }
            self.parts.live.update(beat.monitor, |live| {
                let before = live.last.take().map(|last| last.message);
                let message = beat.message.as_ref().map(ToString::to_string).or(before);
                live.last = Some(LastResult {
                    at: beat.at,
                    latency_us: beat.latency_us,
                    reason: beat.reason,
                    message: message.unwrap_or_default(),
                    attempts: u32::from(beat.attempts),
                });
            });
        }
    }

    pub(super) fn show_next_run(&self, id: MonitorId, now: Now) {
        let next = self.scheduler.next_run(id).map(|at| plus(now.wall, at.since(now.mono)));
        self.parts.live.update(id, |live| live.next_run = next);
    }

    /// Lets metrics and the system provider know when the own-fault guard begins and ends to hold.
    pub(super) fn watch_guard(&mut self, now: Now) {
        let holds = self.parts.engine.guard_until().is_some();
        self.parts.lateness.guard(holds);
        let message = if holds {
            "So much failed at once on different networks that the fault may be ours; outages are held back for a moment."
        } else {
            "The own-fault guard holds nothing back any more."
        };
        let (since, over) = match (self.guard_since, holds) {
            (None, true) => (now.wall, None),
            (Some(since), false) => (since, Some(now.wall)),
            _ => return,
        };
        self.guard_since = holds.then_some(since);
        warn!(holds, "own-fault guard");
        let trouble = Trouble { kind: "guard", message, since, over };
        if let Some(row) = kuma_core::trouble::row(&self.catalog, trouble, now.wall) {
            let batch = Batch { outbox: vec![row], durable: true, ..Batch::default() };
            self.parts.committer.commit(batch);
        }
    }
}

/// One line for what people care about, the rest at debug.
pub(super) fn log(change: &Change, catalog: &Catalog) {
    let name =
        || catalog.entry(change.id).map(|entry| entry.monitor.name.to_string()).unwrap_or_default();
    for notice in &change.notices {
        match notice {
            Notice::Opened { incident: IncidentId(incident), facts, .. } => {
                let reason = facts.reason.map_or("", Reason::code);
                warn!(
                    monitor = name(),
                    incident,
                    reason,
                    detail = facts.message,
                    "incident opened"
                );
            }
            Notice::Closed { incident: IncidentId(incident), started_at, ended_at, .. } => {
                let lasted_s = between(*started_at, *ended_at).as_secs();
                info!(monitor = name(), incident, lasted_s, "incident closed");
            }
            Notice::BecameUnknown { facts, .. } => {
                let reason = facts.reason.map_or("", Reason::code);
                warn!(monitor = name(), reason, detail = facts.message, "state is not known");
            }
            Notice::FlappingStarted { toggles, .. } => {
                warn!(monitor = name(), toggles, "state changes too often");
            }
            _ => {}
        }
    }
    if let Some((from, to)) = change.transition {
        debug!(monitor = name(), from = from.as_str(), to = to.as_str(), "state changed");
    }
}
