//! The heartbeats of one monitor: from chunks, from the hot table along the chain of the monitor's
//! rows, and those that came late. What a question costs depends on the monitor's own heartbeats
//! in the span and the hot tail, not on those of others.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use kuma_core::id::MonitorId;
use kuma_core::ports::Heartbeat;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, SqliteConnection};

use super::chunks::{ChunkRow, damage, decode};
use crate::chunk::SLOT_MS;
use crate::sqlite::hot::{self, at_of, chunk_parts, key, key_from, slot_of};

/// From the newest row on, each to the one before it.
const HOT: &str = "
    WITH RECURSIVE chain(id, verdict, latency, back) AS (
        SELECT id, verdict, latency, back FROM beat WHERE id = ?1
        UNION ALL
        SELECT b.id, b.verdict, b.latency, b.back
        FROM chain c CROSS JOIN beat b ON b.id = c.id - (c.back << 22)
        WHERE c.back > 0 AND c.id > ?2)
    SELECT id, verdict, latency FROM chain c
    WHERE id >= ?2 AND id < ?3
      AND NOT EXISTS (SELECT 1 FROM sealed s
                      WHERE s.slot = ((c.id >> 22) + 1577836800000) / 7200000 AND s.state = 0)
    ORDER BY id";

const CHUNKS: &str = "
    SELECT c.id, c.beats, c.data FROM sealed s
    CROSS JOIN chunk c ON c.id BETWEEN (s.slot << 44) | (?1 << 8) AND (s.slot << 44) | (?1 << 8) | 255
    WHERE s.slot BETWEEN ?2 AND ?3 AND s.state < 2
    ORDER BY s.slot, c.id";

/// A heartbeat before its words are known.
struct Found {
    at: i64,
    sequence: u16,
    verdict: u32,
    latency: Option<u32>,
    words: bool,
}

/// See the port. `tip` is when the monitor's newest row in the hot table is.
pub(in crate::sqlite) async fn heartbeats(
    pool: &SqlitePool,
    monitor: MonitorId,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
    tip: Option<i64>,
) -> sqlx::Result<Vec<Heartbeat>> {
    let (from, to) = (to_ms(from), to_ms(to));
    if from >= to {
        return Ok(Vec::new());
    }
    let mut connection = pool.acquire().await?;
    // One state of the file for all questions: sealing moves rows.
    let mut snapshot = connection.begin().await?;
    let mut found = sealed(&mut snapshot, monitor, (from, to), limit as usize).await?;
    found.extend(hot(&mut snapshot, monitor, (from, to), tip).await?);
    found.extend(late(&mut snapshot, monitor, (from, to), limit).await?);
    order(&mut found);
    found.truncate(limit as usize);
    complete(&mut snapshot, monitor, found).await
}

/// In the order of time, each once: a batch that is committed again may be stored twice.
fn order(found: &mut Vec<Found>) {
    found.sort_by_key(|beat| (beat.at, beat.sequence));
    found.dedup_by_key(|beat| (beat.at, beat.sequence));
}

/// At least the first `limit` of the span that are in chunks.
async fn sealed(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
    (from, to): (i64, i64),
    limit: usize,
) -> sqlx::Result<Vec<Found>> {
    let mut rows = sqlx::query_as::<_, ChunkRow>(CHUNKS)
        .bind(monitor.0)
        .bind(slot_of(from))
        .bind(slot_of(to.saturating_sub(1)))
        .fetch(&mut *connection);
    let mut found: Vec<Found> = Vec::new();
    let mut slot = i64::MIN;
    let mut broken = None;
    while let Some(row) = rows.try_next().await? {
        let of = chunk_parts(row.id).0;
        if of != slot {
            slot = of;
            order(&mut found);
            if found.len() >= limit {
                break;
            }
        }
        let beats = match decode(&row) {
            Ok(beats) => beats,
            Err(error) => {
                broken = Some((row.id, error));
                break;
            }
        };
        let all = beats.into_iter().map(|beat| Found {
            at: slot * SLOT_MS + i64::from(beat.offset),
            sequence: beat.sequence,
            verdict: beat.verdict,
            latency: beat.latency,
            words: beat.words,
        });
        found.extend(all.filter(|beat| beat.at >= from && beat.at < to));
    }
    drop(rows);
    match broken {
        Some((id, error)) => Err(sqlx::Error::Decode(damage(connection, id, error).await.into())),
        None => Ok(found),
    }
}

async fn hot(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
    (from, to): (i64, i64),
    tip: Option<i64>,
) -> sqlx::Result<Vec<Found>> {
    let Some(tip) = tip.filter(|tip| *tip >= from).and_then(|tip| key(tip, monitor.0)) else {
        return Ok(Vec::new());
    };
    let rows: Vec<(i64, u32, Option<u32>)> = sqlx::query_as(HOT)
        .bind(tip)
        .bind(key_from(from))
        .bind(key_from(to))
        .fetch_all(connection)
        .await?;
    let found = rows.into_iter().map(|(key, verdict, latency)| Found {
        at: at_of(key),
        sequence: 0,
        verdict,
        latency,
        words: true,
    });
    Ok(found.collect())
}

async fn late(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
    (from, to): (i64, i64),
    limit: u32,
) -> sqlx::Result<Vec<Found>> {
    let rows: Vec<(i64, u16, u32, Option<u32>)> = sqlx::query_as(
        "SELECT at, sequence, verdict, latency FROM beat_late
         WHERE monitor = ? AND at >= ? AND at < ? ORDER BY at, sequence LIMIT ?",
    )
    .bind(monitor.0)
    .bind(from)
    .bind(to)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let found = rows.into_iter().map(|(at, sequence, verdict, latency)| Found {
        at,
        sequence,
        verdict,
        latency,
        words: true,
    });
    Ok(found.collect())
}

type Words = (Option<String>, Option<String>);

/// Adds messages and facts where there may be some.
async fn complete(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
    found: Vec<Found>,
) -> sqlx::Result<Vec<Heartbeat>> {
    let asked: serde_json::Value = found
        .iter()
        .filter(|beat| beat.words)
        .map(|beat| serde_json::Value::from(vec![beat.at, i64::from(beat.sequence)]))
        .collect();
    let rows: Vec<(i64, u16, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT e.at, e.sequence, e.message, e.body FROM json_each(?) asked
         CROSS JOIN evidence e ON e.at = asked.value ->> 0 AND e.monitor = ?
           AND e.sequence = asked.value ->> 1",
    )
    .bind(asked.to_string())
    .bind(monitor.0)
    .fetch_all(connection)
    .await?;
    let mut words: HashMap<(i64, u16), Words> = rows
        .into_iter()
        .map(|(at, sequence, message, body)| ((at, sequence), (message, body)))
        .collect();
    found
        .into_iter()
        .map(|found| {
            let (message, body) = words.remove(&(found.at, found.sequence)).unwrap_or_default();
            let beat =
                hot::heartbeat(monitor.0, found.at, found.sequence, found.verdict, found.latency)?;
            Ok(Heartbeat {
                message: message.map(Into::into),
                evidence: body.map(Into::into),
                ..beat
            })
        })
        .collect()
}
