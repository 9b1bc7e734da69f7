//! Latency percentiles from sketches.

use std::sync::Mutex;
use std::time::Duration;

use kuma_core::id::MonitorId;
use kuma_core::ports::LatencyStep;
use kuma_core::sketch::Sketch;
use kuma_core::time::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::snapshot;
use crate::sqlite::fold::decode;
use crate::sqlite::live::{DAY_MS, HOUR_MS, Live};
use crate::sqlite::work::WorkError;
use crate::steps::{Steps, ceil_div};

/// One lookup per hour: the key begins with the hour.
const HOURS: &str = "
    WITH RECURSIVE span(hour) AS (
        SELECT ?1 UNION ALL SELECT hour + 1 FROM span WHERE hour + 1 < ?2)
    SELECT s.hour, s.data FROM span CROSS JOIN sketch_hour s
    ON s.hour = span.hour AND s.monitor = ?3";
const DAYS: &str = "
    WITH RECURSIVE span(day) AS (
        SELECT ?1 UNION ALL SELECT day + 1 FROM span WHERE day + 1 < ?2)
    SELECT s.day, s.data FROM span CROSS JOIN sketch_day s
    ON s.day = span.day AND s.monitor = ?3";

/// See the port. Steps begin at `from`, taken down to the hour, or to the UTC day when the step is
/// whole days; steps without results are left out. Sketches move from memory to the file, and are
/// counted once.
pub(in crate::sqlite) async fn latency(
    pool: &SqlitePool,
    live: &Mutex<Live>,
    monitor: MonitorId,
    (from, to): (Timestamp, Timestamp),
    step: Duration,
) -> Result<Vec<LatencyStep>, WorkError> {
    let mut steps = Steps::new(from, to, step)?;
    let (from, to) = steps.hours();
    if to <= from {
        return Ok(Vec::new());
    }
    let in_memory = |live: &Live| -> Vec<(i64, Sketch)> {
        let hours = live.hours.range(from..to);
        hours.filter_map(|(hour, of)| Some((*hour, of.get(&monitor.0)?.clone()))).collect()
    };
    let (mut snapshot, in_memory) = snapshot(pool, live, in_memory).await?;
    let days = folded_days(&mut snapshot, monitor, from, to).await?;
    if !days.is_empty() {
        steps.expect_days()?;
    }
    for (day, data) in days {
        steps.add(day * DAY_MS, &decode(&data)?);
    }
    for (hour, data) in stored_hours(&mut snapshot, monitor, from, to).await? {
        steps.add(hour * HOUR_MS, &decode(&data)?);
    }
    for (hour, sketch) in &in_memory {
        steps.add(hour * HOUR_MS, sketch);
    }
    Ok(steps.finish())
}

/// Only hours that anybody has are looked up: most spans reach far beyond them.
async fn stored_hours(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
    from: i64,
    to: i64,
) -> sqlx::Result<Vec<(i64, Vec<u8>)>> {
    let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT min(hour) FROM sketch_hour), (SELECT max(hour) FROM sketch_hour)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };
    let (from, to) = (from.max(first), to.min(last + 1));
    if from >= to {
        return Ok(Vec::new());
    }
    sqlx::query_as(HOURS).bind(from).bind(to).bind(monitor.0).fetch_all(connection).await
}

async fn folded_days(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
    from: i64,
    to: i64,
) -> sqlx::Result<Vec<(i64, Vec<u8>)>> {
    sqlx::query_as(DAYS)
        .bind(from.div_euclid(24))
        .bind(ceil_div(to, 24))
        .bind(monitor.0)
        .fetch_all(connection)
        .await
}
