//! The store's numbers about itself.

use kuma_core::stats::{Sample, StatKind, Stats};

use super::PostgresStore;
use crate::counters::sample;

impl Stats for PostgresStore {
    fn samples(&self) -> Vec<Sample> {
        let mut samples = self.counters.samples();
        samples.push(sample(
            "store_size_bytes",
            "Size of the database as of the last upkeep.",
            StatKind::Gauge,
            self.bytes.get() as f64,
        ));
        samples.push(sample(
            "store_connections",
            "Connections to the database, the writer's left out.",
            StatKind::Gauge,
            f64::from(self.pool.size()),
        ));
        samples
    }
}
