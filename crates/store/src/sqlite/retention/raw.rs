//! Single results that are too old: hot rows, late rows, facts, whole slots of chunks.

use sqlx::SqliteConnection;

use super::key_from;
use crate::chunk::SLOT_MS;
use crate::sqlite::hot::chunk_range;

/// Chunks that one step removes.
const CHUNKS: i64 = 500;

/// Removes some of what is older than `from`; true when there was something.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    from: i64,
    limit: i64,
) -> sqlx::Result<bool> {
    for (sql, until) in [
        (
            "DELETE FROM beat WHERE id IN
             (SELECT id FROM beat WHERE id < ?1 ORDER BY id LIMIT ?2)",
            key_from(from),
        ),
        (
            "DELETE FROM beat_late WHERE (monitor, at, sequence) IN
             (SELECT monitor, at, sequence FROM beat_late WHERE at < ?1 LIMIT ?2)",
            from,
        ),
        (
            "DELETE FROM evidence WHERE (at, monitor, sequence) IN
             (SELECT at, monitor, sequence FROM evidence WHERE at < ?1
              ORDER BY at, monitor, sequence LIMIT ?2)",
            from,
        ),
    ] {
        let deleted = sqlx::query(sql).bind(until).bind(limit).execute(&mut *connection).await?;
        if deleted.rows_affected() > 0 {
            return Ok(true);
        }
    }
    slot(connection, from).await
}

/// Removes some chunks of the oldest slot that ended before `from`. Its chunks count no longer
/// from the first of these steps on, so that nobody misses some of them.
async fn slot(connection: &mut SqliteConnection, from: i64) -> sqlx::Result<bool> {
    let oldest: Option<i64> = sqlx::query_scalar("SELECT min(slot) FROM sealed WHERE slot < ?")
        .bind(from.div_euclid(SLOT_MS))
        .fetch_one(&mut *connection)
        .await?;
    let Some(slot) = oldest else { return Ok(false) };
    sqlx::query("UPDATE sealed SET state = 2 WHERE slot = ? AND state <> 2")
        .bind(slot)
        .execute(&mut *connection)
        .await?;
    let (first, end) = chunk_range(slot);
    let removed = sqlx::query(
        "DELETE FROM chunk WHERE id IN
         (SELECT id FROM chunk WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)",
    )
    .bind(first)
    .bind(end)
    .bind(CHUNKS)
    .execute(&mut *connection)
    .await?;
    if removed.rows_affected() == 0 {
        sqlx::query("DELETE FROM sealed WHERE slot = ?").bind(slot).execute(connection).await?;
    }
    Ok(true)
}
