//! Sharing monitors with other processes: shards come and go, and what others decide about theirs
//! is looked at where a group or a child of ours depends on it (`design/engine.md`, who may act).

use std::collections::VecDeque;
use std::sync::Arc;

use super::propagate::Follow;
use super::{Engine, Report};
use crate::engine::record::{BadState, MonitorRecord};
use crate::id::MonitorId;
use crate::ports::{Heartbeat, Incident, StateRow};
use crate::shard::ShardSet;
use crate::time::Timestamp;

/// What the store knows of the monitors of shards that are taken over.
#[derive(Debug, Clone, Default)]
pub struct Handover {
    /// Their states.
    pub states: Vec<StateRow>,
    /// Their newest results.
    pub last: Vec<Heartbeat>,
    /// The newest incident of each that has results and no state.
    pub incidents: Vec<Incident>,
}

impl Engine {
    /// An engine that acts on nothing until it is given shards.
    pub fn without_shards() -> Self {
        Self { owned: ShardSet::NONE, ..Self::default() }
    }

    /// The shards it acts on.
    pub fn owned(&self) -> ShardSet {
        self.owned
    }

    /// Takes shards over and goes on where their last owner stopped: retries, grace, flapping and
    /// holds are in the states. A state that cannot be read is reported and begins anew.
    pub fn gain(
        &mut self,
        shards: ShardSet,
        handover: &Handover,
        now: Timestamp,
    ) -> (Report, Vec<(MonitorId, BadState)>) {
        let mut report = Report::default();
        let mut bad = Vec::new();
        self.records.retain(|id, _| !shards.holds(*id));
        for row in handover.states.iter().filter(|row| shards.holds(row.monitor)) {
            match MonitorRecord::decode(row) {
                Ok(record) => {
                    self.records.insert(row.monitor, Box::new(record));
                }
                Err(error) => bad.push((row.monitor, error)),
            }
        }
        self.recover_incidents(&handover.incidents);
        let catalog = Arc::clone(&self.catalog);
        self.resume(&catalog, &handover.last);
        self.owned = self.owned.with(shards);
        self.count_waiting();
        if self.started {
            self.remove_gone(&catalog, &catalog, now, &mut report);
            self.look_again(shards, &|_| None, true, now, &mut report);
        }
        (report, bad)
    }

    /// Gives shards up: their monitors are somebody else's from now on, and what was decided about
    /// them is kept only to be looked at.
    pub fn lose(&mut self, shards: ShardSet) {
        self.owned = self.owned.without(shards);
        for (id, record) in &mut self.records {
            if shards.holds(*id) {
                record.wake = None;
                record.boundary = None;
                self.guard.forget(*id);
            }
        }
        self.count_waiting();
    }

    /// What other processes decided about monitors of theirs. Rows about monitors of ours are
    /// echoes of our own writes.
    pub fn observe_others(&mut self, rows: &[StateRow], now: Timestamp) -> Report {
        let mut report = Report::default();
        let catalog = Arc::clone(&self.catalog);
        let mut queue = VecDeque::new();
        for row in rows.iter().filter(|row| !self.owned.holds(row.monitor)) {
            if row.blob.is_empty() {
                self.records.remove(&row.monitor);
            } else {
                // A state of another version is of no use here; its owner reports it.
                let Ok(record) = MonitorRecord::decode(row) else { continue };
                self.records.insert(row.monitor, Box::new(record));
            }
            if let Some(entry) = catalog.entry(row.monitor) {
                queue.extend(entry.groups.iter().copied().map(Follow::Members));
                queue.extend(entry.children.iter().copied().map(Follow::Related));
            }
        }
        self.follow(queue, &catalog, now, &mut report);
        report
    }

    fn count_waiting(&mut self) {
        let owned = self.owned;
        let ours = self.records.iter().filter(|(id, _)| owned.holds(**id));
        self.waiting = ours.filter(|(_, record)| record.announce.waits_for_parents()).count();
    }
}
