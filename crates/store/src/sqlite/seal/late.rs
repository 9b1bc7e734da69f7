//! Late rows as further parts of their slots, once there are enough to be worth it.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::{Chunk, Sum, chunk_of};
use crate::chunk::{Beat, MAX_BEATS, SLOT_MS};
use crate::sqlite::hot::{LAST_PART, chunk_id, chunk_parts, slot_of};
use crate::sqlite::sql::json_ids;

/// Fewer late rows than this stay as they are.
const ENOUGH: usize = 512;
/// Late rows of one step.
const STEP: usize = 4096;

/// Late rows to be sealed together, and how far they reach in the order of `beat_late`.
#[derive(Debug)]
pub(in crate::sqlite) struct Parts {
    groups: BTreeMap<(i64, i64), Vec<Beat>>,
}

/// Late rows of slots before `horizon`, of as few monitors as possible; none when there are few.
/// Rows of slots that end before `keep_from` are left to retention.
pub(super) async fn gather(
    pool: &SqlitePool,
    horizon: i64,
    keep_from: i64,
) -> sqlx::Result<Option<Parts>> {
    let rows: Vec<(i64, i64, u16, u32, Option<u32>, bool)> = sqlx::query_as(
        "SELECT b.monitor, b.at, b.sequence, b.verdict, b.latency, e.at IS NOT NULL
         FROM beat_late b LEFT JOIN evidence e USING (at, monitor, sequence)
         WHERE b.at >= ? AND b.at < ? AND b.at >= 0 AND b.monitor BETWEEN 0 AND 68719476735
         ORDER BY b.monitor, b.at, b.sequence LIMIT ?",
    )
    .bind(keep_from)
    .bind((horizon * SLOT_MS).min(SLOT_MS << 19))
    .bind(i64::try_from(STEP).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    if rows.len() < ENOUGH {
        return Ok(None);
    }
    let mut groups: BTreeMap<(i64, i64), Vec<Beat>> = BTreeMap::new();
    let whole = rows.len() < STEP;
    let last = rows.last().map(|row| (row.0, slot_of(row.1)));
    for (monitor, at, sequence, verdict, latency, words) in rows {
        let slot = slot_of(at);
        let offset = u32::try_from(at - slot * SLOT_MS).unwrap_or(0);
        let beat = Beat { offset, sequence, verdict, latency, words };
        groups.entry((slot, monitor)).or_default().push(beat);
    }
    // The last group may go on beyond what was read.
    if !whole
        && groups.len() > 1
        && let Some((monitor, slot)) = last
    {
        groups.remove(&(slot, monitor));
    }
    Ok(Some(Parts { groups }))
}

/// Stores them and removes the rows, in one transaction; true when something was sealed.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    parts: &Parts,
) -> sqlx::Result<(bool, Vec<i64>)> {
    let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
    let mut sealed = false;
    for ((slot, monitor), beats) in &parts.groups {
        let Some(part) = next_part(connection, *slot, *monitor).await? else { continue };
        let pieces = beats.chunks(MAX_BEATS).zip(part..=LAST_PART);
        for (beats, part) in pieces {
            let Some(id) = chunk_id(*slot, *monitor, part) else { continue };
            let chunk = chunk_of(id, beats);
            sums.entry(*slot).or_default().add(&chunk);
            super::run::insert(connection, std::slice::from_ref(&chunk)).await?;
            remove(connection, &chunk, beats).await?;
            sealed = true;
        }
    }
    for (slot, sum) in &sums {
        add_to_slot(connection, *slot, *sum).await?;
    }
    Ok((sealed, sums.into_keys().collect()))
}

/// The number of a slot's next part of a monitor; none when there are as many as may be.
async fn next_part(
    connection: &mut SqliteConnection,
    slot: i64,
    monitor: i64,
) -> sqlx::Result<Option<i64>> {
    let (Some(first), Some(last)) =
        (chunk_id(slot, monitor, 0), chunk_id(slot, monitor, LAST_PART))
    else {
        return Ok(None);
    };
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT max(id) FROM chunk WHERE id BETWEEN ? AND ?")
            .bind(first)
            .bind(last)
            .fetch_one(connection)
            .await?;
    let next = newest.map_or(0, |id| chunk_parts(id).2 + 1);
    Ok((next <= LAST_PART).then_some(next))
}

/// Removes exactly the rows of a chunk.
async fn remove(
    connection: &mut SqliteConnection,
    chunk: &Chunk,
    beats: &[Beat],
) -> sqlx::Result<()> {
    let (slot, monitor, _) = chunk_parts(chunk.id);
    let start = slot * SLOT_MS;
    let at = beats.iter().map(|beat| start + i64::from(beat.offset));
    let sequences = beats.iter().map(|beat| i64::from(beat.sequence));
    sqlx::query(
        "DELETE FROM beat_late WHERE (monitor, at, sequence) IN
         (SELECT ?1, a.value, s.value FROM json_each(?2) a JOIN json_each(?3) s ON s.key = a.key)",
    )
    .bind(monitor)
    .bind(json_ids(at))
    .bind(json_ids(sequences))
    .execute(connection)
    .await?;
    Ok(())
}

/// A slot of which nothing else was ever seen becomes a sealed one.
async fn add_to_slot(connection: &mut SqliteConnection, slot: i64, sum: Sum) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO sealed (slot, state, chunks, beats, bytes) VALUES (?, 1, ?, ?, ?)
         ON CONFLICT (slot) DO UPDATE SET chunks = chunks + excluded.chunks,
            beats = beats + excluded.beats, bytes = bytes + excluded.bytes",
    )
    .bind(slot)
    .bind(sum.chunks)
    .bind(sum.beats)
    .bind(sum.bytes)
    .execute(connection)
    .await?;
    Ok(())
}
