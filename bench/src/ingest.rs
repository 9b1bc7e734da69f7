//! How fast the store takes heartbeats, and what a row costs: many monitors interleaved, as real
//! ones are.

use std::collections::VecDeque;
use std::sync::Arc;

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{Batch, CommitReport, Fence, Heartbeat, Store, StoreResult};
use kuma_core::state::MonitorState;
use kuma_core::time::{Clock, Timestamp};
use kuma_store::{SqliteOptions, SqliteStore};

use crate::clock::SystemClock;
use crate::process::{self, database_bytes};
use crate::report::Report;

/// Commits under way at once; the product has up to 64.
const UNDER_WAY: usize = 8;

/// Heartbeat ingest of the SQLite store.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    rows: Rows,
}

/// What is written.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Rows {
    #[arg(long, default_value_t = 10_000)]
    pub(crate) monitors: u32,
    /// Heartbeats in all.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) rows: u32,
    /// Heartbeats in one transaction.
    #[arg(long, default_value_t = 1000)]
    batch: u32,
}

pub(crate) async fn measure(arguments: &Arguments, clock: SystemClock) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("ingest.db");
    let store = SqliteStore::open(SqliteOptions {
        path: path.clone(),
        clock: Arc::new(clock),
        product_version: "bench".to_owned(),
    })
    .await?;
    let names: Vec<_> = (0..arguments.rows.monitors)
        .map(|n| ObjectName::new("bench", crate::folder::name(n)))
        .collect();
    let ids = store.intern(&names).await?;
    let empty = database_bytes(&path);
    let start = clock.now().wall;
    let (cpu, begun) = (process::cpu("self")?, clock.elapsed());
    let (written, asked) = (process::own_io("write_bytes")?, process::own_io("wchar")?);
    all(&store, &arguments.rows, &ids, start, &Fence::Exclusive).await?;
    let lasted = clock.elapsed().saturating_sub(begun).as_secs_f64();
    let used = process::cpu("self")?.since(cpu);
    let written = process::own_io("write_bytes")? - written;
    let asked = process::own_io("wchar")? - asked;
    store.close().await?;
    let rows = f64::from(arguments.rows.rows);

    let mut report = Report::default();
    report.high("ingest.rowsPerSecond", rows / lasted, "rows/s");
    report.high("ingest.rowsPerCpuSecond", rows / used.total(), "rows/CPU-s");
    report.low("ingest.writtenPerRow", written as f64 / rows, "bytes to the disk");
    report.low("ingest.writeCallsPerRow", asked as f64 / rows, "bytes in write calls");
    let grown = database_bytes(&path).saturating_sub(empty);
    report.low("ingest.diskPerRow", grown as f64 / rows, "bytes");
    report.note("ingest.user", used.user, "CPU-s");
    report.note("ingest.system", used.system, "CPU-s");
    Ok(report)
}

/// Writes them all, a few commits under way at once.
pub(crate) async fn all(
    store: &dyn Store,
    rows: &Rows,
    ids: &[MonitorId],
    start: Timestamp,
    fence: &Fence,
) -> anyhow::Result<()> {
    let mut under_way: VecDeque<StoreResult<'_, CommitReport>> = VecDeque::new();
    let mut refused = 0;
    for first in (0..rows.rows).step_by(rows.batch as usize) {
        if under_way.len() == UNDER_WAY
            && let Some(oldest) = under_way.pop_front()
        {
            refused += oldest.await?.refused;
        }
        let last = rows.rows.min(first + rows.batch);
        let heartbeats = (first..last).map(|row| heartbeat(row, ids, start)).collect();
        under_way.push_back(store.commit(Batch { heartbeats, ..Batch::default() }, fence.clone()));
    }
    for commit in under_way {
        refused += commit.await?.refused;
    }
    anyhow::ensure!(refused == 0, "{refused} rows were refused");
    Ok(())
}

/// The monitors take turns; a round of all of them lasts 30 s.
fn heartbeat(row: u32, ids: &[MonitorId], start: Timestamp) -> Heartbeat {
    let row = row as usize;
    let count = ids.len().max(1);
    let ms = (row as u64).saturating_mul(30_000) / count as u64;
    // Latencies that differ, without a generator: the fraction of multiples of the golden ratio.
    let share = (row as f64 * 0.618_033_988_749_895).fract();
    Heartbeat {
        monitor: ids.get(row % count).copied().unwrap_or(MonitorId(0)),
        at: kuma_core::time::plus(start, std::time::Duration::from_millis(ms)),
        sequence: 0,
        state: MonitorState::Up,
        reason: None,
        latency_us: Some(1_000 + latency(share)),
        attempts: 1,
        message: None,
        evidence: None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 1 s")]
fn latency(share: f64) -> u32 {
    (share * share * 1e6) as u32
}
