//! The heartbeats of one monitor: from chunks, from the hot table, and those that came late.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use kuma_core::id::MonitorId;
use kuma_core::ports::Heartbeat;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;

use super::chunks::{ChunkRow, damage, decode};
use crate::chunk::SLOT_MS;
use crate::code::{self, chunk_parts, slot_of};
use crate::postgres::sql::{snapshot, unsigned};

const CHUNKS: &str = "
    SELECT c.id, c.beats, c.data FROM slot s
    JOIN chunk c ON c.id BETWEEN (s.slot << 44) | ($1 << 8) AND (s.slot << 44) | ($1 << 8) | 255
    WHERE s.slot BETWEEN $2 AND $3 AND s.state IN (1, 2)
    ORDER BY c.id";

/// See the port.
pub(in crate::postgres) async fn heartbeats(
    pool: &PgPool,
    monitor: MonitorId,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> sqlx::Result<Vec<Heartbeat>> {
    let (from, to) = (to_ms(from), to_ms(to));
    if from >= to {
        return Ok(Vec::new());
    }
    let mut snapshot = snapshot(pool).await?;
    let mut found = sealed(&mut snapshot, monitor, (from, to), limit as usize).await?;
    found.extend(unsealed(&mut snapshot, monitor, (from, to), limit).await?);
    order(&mut found);
    found.truncate(limit as usize);
    complete(&mut snapshot, monitor, &mut found).await?;
    Ok(found)
}

/// In the order of time, each once: a batch that is committed again may be stored twice.
fn order(found: &mut Vec<Heartbeat>) {
    found.sort_by_key(|beat| (beat.at, beat.sequence));
    found.dedup_by_key(|beat| (beat.at, beat.sequence));
}

/// At least the first `limit` of the span that are in chunks.
async fn sealed(
    connection: &mut PgConnection,
    monitor: MonitorId,
    (from, to): (i64, i64),
    limit: usize,
) -> sqlx::Result<Vec<Heartbeat>> {
    let mut found = Vec::new();
    let mut broken = None;
    {
        let mut rows = sqlx::query_as::<_, ChunkRow>(CHUNKS)
            .bind(monitor.0)
            .bind(slot_of(from))
            .bind(slot_of(to.saturating_sub(1)))
            .fetch(&mut *connection);
        let mut slot = i64::MIN;
        while let Some(row) = rows.try_next().await? {
            let of = chunk_parts(row.0).0;
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
                    broken = Some((row.0, error));
                    break;
                }
            };
            for beat in beats {
                let at = slot * SLOT_MS + i64::from(beat.offset);
                if at >= from && at < to {
                    let (verdict, latency) = (beat.verdict, beat.latency);
                    found.push(code::heartbeat(monitor.0, at, beat.sequence, verdict, latency)?);
                }
            }
        }
    }
    match broken {
        Some((id, error)) => Err(sqlx::Error::Decode(damage(connection, id, error).await.into())),
        None => Ok(found),
    }
}

/// Those that are in no chunk.
pub(super) async fn unsealed(
    connection: &mut PgConnection,
    monitor: MonitorId,
    (from, to): (i64, i64),
    limit: u32,
) -> sqlx::Result<Vec<Heartbeat>> {
    let rows: Vec<(i64, i32, i32, Option<i32>)> = sqlx::query_as(
        "SELECT at, sequence, verdict, latency FROM unsealed
         WHERE monitor = $1 AND at >= $2 AND at < $3 ORDER BY at, sequence LIMIT $4",
    )
    .bind(monitor.0)
    .bind(from)
    .bind(to)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| stored(monitor.0, row)).collect()
}

/// A heartbeat out of a row: time, sequence, verdict, latency.
pub(super) fn stored(
    monitor: i64,
    (at, sequence, verdict, latency): (i64, i32, i32, Option<i32>),
) -> sqlx::Result<Heartbeat> {
    let sequence = unsigned("sequence", i64::from(sequence))?;
    code::heartbeat(monitor, at, sequence, verdict.cast_unsigned(), latency.map(i32::cast_unsigned))
}

/// Adds messages and facts.
async fn complete(
    connection: &mut PgConnection,
    monitor: MonitorId,
    found: &mut [Heartbeat],
) -> sqlx::Result<()> {
    let (Some(first), Some(last)) = (found.first(), found.last()) else {
        return Ok(());
    };
    let rows: Vec<(i64, i32, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT at, sequence, message, body FROM evidence
         WHERE monitor = $1 AND at BETWEEN $2 AND $3",
    )
    .bind(monitor.0)
    .bind(to_ms(first.at))
    .bind(to_ms(last.at))
    .fetch_all(connection)
    .await?;
    let mut words: HashMap<(i64, i32), (Option<String>, Option<String>)> = rows
        .into_iter()
        .map(|(at, sequence, message, body)| ((at, sequence), (message, body)))
        .collect();
    for beat in found {
        if let Some((message, body)) = words.remove(&(to_ms(beat.at), i32::from(beat.sequence))) {
            beat.message = message.map(Into::into);
            beat.evidence = body.map(Into::into);
        }
    }
    Ok(())
}
