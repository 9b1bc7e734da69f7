//! Late rows as further parts of their slots, once there are enough or they are old.

use std::collections::{BTreeMap, HashMap};

use sqlx::PgConnection;

use super::pack::{Packed, Raw};
use super::{Times, store};
use crate::chunk::SLOT_MS;
use crate::code::{DAY_MS, LAST_PART, chunk_id, chunk_parts, slot_of};
use crate::postgres::error::WorkError;

/// Fewer late rows than this stay as they are, while they are young.
const ENOUGH: usize = 512;
/// Late rows of one step.
const STEP: i64 = 4096;

/// One step; true when rows were sealed. Those of slots that are too old are only counted.
pub(super) async fn step(connection: &mut PgConnection, times: &Times) -> Result<bool, WorkError> {
    let rows: Vec<Raw> = sqlx::query_as(
        "SELECT monitor, at, sequence, verdict, latency FROM beat_late b
         WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM slot s
                                       WHERE s.slot = b.at / 7200000 AND s.state < 2)
         ORDER BY monitor, at, sequence LIMIT $2",
    )
    .bind(times.horizon * SLOT_MS)
    .bind(STEP)
    .fetch_all(&mut *connection)
    .await?;
    let old = rows.iter().any(|row| row.1 < times.now - DAY_MS);
    if rows.is_empty() || (rows.len() < ENOUGH && !old) {
        return Ok(false);
    }
    let mut groups: BTreeMap<(i64, i64), Vec<Raw>> = BTreeMap::new();
    for row in rows {
        groups.entry((slot_of(row.1), row.0)).or_default().push(row);
    }
    let parts = next_parts(connection, groups.keys()).await?;
    let mut monitors: Vec<i64> = groups.keys().map(|key| key.1).collect();
    monitors.sort_unstable();
    monitors.dedup();
    let first = groups.keys().next().map_or(0, |key| key.0 * SLOT_MS);
    let last = groups.keys().next_back().map_or(0, |key| (key.0 + 1) * SLOT_MS);
    let worded = store::worded(connection, monitors, (first, last)).await?;
    let mut packed = Packed::default();
    let mut sealed: Vec<Raw> = Vec::new();
    for ((slot, monitor), rows) in groups {
        let part = parts.get(&(slot, monitor)).copied().unwrap_or(0);
        if packed.add(&rows, &worded, part, times.is_expired(slot))? {
            sealed.extend(rows);
        }
    }
    let sums = store::all(connection, &packed).await?;
    add_to_slots(connection, &sums).await?;
    remove(connection, &sealed).await?;
    Ok(!sealed.is_empty())
}

/// The number of the next part of each monitor in each slot that has any.
async fn next_parts(
    connection: &mut PgConnection,
    groups: impl Iterator<Item = &(i64, i64)>,
) -> sqlx::Result<HashMap<(i64, i64), i64>> {
    let mut ranges = (Vec::new(), Vec::new());
    for (slot, monitor) in groups {
        if let (Some(first), Some(last)) =
            (chunk_id(*slot, *monitor, 0), chunk_id(*slot, *monitor, LAST_PART))
        {
            ranges.0.push(first);
            ranges.1.push(last);
        }
    }
    let newest: Vec<i64> = sqlx::query_scalar(
        "SELECT n.id FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
         CROSS JOIN LATERAL (SELECT max(id) AS id FROM chunk
                             WHERE id BETWEEN r.first AND r.last) n
         WHERE n.id IS NOT NULL",
    )
    .bind(ranges.0)
    .bind(ranges.1)
    .fetch_all(connection)
    .await?;
    let parts = newest.into_iter().map(|id| {
        let (slot, monitor, part) = chunk_parts(id);
        ((slot, monitor), part + 1)
    });
    Ok(parts.collect())
}

/// A slot of which nothing else was ever seen becomes a sealed one.
async fn add_to_slots(
    connection: &mut PgConnection,
    sums: &BTreeMap<i64, (i64, i64, i64)>,
) -> sqlx::Result<()> {
    if sums.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO slot AS s (slot, state, chunks, beats, bytes)
         SELECT n.slot, 2, n.chunks, n.beats, n.bytes
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
           AS n (slot, chunks, beats, bytes)
         ON CONFLICT (slot) DO UPDATE SET chunks = s.chunks + excluded.chunks,
            beats = s.beats + excluded.beats, bytes = s.bytes + excluded.bytes",
    )
    .bind(sums.keys().copied().collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.0).collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.1).collect::<Vec<_>>())
    .bind(sums.values().map(|sum| sum.2).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes exactly the rows that were sealed.
async fn remove(connection: &mut PgConnection, rows: &[Raw]) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM beat_late b
         USING unnest($1::bigint[], $2::bigint[], $3::integer[]) AS r (monitor, at, sequence)
         WHERE b.monitor = r.monitor AND b.at = r.at AND b.sequence = r.sequence",
    )
    .bind(rows.iter().map(|row| row.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.2).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
