//! A small installation: attempts in, rows out, a clock of seconds.

use std::sync::Arc;

use crate::catalog::{Catalog, Entry};
use crate::engine::testkit::{at, catalog};
use crate::engine::{Engine, Report};
use crate::id::MonitorId;
use crate::observation::Observation;
use crate::ports::Batch;
use crate::reason::Reason;
use crate::state::MonitorState;

pub(super) struct House {
    pub(super) engine: Engine,
    pub(super) catalog: Arc<Catalog>,
    /// Everything that was to be stored, with the second.
    pub(super) stored: Vec<(i64, Batch)>,
    pub(super) run_now: Vec<MonitorId>,
}

impl House {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let mut house = Self {
            engine: Engine::default(),
            catalog: Arc::new(catalog(linked(entries))),
            stored: Vec::new(),
            run_now: Vec::new(),
        };
        let report = house.engine.swap(&house.catalog, at(0));
        house.keep(0, report);
        house
    }

    pub(super) fn keep(&mut self, second: i64, report: Report) {
        self.run_now.extend(report.run_now);
        self.stored.push((second, report.batch));
    }

    /// Wakes the engine whenever it asks for it, up to `second`.
    pub(super) fn until(&mut self, second: i64) {
        let mut turns = 0;
        while let Some(wake) = self.engine.next_wakeup().filter(|wake| *wake <= at(second)) {
            let wake = wake.duration_since(at(0)).as_secs().max(0);
            let report = self.engine.due(at(wake));
            self.keep(wake, report);
            turns += 1;
            assert!(turns < 1000, "it spins");
        }
    }

    pub(super) fn attempt(&mut self, id: i64, second: i64, observation: &Observation) -> Report {
        self.until(second);
        let began = at(second - 1);
        let report = self.engine.attempt(MonitorId(id), observation, began, at(second), at(second));
        self.keep(second, report.clone());
        report
    }

    pub(super) fn ok(&mut self, id: i64, second: i64) -> Report {
        self.attempt(id, second, &Observation::success("fine"))
    }

    pub(super) fn fail(&mut self, id: i64, second: i64) -> Report {
        let refused = Observation::failure(Reason::ConnectionRefused, "connection refused");
        self.attempt(id, second, &refused)
    }

    pub(super) fn swap(&mut self, entries: Vec<Entry>, second: i64) -> Report {
        self.until(second);
        self.catalog = Arc::new(catalog(linked(entries)));
        let report = self.engine.swap(&self.catalog, at(second));
        self.keep(second, report.clone());
        report
    }

    pub(super) fn state(&self, id: i64) -> MonitorState {
        self.engine.state(MonitorId(id)).unwrap_or_default()
    }

    /// Stops and starts again from what was stored.
    pub(super) fn restart(&mut self, second: i64) {
        let mut rows = std::collections::BTreeMap::new();
        let mut beats = std::collections::BTreeMap::new();
        for (_, batch) in &self.stored {
            rows.extend(batch.states.iter().map(|row| (row.monitor, row.clone())));
            beats.extend(batch.heartbeats.iter().map(|beat| (beat.monitor, beat.clone())));
        }
        let rows: Vec<_> = rows.into_values().collect();
        let beats: Vec<_> = beats.into_values().collect();
        let (engine, bad) = Engine::load(&rows);
        assert!(bad.is_empty());
        self.engine = engine;
        self.engine.resume(&self.catalog, &beats);
        let report = self.engine.swap(&self.catalog, at(second));
        self.keep(second, report);
    }

    /// What was told and not told so far, a line each.
    pub(super) fn told(&self) -> String {
        let mut lines = Vec::new();
        for (second, batch) in &self.stored {
            for row in &batch.outbox {
                let due = row.not_before.duration_since(at(0)).as_secs();
                let note = row.event.note.as_deref().unwrap_or("-");
                lines.push(format!(
                    "{second:>5} {} {} -> {} due {due} ({note})",
                    row.event.kind, row.event.monitor, row.provider.name
                ));
            }
            for unsaid in &batch.suppressed {
                let row = &unsaid.row;
                lines.push(format!(
                    "{second:>5} not {} {} -> {}: {}",
                    row.event.kind, row.event.monitor, row.provider.name, unsaid.why
                ));
            }
        }
        lines.join("\n")
    }
}

/// Fills in children and groups from parents and members.
pub(super) fn linked(mut entries: Vec<Entry>) -> Vec<Entry> {
    let copy = entries.clone();
    for entry in &mut entries {
        let is_child = |other: &&Entry| other.parents.contains(&entry.id);
        entry.children = copy.iter().filter(is_child).map(|other| other.id).collect();
        let is_group = |other: &&Entry| other.members.contains(&entry.id);
        entry.groups = copy.iter().filter(is_group).map(|other| other.id).collect();
    }
    entries
}
