//! Shards that come and go: whose checks run here, and what is shown of the others.

use kuma_core::engine::{Handover, MonitorRecord};
use kuma_core::id::MonitorId;
use kuma_core::ports::StateRow;
use kuma_core::shard::{Shard, ShardSet};
use kuma_core::time::Now;
use kuma_server::Live;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Loop, is_probed, timing};

impl Loop {
    /// Takes shards over: their monitors are scheduled and their states go on.
    pub(super) fn gain(&mut self, shards: ShardSet, handover: &Handover, now: Now) {
        let (report, bad) = self.parts.engine.gain(shards, handover, now.wall);
        for (id, error) in bad {
            warn!(monitor = id.0, %error, "a stored state begins anew");
        }
        self.parts.live.own(self.parts.engine.owned());
        self.schedule(shards, now);
        for incident in &handover.incidents {
            let open = incident.ended_at.is_none().then_some(incident.started_at);
            self.parts.live.update(incident.monitor, |live| live.incident_since = open);
        }
        self.apply(report, now);
        self.show_states(shards, now);
        // Until now pushes went to somebody else.
        self.listened = now.mono;
    }

    /// Gives shards up: their runs are cut short and nothing is decided about them any more.
    pub(super) fn lose(&mut self, shards: ShardSet) {
        self.parts.engine.lose(shards);
        self.parts.live.own(self.parts.engine.owned());
        for shard in shards.iter() {
            if let Some(runs) = self.shard_runs.remove(&shard) {
                runs.cancel();
            }
        }
        for id in self.catalog.by_id.keys().filter(|id| shards.holds(**id)) {
            self.scheduler.remove(*id);
            self.parts.live.update(*id, |live| live.next_run = None);
        }
    }

    /// Schedules those monitors of some shards that are ours.
    pub(super) fn schedule(&mut self, of: ShardSet, now: Now) {
        let of = of.and(self.parts.engine.owned());
        let catalog = self.catalog.clone();
        let ours = catalog.monitors.values().filter(|entry| of.holds(entry.id));
        for entry in ours.filter(|entry| is_probed(entry)) {
            if entry.monitor.enabled {
                self.scheduler.set(entry.id, timing(entry, &catalog), now.mono);
            } else {
                self.scheduler.stop(entry.id);
            }
        }
    }

    /// What cuts a monitor's run short: the stop of everything, or the loss of its shard.
    pub(super) fn cut(&mut self, id: MonitorId) -> CancellationToken {
        let runs = &self.runs;
        let shard = self.shard_runs.entry(Shard::of(id));
        shard.or_insert_with(|| runs.child_token()).clone()
    }

    pub(super) fn show_states(&mut self, of: ShardSet, now: Now) {
        let catalog = self.catalog.clone();
        for entry in catalog.monitors.values().filter(|entry| of.holds(entry.id)) {
            let Some(record) = self.parts.engine.record(entry.id) else { continue };
            show_state(&self.parts.live, entry.id, record);
            self.show_next_run(entry.id, now);
        }
    }

    /// What is known here of monitors that others check: their state, for lists and pages.
    pub(super) fn show_others(&self, states: &[StateRow]) {
        let owned = self.parts.engine.owned();
        for row in states.iter().filter(|row| !owned.holds(row.monitor)) {
            let Some(record) = self.parts.engine.record(row.monitor) else { continue };
            show_state(&self.parts.live, row.monitor, record);
        }
    }
}

/// What is known of a state without a step just taken.
fn show_state(live: &Live, id: MonitorId, record: &MonitorRecord) {
    live.update(id, |live| {
        live.state = record.state();
        live.since = record.since().or(live.since);
    });
}
