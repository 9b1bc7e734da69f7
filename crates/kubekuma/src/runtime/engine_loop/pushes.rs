//! What comes of pushes, and of times in which none could come.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kuma_core::catalog::Entry;
use kuma_core::check::Check;
use kuma_core::id::MonitorId;
use kuma_core::observation::Observation;
use kuma_core::ports::PushArrival;
use kuma_core::reason::Reason;
use kuma_core::time::Now;

use super::Loop;

/// Most arrivals remembered.
const MOST_SEEN: usize = 10_000;

/// How often push monitors are excused while nothing can arrive.
const EXCUSE_EVERY: Duration = Duration::from_secs(1);

/// Monitors whose pushes came and are not stored yet.
#[derive(Debug, Default)]
pub struct Arrivals(Mutex<BTreeMap<MonitorId, usize>>);

impl Arrivals {
    /// A push came.
    pub fn begin(&self, monitor: MonitorId) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting.entry(monitor).or_default() += 1;
    }

    /// One was stored, or refused. Those found at the start never began.
    pub fn end(&self, monitor: MonitorId) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&monitor) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&monitor);
            }
        }
    }

    fn all(&self) -> Vec<MonitorId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

impl Loop {
    pub(super) fn pushed(&mut self, arrival: &PushArrival, now: Now) {
        self.parts.arrivals.end(arrival.monitor);
        // Somebody else's monitor: its owner finds the arrival in the inbox.
        if !self.parts.engine.owned().holds(arrival.monitor) || !self.is_new(arrival.id) {
            return;
        }
        let mut observation = if arrival.up {
            Observation::success(arrival.message.clone())
        } else {
            Observation::failure(Reason::PushDown, arrival.message.clone())
        };
        observation.latency = arrival.latency;
        let engine = &mut self.parts.engine;
        let mut report =
            engine.attempt(arrival.monitor, &observation, arrival.at, arrival.at, now.wall);
        report.batch.push_consumed.push(arrival.id);
        self.parts.live.attempt(arrival.monitor, &observation, arrival.at, 1);
        self.apply(report, now);
    }

    /// Whether an arrival was not seen before. Ids grow, and few wait to be committed.
    fn is_new(&mut self, id: i64) -> bool {
        let new = self.arrivals_seen.insert(id);
        if self.arrivals_seen.len() > MOST_SEEN {
            self.arrivals_seen.pop_first();
        }
        new
    }

    /// While the store is away and after a standstill no push could arrive: silence says nothing
    /// then, and the next push gets its full interval.
    pub(super) fn excuse_pushes(&mut self, now: Now) {
        let away = self.parts.commits.away.load(Ordering::Relaxed);
        let still = self.parts.pulse.stood_still(self.listened, now.mono);
        if still.is_zero() && (!away || now.mono.since(self.listened) < EXCUSE_EVERY) {
            if !away {
                self.listened = now.mono;
            }
            return;
        }
        self.listened = now.mono;
        let excuse = if away {
            store_is_away()
        } else {
            Observation::indeterminate(Reason::ClockJump, "this process stood still")
        };
        let catalog = Arc::clone(&self.catalog);
        let pushed = |entry: &&Arc<Entry>| matches!(entry.monitor.check, Check::Push(_));
        for entry in catalog.monitors.values().filter(pushed) {
            self.excuse_push(entry.id, &excuse, now);
        }
    }

    /// What is being stored is no silence, however long that takes.
    pub(super) fn wait_for_arrivals(&mut self, now: Now) {
        for id in self.parts.arrivals.all() {
            self.excuse_push(id, &store_is_away(), now);
        }
    }

    pub(super) fn excuse_push(&mut self, id: MonitorId, excuse: &Observation, now: Now) {
        let report = self.parts.engine.attempt(id, excuse, now.wall, now.wall, now.wall);
        self.apply(report, now);
    }
}

/// No push can be stored now.
pub(super) fn store_is_away() -> Observation {
    Observation::indeterminate(Reason::StoreDown, "the store does not take pushes")
}
