//! The heartbeats of all monitors in the order of time, for who plays them again.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use kuma_core::ports::{Heartbeat, StoreError};
use kuma_core::time::{Timestamp, to_ms};
use sqlx::{Connection, SqliteConnection};

use super::SqliteStore;
use super::error::store_error;
use super::hot::{self, at_of, chunk_parts, chunk_range, key_from, monitor_of, slot_of};
use super::read::{ChunkRow, damage, decode};
use crate::chunk::SLOT_MS;

/// Heartbeats of one slice, about; a slot with more is read in several.
const SLICE: i64 = 300_000;

/// Heartbeats of all monitors in the order of time, then monitor. Evidence is left out. A chunk
/// that cannot be read is passed over and named in [`Replay::damaged`].
pub struct Replay<'a> {
    store: &'a SqliteStore,
    /// From where on nothing was read yet.
    at: i64,
    to: i64,
    page: std::vec::IntoIter<Heartbeat>,
    damaged: Vec<String>,
}

impl SqliteStore {
    /// Plays `[from, to)`.
    pub fn replay(&self, from: Timestamp, to: Timestamp) -> Replay<'_> {
        Replay {
            store: self,
            at: to_ms(from),
            to: to_ms(to),
            page: Vec::new().into_iter(),
            damaged: Vec::new(),
        }
    }
}

impl Replay<'_> {
    /// The next heartbeats, at most `limit`; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn next_page(&mut self, limit: usize) -> Result<Vec<Heartbeat>, StoreError> {
        while self.page.as_slice().is_empty() && self.at < self.to {
            self.read().await.map_err(|error| store_error(&error))?;
        }
        Ok(self.page.by_ref().take(limit).collect())
    }

    /// Chunks that could not be read so far: whose, of which hours, why.
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// Reads the next slice that may hold anything.
    async fn read(&mut self) -> sqlx::Result<()> {
        let pool = self.store.pool();
        let mut connection = pool.acquire().await?;
        let mut snapshot = connection.begin().await?;
        let Some(first) = next_at(&mut snapshot, self.at).await?.filter(|at| *at < self.to) else {
            self.at = self.to;
            return Ok(());
        };
        self.at = self.at.max(first);
        let slot = slot_of(self.at);
        let sealed: Option<(i64, i64)> =
            sqlx::query_as("SELECT state, beats FROM sealed WHERE slot = ?")
                .bind(slot)
                .fetch_optional(&mut *snapshot)
                .await?;
        let beats = sealed.map_or(0, |(_, beats)| beats);
        let length = SLOT_MS / (1 + beats / SLICE).clamp(1, 240);
        let span = (self.at, (self.at.div_euclid(length) * length + length).min(self.to));
        let mut found = Vec::new();
        if sealed.is_some_and(|(state, _)| state < 2) {
            self.chunks(&mut snapshot, slot, span, &mut found).await?;
        }
        if sealed.is_none_or(|(state, _)| state != 0) {
            hot_rows(&mut snapshot, span, &mut found).await?;
        }
        late_rows(&mut snapshot, span, &mut found).await?;
        found.sort_by_key(|beat| (beat.at, beat.monitor, beat.sequence));
        found.dedup_by_key(|beat| (beat.at, beat.monitor, beat.sequence));
        messages(&mut snapshot, span, &mut found).await?;
        self.at = span.1;
        self.page = found.into_iter();
        Ok(())
    }

    async fn chunks(
        &mut self,
        connection: &mut SqliteConnection,
        slot: i64,
        span: (i64, i64),
        found: &mut Vec<Heartbeat>,
    ) -> sqlx::Result<()> {
        let (from, to) = chunk_range(slot);
        let mut broken = Vec::new();
        {
            let mut rows = sqlx::query_as::<_, ChunkRow>(
                "SELECT id, beats, data FROM chunk WHERE id >= ? AND id < ? ORDER BY id",
            )
            .bind(from)
            .bind(to)
            .fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                match decode(&row) {
                    Ok(beats) => {
                        let (slot, monitor, _) = chunk_parts(row.id);
                        for beat in beats {
                            let at = slot * SLOT_MS + i64::from(beat.offset);
                            if at >= span.0 && at < span.1 {
                                found.push(hot::heartbeat(
                                    monitor,
                                    at,
                                    beat.sequence,
                                    beat.verdict,
                                    beat.latency,
                                )?);
                            }
                        }
                    }
                    Err(error) => broken.push((row.id, error)),
                }
            }
        }
        for (id, error) in broken {
            let text = damage(connection, id, error).await;
            if !self.damaged.contains(&text) {
                self.damaged.push(text);
            }
        }
        Ok(())
    }
}

