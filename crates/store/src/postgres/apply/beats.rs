//! Heartbeats. Those that are the newest of their monitor are put at the end of the hot table;
//! the others go where they can be told from what is there already.

use std::collections::{BTreeMap, BTreeSet};

use kuma_core::ports::Heartbeat;
use kuma_core::time::to_ms;
use sqlx::PgConnection;

use crate::code::{slot_of, verdict};
use crate::postgres::error::WorkError;
use crate::postgres::slots;
use crate::postgres::sql::clean;
use crate::postgres::writer::Scope;
use crate::queue::lock;

/// How a binary COPY begins (<https://www.postgresql.org/docs/current/sql-copy.html>).
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Up to so many heartbeats are inserted instead of copied. A COPY sends its end after its data, and the
/// driver leaves Nagle's algorithm on: the end waits until the server's system confirms the data, some
/// 40 ms later unless there was much of it. Transitions come in few rows, and somebody waits for them.
const FEW: usize = 64;

/// Inserts heartbeats, which are in the order of time. One that is stored already (same monitor,
/// time, sequence) is left alone, so that a batch may be committed again after an error.
pub(super) async fn write(
    connection: &mut PgConnection,
    scope: &mut Scope<'_>,
    beats: &[&Heartbeat],
) -> Result<(), WorkError> {
    if beats.is_empty() {
        return Ok(());
    }
    let near: BTreeSet<i64> = beats
        .iter()
        .map(|beat| slot_of(to_ms(beat.at)))
        .filter(|slot| slots::is_near(*slot, scope.now))
        .collect();
    let open: BTreeMap<i64, bool> = if near.is_empty() {
        BTreeMap::new()
    } else {
        slots::lock_open(connection, near.iter().copied().collect()).await?.into_iter().collect()
    };
    let missing: Vec<i64> = near.into_iter().filter(|slot| !open.contains_key(slot)).collect();
    if !missing.is_empty() {
        return Err(WorkError::Slots(missing));
    }
    let (hot, late) = place(scope, beats, &open);
    if hot.len() > FEW {
        copy(connection, &hot).await?;
    } else {
        insert(connection, &hot).await?;
    }
    write_late(connection, &late).await?;
    write_words(connection, beats).await?;
    Ok(())
}

type Placed<'b> = (Vec<&'b Heartbeat>, Vec<&'b Heartbeat>);

/// Which heartbeats are newer than all of their monitor and go to the end of the hot table, and
/// which come late.
fn place<'b>(
    scope: &mut Scope<'_>,
    beats: &[&'b Heartbeat],
    open: &BTreeMap<i64, bool>,
) -> Placed<'b> {
    let live = lock(scope.live);
    let mut hot = Vec::with_capacity(beats.len());
    let mut late = Vec::new();
    for beat in beats {
        let this = (to_ms(beat.at), beat.sequence);
        let tip = scope.tips.get(&beat.monitor).or_else(|| live.tips.get(&beat.monitor)).copied();
        let newest = tip.is_none_or(|tip| this > tip);
        let fits = i32::try_from(beat.monitor.0).is_ok();
        if newest && fits && open.get(&slot_of(this.0)) == Some(&true) {
            hot.push(*beat);
        } else {
            late.push(*beat);
        }
        if newest {
            scope.tips.insert(beat.monitor, this);
        }
    }
    (hot, late)
}

async fn insert(connection: &mut PgConnection, beats: &[&Heartbeat]) -> sqlx::Result<()> {
    if beats.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO beat (at, monitor, verdict, latency, sequence)
         SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::integer[],
                              $5::integer[])",
    )
    .bind(beats.iter().map(|beat| to_ms(beat.at)).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| narrow(beat)).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| verdict(beat).cast_signed()).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| beat.latency_us.map(u32::cast_signed)).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| i32::from(beat.sequence)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// The monitor of a heartbeat in the hot table; what does not fit is not put there.
