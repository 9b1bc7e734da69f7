//! The store's numbers about itself.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kuma_core::stats::{Counter, Sample, StatKind, Stats};

use super::SqliteStore;
use super::writer::{Job, MAX_WAITING};

/// Raised by the writer.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) batches: Counter,
    pub(super) rows: Counter,
    pub(super) commit_nanos: Counter,
    pub(super) refused: Counter,
    pub(super) errors: Counter,
    /// Rows that wait for the writer.
    waiting: AtomicUsize,
}

impl Counters {
    /// Counts work that begins to wait; false when too much does.
    pub(super) fn admit(&self, rows: usize) -> bool {
        let before = self.waiting.fetch_add(rows, Ordering::Relaxed);
        let admitted = before == 0 || before.saturating_add(rows) <= MAX_WAITING;
        if !admitted {
            self.waiting.fetch_sub(rows, Ordering::Relaxed);
            self.errors.inc();
        }
        admitted
    }

    /// Counts work that waits no longer.
    pub(super) fn took(&self, jobs: &[Job]) {
        let rows = jobs.iter().map(|job| job.work.rows()).sum();
        self.waiting.fetch_sub(rows, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, rows: usize, took: Duration) {
        self.batches.inc();
        self.rows.add(rows as u64);
        self.commit_nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

fn sample(name: &'static str, help: &'static str, kind: StatKind, value: f64) -> Sample {
    Sample { name, help, kind, labels: Vec::new(), value }
}

impl Stats for SqliteStore {
    fn samples(&self) -> Vec<Sample> {
        use StatKind::{Counter, Gauge};
        let counters = &self.counters;
        let waiting = counters.waiting.load(Ordering::Relaxed);
        let mut wal = PathBuf::from(&self.path).into_os_string();
        wal.push("-wal");
        let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes = size(self.path.clone()) + size(wal.into());
        vec![
            sample(
                "store_batches",
                "Transactions committed.",
                Counter,
                counters.batches.get() as f64,
            ),
            sample("store_rows", "Rows committed.", Counter, counters.rows.get() as f64),
            sample(
                "store_commit_seconds_sum",
                "Seconds that transactions took.",
                Counter,
                Duration::from_nanos(counters.commit_nanos.get()).as_secs_f64(),
            ),
            sample(
                "store_commit_seconds_count",
                "Transactions whose duration is in the sum.",
                Counter,
                counters.batches.get() as f64,
            ),
            sample(
                "store_refused_rows",
                "Rows refused because their writer had been fenced.",
                Counter,
                counters.refused.get() as f64,
            ),
            sample(
                "store_errors",
                "Transactions that failed, and work refused because too much waited.",
                Counter,
                counters.errors.get() as f64,
            ),
            sample("store_queue_depth", "Rows that wait for the writer.", Gauge, waiting as f64),
            sample(
                "store_size_bytes",
                "Size of the database file and its write-ahead log.",
                Gauge,
                bytes as f64,
            ),
        ]
    }
}