/// When the first heartbeat at or after `at` may be.
async fn next_at(connection: &mut SqliteConnection, at: i64) -> sqlx::Result<Option<i64>> {
    let slot: Option<i64> =
        sqlx::query_scalar("SELECT min(slot) FROM sealed WHERE slot >= ? AND state < 2")
            .bind(slot_of(at))
            .fetch_one(&mut *connection)
            .await?;
    let key: Option<i64> = sqlx::query_scalar("SELECT min(id) FROM beat WHERE id >= ?")
        .bind(key_from(at))
        .fetch_one(&mut *connection)
        .await?;
    let late: Option<i64> = sqlx::query_scalar("SELECT min(at) FROM beat_late WHERE at >= ?")
        .bind(at)
        .fetch_one(connection)
        .await?;
    let candidates = [slot.map(|slot| slot * SLOT_MS), key.map(at_of), late];
    Ok(candidates.into_iter().flatten().min())
}

async fn hot_rows(
    connection: &mut SqliteConnection,
    span: (i64, i64),
    found: &mut Vec<Heartbeat>,
) -> sqlx::Result<()> {
    let mut rows = sqlx::query_as::<_, (i64, u32, Option<u32>)>(
        "SELECT id, verdict, latency FROM beat WHERE id >= ? AND id < ? ORDER BY id",
    )
    .bind(key_from(span.0))
    .bind(key_from(span.1))
    .fetch(connection);
    while let Some((key, verdict, latency)) = rows.try_next().await? {
        found.push(hot::heartbeat(monitor_of(key), at_of(key), 0, verdict, latency)?);
    }
    Ok(())
}

async fn late_rows(
    connection: &mut SqliteConnection,
    span: (i64, i64),
    found: &mut Vec<Heartbeat>,
) -> sqlx::Result<()> {
    let rows: Vec<(i64, i64, u16, u32, Option<u32>)> = sqlx::query_as(
        "SELECT monitor, at, sequence, verdict, latency FROM beat_late WHERE at >= ? AND at < ?",
    )
    .bind(span.0)
    .bind(span.1)
    .fetch_all(connection)
    .await?;
    for (monitor, at, sequence, verdict, latency) in rows {
        found.push(hot::heartbeat(monitor, at, sequence, verdict, latency)?);
    }
    Ok(())
}

async fn messages(
    connection: &mut SqliteConnection,
    span: (i64, i64),
    found: &mut [Heartbeat],
) -> sqlx::Result<()> {
    let rows: Vec<(i64, i64, u16, String)> = sqlx::query_as(
        "SELECT at, monitor, sequence, message FROM evidence
         WHERE at >= ? AND at < ? AND message IS NOT NULL",
    )
    .bind(span.0)
    .bind(span.1)
    .fetch_all(connection)
    .await?;
    let mut words: HashMap<(i64, i64, u16), Arc<str>> = rows
        .into_iter()
        .map(|(at, monitor, sequence, message)| ((at, monitor, sequence), message.into()))
        .collect();
    if !words.is_empty() {
        for beat in found {
            beat.message = words.remove(&(to_ms(beat.at), beat.monitor.0, beat.sequence));
        }
    }
    Ok(())
}
