//! Sealing: the rows of two hours become compressed chunks, and their partition goes.
//!
//! 1. The slot is closed: what comes late for it goes elsewhere. Whoever is writing to it is waited
//!    for.
//! 2. Some monitors at a time, in their order: in one transaction their chunks and sketches are
//!    stored and `sealed_to` moves, from which moment on the chunks count and the rows do not.
//! 3. When no rows are left the partition is dropped.
//!
//! A crash anywhere loses nothing and does nothing twice.

use sqlx::{AssertSqlSafe, PgConnection};

use super::pack::{Packed, Raw};
use super::{Times, store};
use crate::chunk::SLOT_MS;
use crate::postgres::error::WorkError;
use crate::postgres::slots;

/// Rows of one step. Of a monitor that has more, all.
const ROWS: i64 = 100_000;
/// Empty slots that are passed over in one step.
const EMPTY: usize = 100;

/// One step; true when something was sealed. Slots without rows go by the way.
pub(super) async fn step(connection: &mut PgConnection, times: &Times) -> Result<bool, WorkError> {
    for _ in 0..EMPTY {
        let oldest: Option<(i64, i64)> = sqlx::query_as(
            "UPDATE slot SET state = 1 WHERE slot =
               (SELECT min(slot) FROM slot WHERE state < 2 AND slot < $1)
             RETURNING slot, sealed_to",
        )
        .bind(times.horizon)
        .fetch_optional(&mut *connection)
        .await?;
        let Some((slot, sealed_to)) = oldest else { return Ok(false) };
        let rows = gather(connection, slot, sealed_to).await?;
        if rows.is_empty() {
            drop_partition(connection, slot, times.is_expired(slot)).await?;
            continue;
        }
        seal(connection, slot, rows, times).await?;
        return Ok(true);
    }
    Ok(true)
}

/// The rows of the next monitors, whole.
async fn gather(
    connection: &mut PgConnection,
    slot: i64,
    sealed_to: i64,
) -> sqlx::Result<Vec<Raw>> {
    let mut rows: Vec<Raw> = of(connection, slot, (sealed_to, i64::MAX), ROWS).await?;
    let full = i64::try_from(rows.len()) == Ok(ROWS);
    if let (true, Some(first), Some(last)) = (full, rows.first(), rows.last()) {
        let (first, last) = (first.0, last.0);
        if first == last {
            return of(connection, slot, (first - 1, first), i64::MAX).await;
        }
        rows.retain(|row| row.0 < last);
    }
    Ok(rows)
}

/// Rows of the monitors above the one and up to the other.
async fn of(
    connection: &mut PgConnection,
    slot: i64,
    (above, to): (i64, i64),
    limit: i64,
) -> sqlx::Result<Vec<Raw>> {
    sqlx::query_as(
        "SELECT monitor::bigint, at, sequence, verdict, latency FROM beat
         WHERE at >= $1 AND at < $2 AND monitor > $3 AND monitor <= $4
         ORDER BY monitor, at, sequence LIMIT $5",
    )
    .bind(slot * SLOT_MS)
    .bind((slot + 1) * SLOT_MS)
    .bind(above)
    .bind(to)
    .bind(limit)
    .fetch_all(connection)
    .await
}

async fn seal(
    connection: &mut PgConnection,
    slot: i64,
    rows: Vec<Raw>,
    times: &Times,
) -> Result<(), WorkError> {
    let expired = times.is_expired(slot);
    let mut monitors: Vec<i64> = rows.iter().map(|row| row.0).collect();
    monitors.dedup();
    let sealed_to = monitors.last().copied();
    let span = (slot * SLOT_MS, (slot + 1) * SLOT_MS);
    let worded = store::worded(connection, monitors, span).await?;
    let packed = tokio::task::spawn_blocking(move || {
        let mut packed = Packed::default();
        for rows in rows.chunk_by(|one, next| one.0 == next.0) {
            // A slot has no chunks before its rows are sealed, so there are always numbers.
            packed.add(rows, &worded, 0, expired)?;
        }
        Ok::<_, sqlx::Error>(packed)
    });
    let packed = packed.await.map_err(|_| sqlx::Error::WorkerCrashed)??;
    let sums = store::all(connection, &packed).await?;
    let (chunks, beats, bytes) = sums.get(&slot).copied().unwrap_or_default();
    sqlx::query(
        "UPDATE slot SET sealed_to = $2, chunks = chunks + $3, beats = beats + $4, bytes = bytes + $5
         WHERE slot = $1",
    )
    .bind(slot)
    .bind(sealed_to)
    .bind(chunks)
    .bind(beats)
    .bind(bytes)
    .execute(connection)
    .await?;
    Ok(())
}

async fn drop_partition(
    connection: &mut PgConnection,
    slot: i64,
    expired: bool,
) -> sqlx::Result<()> {
    let sql = format!("DROP TABLE IF EXISTS {}", slots::table(slot));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    sqlx::query("UPDATE slot SET state = $2 WHERE slot = $1")
        .bind(slot)
        .bind(if expired { 3_i16 } else { 2 })
        .execute(connection)
        .await?;
    Ok(())
}
