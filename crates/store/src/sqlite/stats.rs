//! The store's numbers about itself.

use std::path::PathBuf;

use kuma_core::stats::{Sample, StatKind, Stats};

use super::SqliteStore;
use crate::counters::sample;

impl Stats for SqliteStore {
    fn samples(&self) -> Vec<Sample> {
        let mut wal = PathBuf::from(&self.path).into_os_string();
        wal.push("-wal");
        let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes = size(self.path.clone()) + size(wal.into());
        let mut samples = self.counters.samples();
        samples.push(sample(
            "store_size_bytes",
            "Size of the database file and its write-ahead log.",
            StatKind::Gauge,
            bytes as f64,
        ));
        samples
    }
}
