//! What every monitor is right now and what has been counted since the start: written by the
//! engine's loop, read by metrics, API and the terminal's table.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kuma_core::catalog::Catalog;
use kuma_core::check::CheckType;
use kuma_core::id::{IdMap, MonitorId, ObjectName};
use kuma_core::observation::{Certificate, Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_core::shard::ShardSet;
use kuma_core::state::MonitorState;
use kuma_core::time::Timestamp;

use crate::histogram::{CHECKS, Histogram, INCIDENTS};

/// Windows of `status.uptime`, name and hours.
pub const UPTIME_WINDOWS: [(&str, u32); 4] =
    [("1h", 1), ("24h", 24), ("7d", 24 * 7), ("30d", 24 * 30)];

/// The last attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct LastResult {
    /// Its end.
    pub at: Timestamp,
    /// Microseconds.
    pub latency_us: Option<u32>,
    /// Why, if it was no success.
    pub reason: Option<Reason>,
    /// One sentence.
    pub message: String,
    /// Attempts of the run so far.
    pub attempts: u32,
}

/// A certificate's dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCertificate {
    /// End of validity.
    pub expires_at: Timestamp,
    /// Whether it was found good.
    pub valid: bool,
    /// Who issued it.
    pub issuer: String,
    /// For whom.
    pub subject: String,
}

/// One monitor.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveMonitor {
    /// Its name.
    pub name: ObjectName,
    /// Its type.
    pub check_type: CheckType,
    /// What is checked, without credentials.
    pub target: String,
    /// Its state.
    pub state: MonitorState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The last attempt.
    pub last: Option<LastResult>,
    /// The certificate last seen.
    pub certificate: Option<LiveCertificate>,
    /// When it runs next.
    pub next_run: Option<Timestamp>,
    /// Attempts by result and reason since the start.
    pub counts: Vec<((&'static str, &'static str), u64)>,
    /// Shares of known time, in the order of [`UPTIME_WINDOWS`].
    pub uptime: [Option<f64>; 4],
    /// Since when its incident is open.
    pub incident_since: Option<Timestamp>,
}

impl LiveMonitor {
    fn count(&mut self, end: (&'static str, &'static str)) {
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| *known == end) {
            *count += 1;
        } else {
            // Mostly one, sometimes two or three; ten thousand maps would be five megabytes.
            self.counts.reserve_exact(1);
            self.counts.push((end, 1));
            self.counts.sort_unstable();
        }
    }
}

/// What is counted over all monitors.
#[derive(Debug, Clone)]
pub struct Totals {
    /// Durations by type and phase (`total` is the whole attempt).
    pub durations: BTreeMap<(CheckType, &'static str), Histogram>,
    /// Incidents opened since the start.
    pub incidents_opened: u64,
    /// Durations of the incidents closed since the start.
    pub incident_durations: Histogram,
    /// Events that had no route.
    pub unrouted: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            durations: BTreeMap::new(),
            incidents_opened: 0,
            incident_durations: Histogram::new(INCIDENTS),
            unrouted: 0,
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// Whose numbers are ours to report; all of them on a store of our own.
    others: ShardSet,
    monitors: IdMap<LiveMonitor>,
    totals: Totals,
}

/// The live states.
#[derive(Debug, Default)]
pub struct Live(Mutex<Inner>);

impl Live {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held leaves numbers behind, not a broken structure.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a new catalog: monitors that are gone vanish with their series.
    pub fn sync(&self, catalog: &Catalog) {
        let mut inner = self.lock();
        inner.monitors.retain(|id, _| catalog.by_id.contains_key(id));
        for (name, entry) in &catalog.monitors {
            let target = entry.monitor.check.target();
            let check_type = entry.monitor.check.check_type();
            let live = inner.monitors.entry(entry.id).or_insert_with(|| LiveMonitor {
                name: name.clone(),
                check_type,
                target: String::new(),
                state: MonitorState::Pending,
                since: None,
                last: None,
                certificate: None,
                next_run: None,
                counts: Vec::new(),
                uptime: [None; 4],
                incident_since: None,
            });
            live.check_type = check_type;
            live.target = target;
        }
    }

    /// Changes one monitor, if it is still there.
    pub fn update(&self, id: MonitorId, change: impl FnOnce(&mut LiveMonitor)) {
        if let Some(live) = self.lock().monitors.get_mut(&id) {
            change(live);
        }
    }

    /// Records an attempt.
    pub fn attempt(&self, id: MonitorId, observation: &Observation, at: Timestamp, attempts: u32) {
        let mut inner = self.lock();
        let Inner { monitors, totals, .. } = &mut *inner;
        let Some(live) = monitors.get_mut(&id) else {
            return;
        };
        let result = match observation.outcome {
            Outcome::Success => "success",
            Outcome::Failure(_) => "failure",
            Outcome::Indeterminate(_) => "indeterminate",
        };
        let reason = observation.outcome.reason();
        live.count((result, reason.map_or("", Reason::code)));
        if let Some(certificate) = &observation.certificate {
            live.certificate = Some(certificate_of(certificate));
        }
        if let Some(latency) = observation.latency {
            let total = totals
                .durations
                .entry((live.check_type, "total"))
                .or_insert_with(|| Histogram::new(CHECKS));
            total.observe(latency.as_secs_f64());
        }
        for (phase, micros) in observation.phases.named() {
            let histogram = totals
                .durations
                .entry((live.check_type, phase))
                .or_insert_with(|| Histogram::new(CHECKS));
            histogram.observe(f64::from(micros) / 1e6);
        }
        live.last = Some(LastResult {
            at,
            latency_us: observation.latency.map(kuma_core::observation::micros),
            reason,
            message: observation.message.clone(),
            attempts,
        });
    }

    /// Changes the totals.
    pub fn total(&self, change: impl FnOnce(&mut Totals)) {
        change(&mut self.lock().totals);
    }

    /// One monitor.
    pub fn get(&self, id: MonitorId) -> Option<LiveMonitor> {
        self.lock().monitors.get(&id).cloned()
    }

    /// Every monitor, by name.
    pub fn all(&self) -> Vec<LiveMonitor> {
        let mut all: Vec<_> = self.lock().monitors.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Says which shards are ours: of the others' monitors the state is shown, and nothing counted.
    pub fn own(&self, owned: ShardSet) {
        self.lock().others = ShardSet::ALL.without(owned);
    }

    /// Every monitor whose shard is ours, by name: each is in the metrics of one instance.
    pub fn ours(&self) -> Vec<LiveMonitor> {
        let inner = self.lock();
        let ours = inner.monitors.iter().filter(|(id, _)| !inner.others.holds(**id));
        let mut ours: Vec<_> = ours.map(|(_, live)| live.clone()).collect();
        ours.sort_by(|a, b| a.name.cmp(&b.name));
        ours
    }

    /// The totals.
    pub fn totals(&self) -> Totals {
        self.lock().totals.clone()
    }
}

fn certificate_of(certificate: &Certificate) -> LiveCertificate {
    LiveCertificate {
        expires_at: certificate.expires_at,
        valid: certificate.valid,
        issuer: certificate.issuer.clone(),
        subject: certificate.subject.clone(),
    }
}
