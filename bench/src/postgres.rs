//! How fast the store takes heartbeats into PostgreSQL, and what a row costs. The server is one of
//! the run's own, with the settings that a fresh installation has.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context as _;
use kuma_core::id::ObjectName;
use kuma_core::ports::{Batch, CommitReport, Fence, Membership as _, Store, StoreResult};
use kuma_core::shard::{Held, MemberId, ShardSet};
use kuma_core::time::Clock;
use kuma_fixture::Postgres;
use kuma_store::{PostgresOptions, PostgresStore};
use sqlx::{Connection as _, PgConnection};

use crate::clock::SystemClock;
use crate::ingest::heartbeat;
use crate::process;
use crate::report::Report;

/// Commits under way at once; the product has up to 64.
const UNDER_WAY: usize = 8;

/// Heartbeat ingest of the PostgreSQL store.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, default_value_t = 10_000)]
    monitors: u32,
    /// Heartbeats in all.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// Heartbeats in one transaction.
    #[arg(long, default_value_t = 1000)]
    batch: u32,
}

pub(crate) async fn measure(arguments: &Arguments, clock: SystemClock) -> anyhow::Result<Report> {
    let server = Postgres::shared().context("PostgreSQL is not installed")?;
    let database = Arc::clone(server).database();
    let url = database.url();
    let me = MemberId("bench/1".to_owned());
    let store = PostgresStore::open(PostgresOptions {
        url: url.parse()?,
        clock: Arc::new(clock),
        product_version: "bench".to_owned(),
        member: me.clone(),
    })
    .await?;
    store.beat(&me, std::time::Duration::from_secs(600)).await?;
    let epochs = store.claim_shards(&me, ShardSet::ALL).await?.into_iter().collect();
    let fence = Fence::Held(Arc::new(Held { member: me.clone(), epochs }));
    let names: Vec<_> =
        (0..arguments.monitors).map(|n| ObjectName::new("bench", crate::folder::name(n))).collect();
    let ids = store.intern(&names).await?;
    let mut asking = PgConnection::connect(&url).await?;
    let (empty, wal) = (size(&mut asking).await?, written(&mut asking).await?);
    let start = clock.now().wall;
    let (cpu, begun) = (process::cpu("self")?, clock.elapsed());
    let mut under_way: VecDeque<StoreResult<'_, CommitReport>> = VecDeque::new();
    let mut refused = 0;
    for first in (0..arguments.rows).step_by(arguments.batch as usize) {
        if under_way.len() == UNDER_WAY
            && let Some(oldest) = under_way.pop_front()
        {
            refused += oldest.await?.refused;
        }
        let last = arguments.rows.min(first + arguments.batch);
        let heartbeats = (first..last).map(|row| heartbeat(row, &ids, start)).collect();
        under_way.push_back(store.commit(Batch { heartbeats, ..Batch::default() }, fence.clone()));
    }
    for commit in under_way {
        refused += commit.await?.refused;
    }
    anyhow::ensure!(refused == 0, "{refused} rows were refused");
    let lasted = clock.elapsed().saturating_sub(begun).as_secs_f64();
    let used = process::cpu("self")?.since(cpu);
    let wal = written(&mut asking).await? - wal;
    let grown = size(&mut asking).await? - empty;
    store.leave(&me).await?;
    store.close().await?;
    let rows = f64::from(arguments.rows);

    let mut report = Report::default();
    report.high("postgres.rowsPerSecond", rows / lasted, "rows/s");
    report.high("postgres.rowsPerCpuSecond", rows / used.total(), "rows/CPU-s, without the server");
    report.low("postgres.writtenPerRow", wal / rows, "bytes of write-ahead log");
    report.low("postgres.diskPerRow", grown / rows, "bytes, before they are sealed");
    Ok(report)
}

/// Bytes of the database's tables and indexes.
async fn size(connection: &mut PgConnection) -> anyhow::Result<f64> {
    let size: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(connection)
        .await?;
    Ok(size as f64)
}

/// Bytes of write-ahead log so far.
async fn written(connection: &mut PgConnection) -> anyhow::Result<f64> {
    let bytes: f64 = sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0')::float8")
        .fetch_one(connection)
        .await?;
    Ok(bytes)
}
