//! Forgetting, in steps small enough that nobody waits for them.

use kuma_core::settings::RetentionSettings;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::SqliteConnection;

use super::hot::key_from;
use super::live::{DAY_MS, HOUR_MS};

mod compact;
mod raw;

/// Rows per step.
const STEP: i64 = 2000;
/// Monitors whose hours of a day are merged in one step.
const HOURS_STEP: i64 = 80;
/// Intervals that are summed in one step: each may last for months.
const INTERVALS_STEP: i64 = 100;
/// Free pages that are not worth giving back, and the share of the file that is kept for what
/// comes: sealing frees as much every two hours as is written in the next two.
const SPARE_PAGES: i64 = 256;
const SPARE_SHARE: i64 = 8;
/// Intervals are kept for so long, then summed by days.
const INTERVAL_DAYS: u32 = 90;
/// Minutes of a day: what hours are merged into.
const DAY_MINUTES: u32 = 1440;

/// Single results before this are forgotten.
pub(super) fn raw_from(now: Timestamp, keep: &RetentionSettings) -> i64 {
    before(now, keep.checks_days.min(keep.heartbeats_days))
}

fn before(now: Timestamp, days: u32) -> i64 {
    to_ms(now) - i64::from(days) * DAY_MS
}

/// One step of the first thing there is to do; true when there may be more.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    now: Timestamp,
    keep: &RetentionSettings,
) -> sqlx::Result<bool> {
    if raw::step(connection, raw_from(now, keep), STEP).await?
        || hours(connection, now, keep).await?
        || compact::intervals(connection, whole_day(now, INTERVAL_DAYS) * DAY_MS, INTERVALS_STEP)
            .await?
        || rows(connection, now, keep).await?
    {
        return Ok(true);
    }
    give_back(connection).await
}

/// The UTC day, counted from the epoch, that lies so many days back.
fn whole_day(now: Timestamp, days: u32) -> i64 {
    before(now, days).div_euclid(DAY_MS)
}

/// Latency by hours: merged into days when `downsample` says so, else kept as long as days are.
async fn hours(
    connection: &mut SqliteConnection,
    now: Timestamp,
    keep: &RetentionSettings,
) -> sqlx::Result<bool> {
    let oldest = whole_day(now, keep.heartbeats_days) * DAY_MS / HOUR_MS;
    let deleted = sqlx::query(
        "DELETE FROM sketch_hour WHERE (hour, monitor) IN
         (SELECT hour, monitor FROM sketch_hour WHERE hour < ?1 ORDER BY hour, monitor LIMIT ?2)",
    )
    .bind(oldest)
    .bind(STEP)
    .execute(&mut *connection)
    .await?;
    if deleted.rows_affected() > 0 {
        return Ok(true);
    }
    match keep.downsample {
        Some(rule) if rule.bucket_minutes >= DAY_MINUTES => {
            let day = whole_day(now, rule.older_than_days);
            compact::hours(connection, day, HOURS_STEP).await
        }
        _ => Ok(false),
    }
}

/// What is deleted by a time in the row.
async fn rows(
    connection: &mut SqliteConnection,
    now: Timestamp,
    keep: &RetentionSettings,
) -> sqlx::Result<bool> {
    let incidents = before(now, keep.incidents_days);
    for (sql, limit) in [
        (
            "DELETE FROM sketch_day WHERE (day, monitor) IN
             (SELECT day, monitor FROM sketch_day WHERE day < ?1 ORDER BY day, monitor LIMIT ?2)",
            whole_day(now, keep.heartbeats_days),
        ),
        (
            "DELETE FROM incident WHERE id IN
             (SELECT id FROM incident WHERE ended < ?1 LIMIT ?2)",
            incidents,
        ),
        (
            "DELETE FROM outbox WHERE id IN
             (SELECT id FROM outbox WHERE status >= 2 AND updated < ?1
              AND (incident IS NULL OR incident NOT IN (SELECT id FROM incident)) LIMIT ?2)",
            incidents,
        ),
        (
            "DELETE FROM audit WHERE id IN
             (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)",
            before(now, keep.audit_days),
        ),
        (
            "DELETE FROM object WHERE id IN
             (SELECT id FROM object WHERE deleted < ?1 AND kind <> 'Silence' LIMIT ?2)",
            before(now, keep.audit_days),
        ),
        (
            "DELETE FROM object WHERE id IN
             (SELECT id FROM object WHERE deleted < ?1 AND kind = 'Silence' LIMIT ?2)",
            before(now, keep.silences_days),
        ),
    ] {
        let deleted = sqlx::query(sql).bind(limit).bind(STEP).execute(&mut *connection).await?;
        if deleted.rows_affected() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Gives free pages back to the file system, if there are many.
async fn give_back(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *connection).await?;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
    if free <= SPARE_PAGES + pages / SPARE_SHARE {
        return Ok(false);
    }
    sqlx::query("PRAGMA incremental_vacuum(64)").execute(connection).await?;
    Ok(true)
}
