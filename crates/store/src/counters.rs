//! A writer's numbers about itself, the same for every store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kuma_core::stats::{Counter, Sample, StatKind};

use crate::queue::MAX_WAITING;

/// Raised by the writer.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: Counter,
    pub(crate) rows: Counter,
    pub(crate) commit_nanos: Counter,
    pub(crate) refused: Counter,
    pub(crate) errors: Counter,
    /// Rows that wait for the writer.
    waiting: AtomicUsize,
}

impl Counters {
    /// Counts work that begins to wait; false when too much does.
    pub(crate) fn admit(&self, rows: usize) -> bool {
        let before = self.waiting.fetch_add(rows, Ordering::Relaxed);
        let admitted = before == 0 || before.saturating_add(rows) <= MAX_WAITING;
        if !admitted {
            self.waiting.fetch_sub(rows, Ordering::Relaxed);
            self.errors.inc();
        }
        admitted
    }

    /// Counts work that waits no longer.
    pub(crate) fn took(&self, rows: usize) {
        self.waiting.fetch_sub(rows, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, rows: usize, took: Duration) {
        self.batches.inc();
        self.rows.add(rows as u64);
        self.commit_nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What every store shows, but its size.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        use StatKind::{Counter, Gauge};
        let waiting = self.waiting.load(Ordering::Relaxed);
        vec![
            sample("store_batches", "Transactions committed.", Counter, self.batches.get() as f64),
            sample("store_rows", "Rows committed.", Counter, self.rows.get() as f64),
            sample(
                "store_commit_seconds_sum",
                "Seconds that transactions took.",
                Counter,
                Duration::from_nanos(self.commit_nanos.get()).as_secs_f64(),
            ),
            sample(
                "store_commit_seconds_count",
                "Transactions whose duration is in the sum.",
                Counter,
                self.batches.get() as f64,
            ),
            sample(
                "store_refused_rows",
                "Rows refused because their writer had been fenced.",
                Counter,
                self.refused.get() as f64,
            ),
            sample(
                "store_errors",
                "Transactions that failed, and work refused because too much waited.",
                Counter,
                self.errors.get() as f64,
            ),
            sample("store_queue_depth", "Rows that wait for the writer.", Gauge, waiting as f64),
        ]
    }
}

/// A number without labels.
pub(crate) fn sample(name: &'static str, help: &'static str, kind: StatKind, value: f64) -> Sample {
    Sample { name, help, kind, labels: Vec::new(), value }
}
