//! What a data set takes on disk, and how long questions to it take.

use std::path::Path;
use std::time::Duration;

use kuma_core::id::MonitorId;
use kuma_core::ports::Store;
use kuma_core::time::{Timestamp, minus};
use kuma_store::SqliteStore;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::clock::SystemClock;
use crate::report::Report;

const DAY: Duration = Duration::from_secs(86_400);
/// How many monitors are asked about.
const ASKED: usize = 50;

/// Bytes of a heartbeat: in chunks of slots from `slot` on, and in the hot table.
pub(super) async fn sizes(report: &mut Report, path: &Path, slot: i64) -> anyhow::Result<()> {
    let mut connection =
        SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
    let (beats, bytes, chunks): (i64, i64, i64) = sqlx::query_as(
        "SELECT sum(beats), sum(bytes), sum(chunks) FROM sealed WHERE slot >= ? AND state < 2",
    )
    .bind(slot)
    .fetch_one(&mut connection)
    .await?;
    report.low("history.sealedData", bytes as f64 / beats as f64, "bytes per heartbeat");
    report.note("history.perChunk", beats as f64 / chunks as f64, "heartbeats per chunk");
    let pages = "SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE AND name = ?";
    let (all, sealed): (i64, i64) =
        sqlx::query_as("SELECT sum(bytes), sum(chunks) FROM sealed WHERE state < 2")
            .fetch_one(&mut connection)
            .await?;
    report.note("history.chunks", sealed as f64, "chunks in all");
    for (table, rows) in
        [("chunk", None), ("beat", Some("beat")), ("sketch_hour", None), ("sketch_day", None)]
    {
        let size: Option<i64> =
            sqlx::query_scalar(pages).bind(table).fetch_one(&mut connection).await?;
        let size = size.unwrap_or(0) as f64;
        report.note(format!("history.table.{table}"), size / 1e6, "MB");
        if table == "chunk" {
            // What pages add to the data, applied to the data of the slots that are meant.
            let on_disk = size / all as f64 * bytes as f64 / beats as f64;
            report.low("history.sealedDisk", on_disk, "bytes per heartbeat");
        }
        if rows.is_some() {
            let count: i64 =
                sqlx::query_scalar("SELECT count(*) FROM beat").fetch_one(&mut connection).await?;
            report.note("history.hotRows", count as f64, "rows");
            report.low("history.hotDisk", size / count.max(1) as f64, "bytes per heartbeat");
        }
    }
    Ok(())
}

/// Questions about a few monitors, spread over all, and about all of them.
pub(super) async fn questions(
    report: &mut Report,
    store: &SqliteStore,
    ids: &[MonitorId],
    now: Timestamp,
    clock: SystemClock,
) -> anyhow::Result<()> {
    let asked: Vec<_> = ids.iter().step_by((ids.len() / ASKED).max(1)).copied().collect();
    let mut quarter = Vec::new();
    let mut day = Vec::new();
    let mut everything = Vec::new();
    let mut most = 0;
    for id in &asked {
        let begun = clock.elapsed();
        store.uptime(&[*id], minus(now, DAY * 90), now).await?;
        let steps = store.latency(*id, minus(now, DAY * 90), now, DAY).await?;
        quarter.push(clock.elapsed().saturating_sub(begun));
        most = most.max(steps.len());
        let begun = clock.elapsed();
        store.heartbeats(*id, minus(now, DAY), now, u32::MAX).await?;
        day.push(clock.elapsed().saturating_sub(begun));
    }
    for id in asked.iter().take(5) {
        let begun = clock.elapsed();
        store.heartbeats(*id, minus(now, DAY * 90), now, u32::MAX).await?;
        everything.push(clock.elapsed().saturating_sub(begun));
    }
    report.note("history.days", most as f64, "days in the answer");
    told(report, "quarter", quarter);
    told(report, "rawDay", day);
    told(report, "rawAll", everything);
    let mut all = Vec::new();
    for _ in 0..3 {
        let begun = clock.elapsed();
        store.uptime(ids, minus(now, DAY), now).await?;
        all.push(clock.elapsed().saturating_sub(begun));
    }
    told(report, "uptimeOfAll", all);
    Ok(())
}

fn told(report: &mut Report, what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let ms = |took: Option<&Duration>| took.map_or(0.0, |took| took.as_secs_f64() * 1e3);
    report.low(format!("history.{what}.p50"), ms(took.get(took.len() / 2)), "ms");
    report.low(format!("history.{what}.max"), ms(took.last()), "ms");
}