fn narrow(beat: &Heartbeat) -> i32 {
    i32::try_from(beat.monitor.0).unwrap_or(i32::MAX)
}

/// COPY takes a third of the log that INSERT does: it logs many rows at once.
async fn copy(connection: &mut PgConnection, beats: &[&Heartbeat]) -> sqlx::Result<()> {
    let mut copy = connection
        .copy_in_raw(
            "COPY beat (at, monitor, verdict, latency, sequence) FROM STDIN (FORMAT binary)",
        )
        .await?;
    let sent = match copy.send(encode(beats)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => copy.finish().await.map(drop),
        Err(error) => {
            let _ = copy.abort("cannot be sent").await;
            Err(error)
        }
    }
}

/// Rows as COPY takes them: how many columns, then each with its length before it.
fn encode(beats: &[&Heartbeat]) -> Vec<u8> {
    let mut out = Vec::with_capacity(COPY_HEADER.len() + beats.len() * 46 + 2);
    out.extend_from_slice(COPY_HEADER);
    for beat in beats {
        out.extend_from_slice(&5_i16.to_be_bytes());
        push(&mut out, &to_ms(beat.at).to_be_bytes());
        push(&mut out, &narrow(beat).to_be_bytes());
        push(&mut out, &verdict(beat).to_be_bytes());
        match beat.latency_us {
            Some(latency) => push(&mut out, &latency.to_be_bytes()),
            None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
        push(&mut out, &i32::from(beat.sequence).to_be_bytes());
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    out
}

fn push(out: &mut Vec<u8>, field: &[u8]) {
    out.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(field);
}

/// Those that come late, unless the hot table has them already.
async fn write_late(connection: &mut PgConnection, beats: &[&Heartbeat]) -> sqlx::Result<()> {
    if beats.is_empty() {
        return Ok(());
    }
    let at: Vec<i64> = beats.iter().map(|beat| to_ms(beat.at)).collect();
    let (first, last) = (at.first().copied(), at.last().copied());
    sqlx::query(
        "INSERT INTO beat_late (monitor, at, sequence, verdict, latency)
         SELECT n.monitor, n.at, n.sequence, n.verdict, n.latency
         FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[])
           AS n (monitor, at, sequence, verdict, latency)
         WHERE NOT EXISTS (SELECT 1 FROM beat b
                           WHERE b.at = n.at AND b.monitor = n.monitor AND b.sequence = n.sequence
                             AND b.at BETWEEN $6 AND $7)
         ON CONFLICT (monitor, at, sequence) DO NOTHING",
    )
    .bind(beats.iter().map(|beat| beat.monitor.0).collect::<Vec<_>>())
    .bind(at)
    .bind(beats.iter().map(|beat| i32::from(beat.sequence)).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| verdict(beat).cast_signed()).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| beat.latency_us.map(u32::cast_signed)).collect::<Vec<_>>())
    .bind(first)
    .bind(last)
    .execute(connection)
    .await?;
    Ok(())
}

/// What few heartbeats have.
async fn write_words(connection: &mut PgConnection, beats: &[&Heartbeat]) -> sqlx::Result<()> {
    let wordy = |beat: &&&Heartbeat| beat.message.is_some() || beat.evidence.is_some();
    let beats: Vec<&Heartbeat> = beats.iter().filter(wordy).copied().collect();
    if beats.is_empty() {
        return Ok(());
    }
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(clean);
    sqlx::query(
        "INSERT INTO evidence (monitor, at, sequence, verdict, message, body)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[],
                              $5::text[], $6::text[])
         ON CONFLICT (monitor, at, sequence) DO NOTHING",
    )
    .bind(beats.iter().map(|beat| beat.monitor.0).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| to_ms(beat.at)).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| i32::from(beat.sequence)).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| verdict(beat).cast_signed()).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| text(&beat.message)).collect::<Vec<_>>())
    .bind(beats.iter().map(|beat| text(&beat.evidence)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
