//! What goes, in steps small enough that nobody waits for them: whole partitions, or some rows.

use kuma_core::settings::RetentionSettings;
use kuma_core::time::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use super::store::{SLOTS_OF_DAY, table};
use super::{Times, before, compact, whole_day};
use crate::chunk::SLOT_MS;
use crate::code::{DAY_MS, HOUR_MS};

/// Rows per step.
const STEP: i64 = 2000;
/// Monitors whose hours of a day are merged in one step.
const HOURS_STEP: i64 = 80;
/// Minutes of a day: what hours are merged into.
const DAY_MINUTES: u32 = 1440;

/// Single results that are too old: chunks stop to count slot by slot and go day by day; facts.
pub(super) async fn raw(connection: &mut PgConnection, times: &Times) -> sqlx::Result<bool> {
    let expired = sqlx::query("UPDATE slot SET state = 3 WHERE state = 2 AND slot < $1")
        .bind(times.keep_from.div_euclid(SLOT_MS))
        .execute(&mut *connection)
        .await?;
    if expired.rows_affected() > 0 {
        return Ok(true);
    }
    let oldest: Option<i64> = sqlx::query_scalar("SELECT min(slot) FROM slot WHERE state = 3")
        .fetch_one(&mut *connection)
        .await?;
    let day = oldest.map(|slot| slot.div_euclid(SLOTS_OF_DAY));
    if let Some(day) = day.filter(|day| (day + 1) * DAY_MS <= times.keep_from) {
        let sql = format!("DROP TABLE IF EXISTS {}", table(day));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        sqlx::query("DELETE FROM slot WHERE state = 3 AND slot >= $1 AND slot < $2")
            .bind(day * SLOTS_OF_DAY)
            .bind((day + 1) * SLOTS_OF_DAY)
            .execute(connection)
            .await?;
        return Ok(true);
    }
    some(
        connection,
        "DELETE FROM evidence WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM evidence WHERE at < $1 ORDER BY at LIMIT $2))",
        times.keep_from,
    )
    .await
}

/// Deletes some rows; true when there were any.
async fn some(connection: &mut PgConnection, sql: &'static str, limit: i64) -> sqlx::Result<bool> {
    let deleted = sqlx::query(sql).bind(limit).bind(STEP).execute(connection).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Latency by hours: merged into days when `downsample` says so, else kept as long as days are.
pub(super) async fn hours(
    connection: &mut PgConnection,
    now: Timestamp,
    keep: &RetentionSettings,
) -> sqlx::Result<bool> {
    let oldest = whole_day(now, keep.heartbeats_days) * DAY_MS / HOUR_MS;
    let gone = some(
        connection,
        "DELETE FROM sketch_hour WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM sketch_hour WHERE hour < $1 ORDER BY hour LIMIT $2))",
        oldest,
    );
    if gone.await? {
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
pub(super) async fn rows(
    connection: &mut PgConnection,
    now: Timestamp,
    keep: &RetentionSettings,
) -> sqlx::Result<bool> {
    let incidents = before(now, keep.incidents_days);
    for (sql, limit) in [
        (
            "DELETE FROM sketch_day WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM sketch_day WHERE day < $1 ORDER BY day LIMIT $2))",
            whole_day(now, keep.heartbeats_days),
        ),
        (
            "DELETE FROM incident WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM incident WHERE ended < $1 LIMIT $2))",
            incidents,
        ),
        (
            "DELETE FROM outbox WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM outbox o WHERE status >= 2 AND updated < $1
                 AND NOT EXISTS (SELECT 1 FROM incident i WHERE i.id = o.incident) LIMIT $2))",
            incidents,
        ),
        (
            "DELETE FROM audit WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM audit WHERE at < $1 ORDER BY at LIMIT $2))",
            before(now, keep.audit_days),
        ),
        (
            "DELETE FROM object WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM object WHERE deleted < $1 AND kind <> 'Silence' LIMIT $2))",
            before(now, keep.audit_days),
        ),
        (
            "DELETE FROM object WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM object WHERE deleted < $1 AND kind = 'Silence' LIMIT $2))",
            before(now, keep.silences_days),
        ),
    ] {
        if some(connection, sql, limit).await? {
            return Ok(true);
        }
    }
    // Members that were gone for an hour, by the server's clock, and hold nothing.
    sqlx::query(
        "DELETE FROM member m WHERE expires_at < clock_timestamp() - interval '1 hour'
           AND NOT EXISTS (SELECT 1 FROM shard s WHERE s.owner = m.id)",
    )
    .execute(connection)
    .await?;
    Ok(false)
}
