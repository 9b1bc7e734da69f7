//! How fast the store takes heartbeats into a real PostgreSQL with the settings that it comes with, and
//! what a row costs the server. The writer is a member that holds all shards, as the product's is.

use std::sync::Arc;
use std::time::Duration;

use kuma_core::id::ObjectName;
use kuma_core::ports::{Fence, Membership, Store};
use kuma_core::shard::{Held, MemberId, ShardSet};
use kuma_core::time::Clock;
use kuma_fixture::Postgres;
use kuma_store::{DatabaseUrl, PostgresOptions, PostgresStore};
use sqlx::{Connection, PgConnection};

use crate::clock::SystemClock;
use crate::ingest;
use crate::process::{self, Cpu};
use crate::report::Report;

/// How long the member lives without renewing: longer than any run.
const FOR_LONG: Duration = Duration::from_hours(1);
/// The server's processes tell what they have counted once a second.
const COUNTED: Duration = Duration::from_millis(1500);

/// Heartbeat ingest of the PostgreSQL store.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    rows: ingest::Rows,
}

/// What the server says of itself.
struct Counted {
    /// Bytes of its log since it was made.
    log: f64,
    /// Bytes of pages written, by whichever of its processes.
    pages: f64,
    /// Bytes of the tables of heartbeats, with their indexes.
    beats: f64,
    /// Bytes of the whole database.
    database: f64,
    cpu: Cpu,
}

impl Counted {
    async fn read(server: &mut PgConnection) -> anyhow::Result<Self> {
        let (log, beats, database) = sqlx::query_as(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8,
                    (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::float8
                     FROM pg_partition_tree('beat'))
                      + pg_total_relation_size('beat_late')::float8,
                    pg_database_size(current_database())::float8",
        )
        .fetch_one(&mut *server)
        .await?;
        let pages = sqlx::query_scalar(pages(server).await?).fetch_one(&mut *server).await?;
        let ids: Vec<i32> =
            sqlx::query_scalar("SELECT pid FROM pg_stat_activity").fetch_all(server).await?;
        // A process that has ended meanwhile was none of those that work for us.
        let cpu = ids.iter().filter_map(|id| process::cpu(&id.to_string()).ok());
        let cpu = cpu.fold(Cpu::default(), Cpu::plus);
        Ok(Self { log, pages, beats, database, cpu })
    }
}

/// Where a version counts pages that were written.
async fn pages(server: &mut PgConnection) -> anyhow::Result<&'static str> {
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::integer")
        .fetch_one(server)
        .await?;
    Ok(match version {
        ..160_000 => {
            "SELECT ((buffers_checkpoint + buffers_clean + buffers_backend)
                      * current_setting('block_size')::bigint)::float8 FROM pg_stat_bgwriter"
        }
        160_000..180_000 => {
            "SELECT coalesce(sum((writes + extends) * op_bytes), 0)::float8 FROM pg_stat_io"
        }
        _ => {
            "SELECT coalesce(sum(write_bytes + extend_bytes), 0)::float8 FROM pg_stat_io
             WHERE object = 'relation'"
        }
    })
}

pub(crate) async fn measure(arguments: &Arguments, clock: SystemClock) -> anyhow::Result<Report> {
    let server = tokio::task::spawn_blocking(|| Arc::new(Postgres::as_it_comes())).await?;
    let database = server.database();
    let url = database.url();
    let mut report = Report::default();
    let done = ingest_into(&url, arguments, clock, &mut report).await;
    // Their ends wait for programs.
    tokio::task::spawn_blocking(|| drop((database, server))).await?;
    done.map(|()| report)
}

async fn ingest_into(
    url: &str,
    arguments: &Arguments,
    clock: SystemClock,
    report: &mut Report,
) -> anyhow::Result<()> {
    let DatabaseUrl::Postgres(parsed) = url.parse()? else {
        anyhow::bail!("{url} is no PostgreSQL");
    };
    let me = MemberId("bench/1".to_owned());
    let store = PostgresStore::open(PostgresOptions {
        url: parsed,
        clock: Arc::new(clock),
        product_version: "bench".to_owned(),
        member: me.clone(),
    })
    .await?;
    store.beat(&me, FOR_LONG).await?;
    let epochs = store.claim_shards(&me, ShardSet::ALL).await?.into_iter().collect();
    let fence = Fence::Held(Arc::new(Held { member: me, epochs }));
    let names: Vec<_> = (0..arguments.rows.monitors)
        .map(|n| ObjectName::new("bench", crate::folder::name(n)))
        .collect();
    let ids = store.intern(&names).await?;
    let mut server = PgConnection::connect(url).await?;
    sqlx::raw_sql("CHECKPOINT").execute(&mut server).await?;
    tokio::time::sleep(COUNTED).await;
    let before = Counted::read(&mut server).await?;
    let start = clock.now().wall;
    let (cpu, begun) = (process::cpu("self")?, clock.elapsed());
    ingest::all(&store, &arguments.rows, &ids, start, &fence).await?;
    let lasted = clock.elapsed().saturating_sub(begun).as_secs_f64();
    let used = process::cpu("self")?.since(cpu);
    let at_once = Counted::read(&mut server).await?.cpu.since(before.cpu);
    // Everything that is still only in the server's memory goes to the disk, once.
    sqlx::raw_sql("CHECKPOINT").execute(&mut server).await?;
    tokio::time::sleep(COUNTED).await;
    let after = Counted::read(&mut server).await?;
    server.close().await?;
    store.close().await?;

    let rows = f64::from(arguments.rows.rows);
    report.high("postgres.rowsPerSecond", rows / lasted, "rows/s");
    report.high("postgres.rowsPerCpuSecond", rows / used.total(), "rows/CPU-s of ours");
    report.high(
        "postgres.rowsPerServerCpuSecond",
        rows / at_once.total(),
        "rows/CPU-s of the server",
    );
    let log = (after.log - before.log) / rows;
    let pages = (after.pages - before.pages) / rows;
    report.low("postgres.writtenPerRow", log + pages, "bytes, log and pages");
    report.low("postgres.logPerRow", log, "bytes");
    report.low("postgres.diskPerRow", (after.beats - before.beats) / rows, "bytes");
    report.note("postgres.databasePerRow", (after.database - before.database) / rows, "bytes");
    report.note("postgres.user", used.user, "CPU-s");
    report.note("postgres.system", used.system, "CPU-s");
    report.note("postgres.serverUser", at_once.user, "CPU-s");
    report.note("postgres.serverSystem", at_once.system, "CPU-s");
    Ok(())
}
