//! All monitors together: who must hear of whose change, who is due, what another catalog means.
//! Still pure; the shell feeds it and commits each [`Report`] as one batch.

mod catalog;
mod propagate;
mod share;
mod wakeups;

use std::sync::Arc;

use jiff::SignedDuration;

use super::announce::{DeliveryFeedback, Operator};
use super::guard::{Guard, GuardRun, Network, RunResult};
use super::notice::Notice;
use super::record::{BadState, MonitorRecord};
use super::step::{Input, is_probed};
use super::verdict::Next;
use crate::catalog::Catalog;
use crate::id::{IdMap, MonitorId};
use crate::observation::Observation;
use crate::ports::{Batch, Heartbeat, Incident, StateRow};
use crate::shard::ShardSet;
use crate::state::MonitorState;
use crate::time::Timestamp;
pub use share::Handover;
use wakeups::Wakeups;

/// What a call decided about one monitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Which.
    pub id: MonitorId,
    /// When it runs next.
    pub next: Next,
    /// The state shown before and after, if it changed.
    pub transition: Option<(MonitorState, MonitorState)>,
    /// What happened, for logs.
    pub notices: Vec<Notice>,
}

/// What a call decided about all of them.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// To be committed in one transaction.
    pub batch: Batch,
    /// Monitors that took a step, in order.
    pub changes: Vec<Change>,
    /// Monitors whose next run should start at once.
    pub run_now: Vec<MonitorId>,
    /// Events that no route took.
    pub unrouted: u32,
}

/// The engine of one process.
#[derive(Debug)]
pub struct Engine {
    /// The shards it acts on. Records of other monitors are only looked at.
    owned: ShardSet,
    records: IdMap<Box<MonitorRecord>>,
    catalog: Arc<Catalog>,
    guard: Guard,
    /// Until when downs are held.
    guard_until: Option<Timestamp>,
    wakeups: Wakeups,
    /// How many monitors wait for their parents: while it is none, verdicts concern nobody else.
    waiting: usize,
    /// Whether a catalog was in force yet.
    started: bool,
}

impl Default for Engine {
    /// An engine that acts on every monitor.
    fn default() -> Self {
        Self {
            owned: ShardSet::ALL,
            records: IdMap::default(),
            catalog: Arc::default(),
            guard: Guard::default(),
            guard_until: None,
            wakeups: Wakeups::default(),
            waiting: 0,
            started: false,
        }
    }
}

impl Engine {
    /// An engine with what was stored. A state that cannot be read is reported and begins anew.
    pub fn load(rows: &[StateRow]) -> (Self, Vec<(MonitorId, BadState)>) {
        let mut engine = Self::default();
        let mut bad = Vec::new();
        for row in rows {
            match MonitorRecord::decode(row) {
                Ok(record) => {
                    engine.records.insert(row.monitor, Box::new(record));
                }
                Err(error) => bad.push((row.monitor, error)),
            }
        }
        let records = engine.records.values();
        engine.waiting = records.filter(|record| record.announce.waits_for_parents()).count();
        (engine, bad)
    }

    /// An attempt ended, or a push arrived. Results of monitors that are gone, or somebody else's by
    /// now, are dropped.
    pub fn attempt(
        &mut self,
        id: MonitorId,
        observation: &Observation,
        started: Timestamp,
        ended: Timestamp,
        now: Timestamp,
    ) -> Report {
        let mut report = Report::default();
        let catalog = Arc::clone(&self.catalog);
        let Some(entry) = catalog.entry(id).filter(|_| self.owned.holds(id)) else {
            return report;
        };
        if is_probed(entry) {
            let run = GuardRun {
                monitor: id,
                network: match observation.peer {
                    Some(peer) => Network::of(Some(peer), None),
                    None => Network::of(None, entry.monitor.check.host().as_deref()),
                },
                interval: entry.monitor.schedule.interval,
                result: RunResult::of(observation),
            };
            let settings = &catalog.settings.networking.self_check;
            self.guard.observe(run, settings, now);
            self.ask_guard(now, &mut report);
        }
        let input = Input::Attempt { observation, started, ended };
        self.apply(id, input, now, &mut report);
        report
    }

