//! The writer's part: each task inside the open transaction.

use std::sync::LazyLock;

use sqlx::SqliteConnection;

use super::{Chunk, Task, late};
use crate::chunk::SLOT_MS;
use crate::sqlite::hot::{chunk_range, key_from};
use crate::sqlite::sql::MultiInsert;
use crate::sqlite::work::Scope;
use crate::sqlite::writer::lock;

/// Hot rows that one step removes.
const CLEAR: i64 = 4000;
/// Chunks of a crash that one step removes.
const LEFT_OVER: i64 = 1000;

static CHUNK: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new("INSERT OR REPLACE INTO chunk (id, beats, data)", 3, ""));

/// Does one task; what the answer means is said at [`Task`].
pub(in crate::sqlite) async fn run(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    task: &Task,
) -> sqlx::Result<bool> {
    match task {
        Task::Close(slot) => {
            lock(scope.live).closed.insert(*slot);
            let (from, to) = chunk_range(*slot);
            let removed = sqlx::query(
                "DELETE FROM chunk WHERE id IN
                 (SELECT id FROM chunk WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)",
            )
            .bind(from)
            .bind(to)
            .bind(LEFT_OVER)
            .execute(connection)
            .await?;
            Ok(removed.rows_affected() > 0)
        }
        Task::Store(chunks) => {
            insert(connection, chunks).await?;
            Ok(true)
        }
        Task::Finish { slot, sum } => {
            sqlx::query(
                "INSERT INTO sealed (slot, state, chunks, beats, bytes) VALUES (?, 0, ?, ?, ?)",
            )
            .bind(slot)
            .bind(sum.chunks)
            .bind(sum.beats)
            .bind(sum.bytes)
            .execute(connection)
            .await?;
            Ok(true)
        }
        Task::Clear(slot) => clear(connection, *slot).await,
        Task::Late(parts) => {
            let (sealed, slots) = late::store(connection, parts).await?;
            lock(scope.live).closed.extend(slots);
            Ok(sealed)
        }
    }
}

/// Stores chunks.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    chunks: &[Chunk],
) -> sqlx::Result<()> {
    CHUNK
        .run(connection, chunks, |query, chunk| {
            query.bind(chunk.id).bind(chunk.beats).bind(chunk.data.clone())
        })
        .await?;
    Ok(())
}

/// Removes some hot rows of a sealed slot, the oldest first. Where the slot's chunks are all from
/// late rows, its hot rows are in none of them yet: they become late rows too.
async fn clear(connection: &mut SqliteConnection, slot: i64) -> sqlx::Result<bool> {
    let (from, to) = (key_from(slot * SLOT_MS), key_from((slot + 1) * SLOT_MS));
    let until: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM beat WHERE id >= ? AND id < ? ORDER BY id LIMIT 1 OFFSET ?",
    )
    .bind(from)
    .bind(to)
    .bind(CLEAR)
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT OR IGNORE INTO beat_late (monitor, at, sequence, verdict, latency)
         SELECT id & 4194303, (id >> 22) + 1577836800000, 0, verdict, latency FROM beat
         WHERE id >= ? AND id < ? AND EXISTS (SELECT 1 FROM sealed WHERE slot = ? AND state = 1)",
    )
    .bind(from)
    .bind(until.unwrap_or(to))
    .bind(slot)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM beat WHERE id >= ? AND id < ?")
        .bind(from)
        .bind(until.unwrap_or(to))
        .execute(&mut *connection)
        .await?;
    if until.is_none() {
        sqlx::query("UPDATE sealed SET state = 1 WHERE slot = ? AND state = 0")
            .bind(slot)
            .execute(connection)
            .await?;
    }
    Ok(until.is_some())
}
