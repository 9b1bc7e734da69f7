//! The newest heartbeat of each monitor, with the message that still holds.

use std::collections::HashMap;

use kuma_core::ports::{Heartbeat, LastResult};
use kuma_core::shard::ShardSet;
use kuma_core::time::to_ms;
use sqlx::PgConnection;
use sqlx::postgres::PgPool;

use super::beats::stored;
use crate::postgres::sql::snapshot;

/// The newest heartbeat that is not in a chunk.
const UNSEALED: &str = "
    WITH newest AS MATERIALIZED (
      SELECT monitor, max(at << 16 | sequence) AS tip FROM unsealed GROUP BY monitor)
    SELECT u.monitor, u.at, u.sequence, u.verdict, u.latency FROM newest n
    JOIN unsealed u ON u.monitor = n.monitor AND u.at = n.tip >> 16
      AND u.sequence = (n.tip & 65535)";

type Row = (i64, i64, i32, i32, Option<i32>);

/// A row of `beat_last`: monitor, time, sequence, verdict, latency, message.
type LastRow = (i64, i64, i32, i32, Option<i32>, Option<String>);

/// See the port.
pub(in crate::postgres) async fn last_results(
    pool: &PgPool,
    of: ShardSet,
) -> sqlx::Result<Vec<LastResult>> {
    let mut snapshot = snapshot(pool).await?;
    let mut last: HashMap<i64, (Heartbeat, Option<String>)> = HashMap::new();
    let sealed: Vec<LastRow> =
        sqlx::query_as("SELECT monitor, at, sequence, verdict, latency, message FROM beat_last")
            .fetch_all(&mut *snapshot)
            .await?;
    for (monitor, at, sequence, verdict, latency, message) in sealed {
        let beat = stored(monitor, (at, sequence, verdict, latency))?;
        last.insert(monitor, (beat, message));
    }
    let rows: Vec<Row> = sqlx::query_as(UNSEALED).fetch_all(&mut *snapshot).await?;
    for (monitor, at, sequence, verdict, latency) in rows {
        let beat = stored(monitor, (at, sequence, verdict, latency))?;
        let before = last.get(&monitor);
        if before.is_some_and(|(last, _)| (last.at, last.sequence) > (beat.at, beat.sequence)) {
            continue;
        }
        let holds = before.filter(|(last, _)| says_the_same(last, &beat));
        let message = holds.and_then(|(_, message)| message.clone());
        last.insert(monitor, (beat, message));
    }
    last.retain(|_, (beat, _)| of.holds(beat.monitor));
    let mut messages = messages(&mut snapshot, last.values().map(|(beat, _)| beat)).await?;
    let mut results: Vec<LastResult> = last
        .into_values()
        .map(|(beat, known)| {
            let message = messages.remove(&beat.monitor.0).or(known);
            let heartbeat = Heartbeat { message: message.map(Into::into), ..beat };
            LastResult { monitor: heartbeat.monitor, heartbeat }
        })
        .collect();
    results.sort_unstable_by_key(|last| last.monitor);
    Ok(results)
}

/// Whether what was said of one still holds for the other.
fn says_the_same(one: &Heartbeat, other: &Heartbeat) -> bool {
    (one.state, one.reason) == (other.state, other.reason)
}

/// The last message of each monitor, where it was said with the same state and reason as its
/// newest heartbeat has: a message is stored when it changes.
async fn messages(
    connection: &mut PgConnection,
    last: impl Iterator<Item = &Heartbeat>,
) -> sqlx::Result<HashMap<i64, String>> {
    let last: Vec<&Heartbeat> = last.collect();
    let verdict = |beat: &&Heartbeat| crate::code::verdict(beat).cast_signed();
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT l.monitor, e.message
         FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[])
           AS l (monitor, at, sequence, verdict)
         CROSS JOIN LATERAL (
           SELECT message, verdict FROM evidence e
           WHERE e.monitor = l.monitor AND (e.at, e.sequence) <= (l.at, l.sequence)
             AND e.message IS NOT NULL
           ORDER BY e.at DESC, e.sequence DESC LIMIT 1) e
         WHERE e.verdict & 7 = l.verdict & 7 AND e.verdict >> 11 = l.verdict >> 11",
    )
    .bind(last.iter().map(|beat| beat.monitor.0).collect::<Vec<_>>())
    .bind(last.iter().map(|beat| to_ms(beat.at)).collect::<Vec<_>>())
    .bind(last.iter().map(|beat| i32::from(beat.sequence)).collect::<Vec<_>>())
    .bind(last.iter().map(verdict).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}
