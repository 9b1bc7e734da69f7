//! Forgetting, in steps small enough that nobody waits for them.

use kuma_core::settings::RetentionSettings;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::SqliteConnection;

use super::live::{DAY_MS, HOUR_MS};

mod compact;

/// Rows per step.
const STEP: i64 = 2000;
/// Free pages that are not worth giving back.
const SPARE_PAGES: i64 = 256;
/// Sketches of hours are kept for so long, then merged into days.
const HOURLY_DAYS: u32 = 7;
/// Intervals are kept for so long, then summed by days.
const INTERVAL_DAYS: u32 = 90;

/// One step of the first thing there is to do; true when there may be more.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    now: Timestamp,
    keep: &RetentionSettings,
) -> sqlx::Result<bool> {
    let before = |days: u32| to_ms(now) - i64::from(days) * DAY_MS;
    let whole_day = |days: u32| before(days).div_euclid(DAY_MS);
    let checks = before(keep.checks_days);
    if by_time(connection, "beat", checks).await?
        || by_time(connection, "evidence", checks).await?
        || compact::hours(connection, whole_day(HOURLY_DAYS) * DAY_MS / HOUR_MS, STEP).await?
        || compact::intervals(connection, whole_day(INTERVAL_DAYS) * DAY_MS, STEP).await?
    {
        return Ok(true);
    }
    let audit = before(keep.audit_days);
    let incidents = before(keep.incidents_days);
    for (sql, limit) in [
        (
            "DELETE FROM sketch_day WHERE (day, monitor) IN
             (SELECT day, monitor FROM sketch_day WHERE day < ?1 ORDER BY day LIMIT ?2)",
            whole_day(keep.heartbeats_days),
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
            audit,
        ),
        (
            "DELETE FROM object WHERE id IN
             (SELECT id FROM object WHERE deleted < ?1 LIMIT ?2)",
            audit,
        ),
    ] {
        let deleted = sqlx::query(sql).bind(limit).bind(STEP).execute(&mut *connection).await?;
        if deleted.rows_affected() > 0 {
            return Ok(true);
        }
    }
    give_back(connection).await
}

/// Deletes the oldest rows of an append-ordered table.
async fn by_time(
    connection: &mut SqliteConnection,
    table: &'static str,
    before: i64,
) -> sqlx::Result<bool> {
    let sql = match table {
        "beat" => {
            "DELETE FROM beat WHERE (at, monitor, ordinal) IN
             (SELECT at, monitor, ordinal FROM beat WHERE at < ?1
              ORDER BY at, monitor, ordinal LIMIT ?2)"
        }
        _ => {
            "DELETE FROM evidence WHERE (at, monitor, ordinal) IN
             (SELECT at, monitor, ordinal FROM evidence WHERE at < ?1
              ORDER BY at, monitor, ordinal LIMIT ?2)"
        }
    };
    let deleted = sqlx::query(sql).bind(before).bind(STEP).execute(connection).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Gives free pages back to the file system.
async fn give_back(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *connection).await?;
    if free <= SPARE_PAGES {
        return Ok(false);
    }
    sqlx::query("PRAGMA incremental_vacuum(256)").execute(connection).await?;
    Ok(true)
}