    /// A person did something to a monitor's open incident.
    pub fn operate(&mut self, id: MonitorId, operator: Operator, now: Timestamp) -> Report {
        let mut report = Report::default();
        self.apply(id, Input::Operator(operator), now, &mut report);
        report
    }

    /// A delivery about a monitor ended in a way that matters here.
    pub fn delivered(
        &mut self,
        id: MonitorId,
        feedback: DeliveryFeedback,
        now: Timestamp,
    ) -> Report {
        let mut report = Report::default();
        self.apply(id, Input::Delivery(feedback), now, &mut report);
        report
    }

    /// Whether any of the host's links but loopback is up.
    pub fn observe_links(&mut self, up: bool, now: Timestamp) -> Report {
        let mut report = Report::default();
        let catalog = Arc::clone(&self.catalog);
        let settings = &catalog.settings.networking.self_check;
        self.guard.observe_links(up, settings, now);
        self.ask_guard(now, &mut report);
        report
    }

    /// A round of `networking.selfCheck.targets` ended.
    pub fn observe_self_checks(&mut self, succeeded: u32, failed: u32, now: Timestamp) -> Report {
        let mut report = Report::default();
        let catalog = Arc::clone(&self.catalog);
        let settings = &catalog.settings.networking.self_check;
        self.guard.observe_self_checks(succeeded, failed, settings, now);
        self.ask_guard(now, &mut report);
        report
    }

    /// Moves every remembered instant after the wall clock jumped by `by`. Call
    /// [`Engine::due`] with the new time afterwards.
    pub fn rebase(&mut self, by: SignedDuration) {
        self.guard.reset();
        self.guard_until = None;
        self.wakeups = Wakeups::default();
        let owned = self.owned;
        for (id, record) in self.records.iter_mut().filter(|(id, _)| owned.holds(**id)) {
            record.rebase(by);
            // Calendars did not move: windows are looked at again at once.
            record.boundary = record.boundary.map(|_| Timestamp::MIN);
            for at in [record.wake, record.boundary].into_iter().flatten() {
                self.wakeups.set(*id, at);
            }
        }
    }

    /// What to write on a clean stop, so that nothing beyond `now` is taken for known.
    pub fn stop(&self, now: Timestamp) -> Batch {
        let mut batch = Batch { durable: true, ..Batch::default() };
        for (id, record) in self.records.iter().filter(|(id, _)| self.owned.holds(**id)) {
            batch.intervals.extend(record.verdict.vouch_on_stop(*id, now));
        }
        batch
    }

    /// The state of a monitor as people see it.
    pub fn state(&self, id: MonitorId) -> Option<MonitorState> {
        Some(self.records.get(&id)?.verdict.shown())
    }

    /// What is remembered of a monitor.
    pub fn record(&self, id: MonitorId) -> Option<&MonitorRecord> {
        self.records.get(&id).map(|record| &**record)
    }

    /// Until when the own-fault guard holds downs, if it does.
    pub fn guard_until(&self) -> Option<Timestamp> {
        self.guard_until
    }

    /// Gives monitors whose state was lost their newest stored incident back. Between
    /// [`Engine::load`] and the first [`Engine::swap`].
    pub fn recover_incidents(&mut self, newest: &[Incident]) {
        for incident in newest {
            let record = self.records.entry(incident.monitor).or_default();
            record.name.get_or_insert_with(|| incident.monitor_name.clone());
            record.verdict.recover_incident(incident);
        }
    }

    /// Brings loaded states up to date with each monitor's newest stored heartbeat. Between
    /// [`Engine::load`] and the first [`Engine::swap`], with the catalog that comes then.
    pub fn resume(&mut self, catalog: &Catalog, last: &[Heartbeat]) {
        for heartbeat in last {
            let (Some(entry), Some(record)) =
                (catalog.entry(heartbeat.monitor), self.records.get_mut(&heartbeat.monitor))
            else {
                continue;
            };
            let view = super::verdict::VerdictView {
                id: entry.id,
                monitor: &entry.monitor,
                settings: &catalog.settings,
                guard_until: None,
            };
            record.verdict.resume(Some(heartbeat), &view);
        }
    }
}
