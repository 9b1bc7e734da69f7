//! What was packed goes into its tables.

use std::collections::BTreeMap;

use kuma_core::sketch::Sketch;
use sqlx::{AssertSqlSafe, PgConnection};

use super::pack::{Chunk, Packed, Raw, Worded};
use super::sketch;
use crate::chunk::SLOT_MS;
use crate::code::{DAY_MS, chunk_parts, chunk_range};

/// Slots of a day.
pub(super) const SLOTS_OF_DAY: i64 = DAY_MS / SLOT_MS;

/// Stores everything; returns how many chunks, heartbeats and bytes each slot has more.
pub(super) async fn all(
    connection: &mut PgConnection,
    packed: &Packed,
) -> sqlx::Result<BTreeMap<i64, (i64, i64, i64)>> {
    let mut sums: BTreeMap<i64, (i64, i64, i64)> = BTreeMap::new();
    for chunk in &packed.chunks {
        let sum = sums.entry(chunk_parts(chunk.id).0).or_default();
        sum.0 += 1;
        sum.1 += i64::from(chunk.beats);
        sum.2 += i64::try_from(chunk.data.len()).unwrap_or(i64::MAX);
    }
    let mut day = i64::MIN;
    for slot in sums.keys() {
        if slot.div_euclid(SLOTS_OF_DAY) != day {
            day = slot.div_euclid(SLOTS_OF_DAY);
            make_partition(connection, day).await?;
        }
    }
    chunks(connection, &packed.chunks).await?;
    hours(connection, &packed.sketches).await?;
    last(connection, &packed.last).await?;
    Ok(sums)
}

/// The name of a day's partition.
pub(super) fn table(day: i64) -> String {
    format!("chunk_{day}")
}

async fn make_partition(connection: &mut PgConnection, day: i64) -> sqlx::Result<()> {
    let table = table(day);
    let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(&table)
        .fetch_one(&mut *connection)
        .await?;
    if there {
        return Ok(());
    }
    let (from, to) = (chunk_range(day * SLOTS_OF_DAY).0, chunk_range((day + 1) * SLOTS_OF_DAY).0);
    let sql = format!(
        "CREATE TABLE {table} (LIKE chunk INCLUDING ALL);
         ALTER TABLE chunk ATTACH PARTITION {table} FOR VALUES FROM ({from}) TO ({to});"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

async fn chunks(connection: &mut PgConnection, chunks: &[Chunk]) -> sqlx::Result<()> {
    if chunks.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO chunk (id, beats, data)
         SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[])",
    )
    .bind(chunks.iter().map(|chunk| chunk.id).collect::<Vec<_>>())
    .bind(chunks.iter().map(|chunk| chunk.beats).collect::<Vec<_>>())
    .bind(chunks.iter().map(|chunk| chunk.data.as_slice()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds sketches to those of their hours.
async fn hours(
    connection: &mut PgConnection,
    sketches: &BTreeMap<(i64, i64), Sketch>,
) -> sqlx::Result<()> {
    if sketches.is_empty() {
        return Ok(());
    }
    let hours: Vec<i64> = sketches.keys().map(|key| key.0).collect();
    let monitors: Vec<i64> = sketches.keys().map(|key| key.1).collect();
    let stored: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT s.hour, s.monitor, s.data
         FROM unnest($1::bigint[], $2::bigint[]) AS n (hour, monitor)
         JOIN sketch_hour s ON s.hour = n.hour AND s.monitor = n.monitor",
    )
    .bind(hours.clone())
    .bind(monitors.clone())
    .fetch_all(&mut *connection)
    .await?;
    let mut all = sketches.clone();
    for (hour, monitor, data) in stored {
        all.entry((hour, monitor)).or_default().merge(&sketch(&data)?);
    }
    sqlx::query(
        "INSERT INTO sketch_hour (hour, monitor, data)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])
         ON CONFLICT (monitor, hour) DO UPDATE SET data = excluded.data",
    )
    .bind(hours)
    .bind(monitors)
    .bind(all.values().map(Sketch::encode).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Remembers the newest sealed heartbeat of monitors, with the message that still holds: the last
/// that was stored, if it was said with the same state and reason, or what was known before.
async fn last(connection: &mut PgConnection, last: &BTreeMap<i64, Raw>) -> sqlx::Result<()> {
    if last.is_empty() {
        return Ok(());
    }
    let rows: Vec<&Raw> = last.values().collect();
    sqlx::query(
        "INSERT INTO beat_last AS b (monitor, at, sequence, verdict, latency, message)
         SELECT l.monitor, l.at, l.sequence, l.verdict, l.latency,
                CASE WHEN e.message IS NULL THEN o.message
                     WHEN e.verdict & 7 = l.verdict & 7 AND e.verdict >> 11 = l.verdict >> 11
                     THEN e.message END
         FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[])
           AS l (monitor, at, sequence, verdict, latency)
         LEFT JOIN beat_last o ON o.monitor = l.monitor
           AND o.verdict & 7 = l.verdict & 7 AND o.verdict >> 11 = l.verdict >> 11
         LEFT JOIN LATERAL (
           SELECT message, verdict FROM evidence e
           WHERE e.monitor = l.monitor AND (e.at, e.sequence) <= (l.at, l.sequence)
             AND e.message IS NOT NULL
           ORDER BY e.at DESC, e.sequence DESC LIMIT 1) e ON true
         ON CONFLICT (monitor) DO UPDATE SET
           at = excluded.at, sequence = excluded.sequence, verdict = excluded.verdict,
           latency = excluded.latency, message = excluded.message
         WHERE (excluded.at, excluded.sequence) > (b.at, b.sequence)",
    )
    .bind(rows.iter().map(|row| row.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.2).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.3).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.4).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Which heartbeats of some monitors in a span have words.
pub(super) async fn worded(
    connection: &mut PgConnection,
    monitors: Vec<i64>,
    (from, to): (i64, i64),
) -> sqlx::Result<Worded> {
    let rows: Vec<(i64, i64, i32)> = sqlx::query_as(
        "SELECT monitor, at, sequence FROM evidence
         WHERE monitor = ANY($1) AND at >= $2 AND at < $3",
    )
    .bind(monitors)
    .bind(from)
    .bind(to)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}
