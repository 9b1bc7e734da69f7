//! Numbers about ourselves. Each part owns plain counters and shows them through [`Stats`]; the
//! server turns them into metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatKind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One number with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Metric name without the `kubekuma_` prefix, without `_total`.
    pub name: &'static str,
    /// What it is, one sentence with a full stop.
    pub help: &'static str,
    /// What it means.
    pub kind: StatKind,
    /// Label names and values, always the same names for one metric.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// Port: whoever has numbers to show.
pub trait Stats: Send + Sync {
    /// All of them, now. The samples of one name stand together.
    fn samples(&self) -> Vec<Sample>;
}

/// A counter that many tasks may raise.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Raises it by one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Raises it.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Sets it; for gauges.
    pub fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
