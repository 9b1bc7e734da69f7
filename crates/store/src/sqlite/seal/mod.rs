//! Sealing: heartbeats older than about two hours become compressed chunks, one per monitor and
//! slot, in steps so small that no commit waits for long.
//!
//! 1. The writer closes the slot: what comes late for it goes to `beat_late` ([`Task::Close`]).
//! 2. A reader gathers the slot's rows, a bounded number at a time ([`gather`]); they are encoded
//!    outside the writer, which stores a few chunks per step ([`Task::Store`]).
//! 3. One row of `sealed` makes the chunks count and the hot rows not ([`Task::Finish`]).
//! 4. The hot rows go in steps ([`Task::Clear`]).
//!
//! A crash before 3 leaves chunks that count for nothing and are written again; after 3 it goes on
//! with 4. Late rows are sealed as further parts once there are enough ([`late`]).

mod gather;
mod late;
mod run;

use std::collections::BTreeMap;

use kuma_core::ports::StoreError;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::sqlite::SqlitePool;

use super::SqliteStore;
use super::error::store_error;
use super::hot::{self, slot_of};
use super::work::{Done, Work};
use crate::chunk::{self, MAX_BEATS, SLOT_MS};

pub(super) use run::run;

/// How long after a slot's end it is sealed.
const GRACE_MS: i64 = 15 * 60_000;
/// Monitors whose chunks are written in one step.
const CHUNKS: usize = 256;
/// Heartbeats that are encoded for one step.
const STEP_BEATS: usize = 65_536;
/// Rows that are gathered at once; a slot with more is read several times.
pub(super) const GATHER: usize = 1_000_000;

/// A chunk to be stored.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) id: i64,
    pub(super) beats: u32,
    pub(super) data: Vec<u8>,
}

/// What the chunks of a slot are in all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) chunks: i64,
    pub(super) beats: i64,
    pub(super) bytes: i64,
}

impl Sum {
    pub(super) fn add(&mut self, chunk: &Chunk) {
        self.chunks += 1;
        self.beats += i64::from(chunk.beats);
        self.bytes += i64::try_from(chunk.data.len()).unwrap_or(i64::MAX);
    }
}

/// What the writer does for it; each is one small transaction.
#[derive(Debug)]
pub(super) enum Task {
    /// Sends what comes late elsewhere, and removes chunks that a crash left; true while some are
    /// left.
    Close(i64),
    /// Stores chunks.
    Store(Vec<Chunk>),
    /// From now on the slot's chunks count.
    Finish { slot: i64, sum: Sum },
    /// Removes some of the slot's hot rows; true when that was all of a step.
    Clear(i64),
    /// Late rows of closed slots become further parts.
    Late(late::Parts),
}

/// A slot that is being sealed.
pub(super) struct Sealing {
    slot: i64,
    /// Heartbeats that are gathered and not stored yet, by monitor.
    gathered: BTreeMap<i64, Vec<gather::Raw>>,
    /// The monitor from which another pass begins.
    next: Option<i64>,
    sum: Sum,
}

/// One step; true when there may be more. Slots that end before `keep_from` are left to retention.
pub(super) async fn step(
    store: &SqliteStore,
    now: Timestamp,
    keep_from: i64,
) -> Result<bool, StoreError> {
    let mut sealing = store.sealing.lock().await;
    if let Some(mut begun) = sealing.take() {
        if !begun.go_on(store).await? {
            return Ok(true);
        }
        *sealing = Some(begun);
        return Ok(true);
    }
    let pool = store.pool();
    let oldest: Option<i64> = sqlx::query_scalar("SELECT min(id) FROM beat")
        .fetch_one(&pool)
        .await
        .map_err(|error| store_error(&error))?;
    let horizon = slot_of(to_ms(now) - GRACE_MS);
    if let Some(slot) = oldest.map(|key| slot_of(hot::at_of(key))) {
        if is_sealed(&pool, slot).await.map_err(|error| store_error(&error))? {
            tell(store, Task::Clear(slot)).await?;
            return Ok(true);
        }
        if slot < horizon && (slot + 1) * SLOT_MS > keep_from {
            *sealing = Some(Sealing::begin(store, slot).await?);
            return Ok(true);
        }
        if slot < horizon {
            return Ok(false);
        }
    }
    let parts =
        late::gather(&pool, horizon, keep_from).await.map_err(|error| store_error(&error))?;
    match parts {
        Some(parts) => tell(store, Task::Late(parts)).await,
        None => Ok(false),
    }
}

async fn is_sealed(pool: &SqlitePool, slot: i64) -> sqlx::Result<bool> {
    let found: Option<i64> = sqlx::query_scalar("SELECT slot FROM sealed WHERE slot = ?")
        .bind(slot)
        .fetch_optional(pool)
        .await?;
    Ok(found.is_some())
}

async fn tell(store: &SqliteStore, task: Task) -> Result<bool, StoreError> {
    match store.ask(Work::Seal(task)).await? {
        Done::More(more) => Ok(more),
        other => {
            Err(StoreError::Damaged(format!("the writer answered another question: {other:?}")))
        }
    }
}

impl Sealing {
    async fn begin(store: &SqliteStore, slot: i64) -> Result<Self, StoreError> {
        while tell(store, Task::Close(slot)).await? {}
        let mut begun = Self { slot, gathered: BTreeMap::new(), next: None, sum: Sum::default() };
        begun.gather(store, 0).await?;
        Ok(begun)
    }

    async fn gather(&mut self, store: &SqliteStore, from: i64) -> Result<(), StoreError> {
        let gathered = gather::gather(&store.pool(), self.slot, from, GATHER).await;
        (self.gathered, self.next) = gathered.map_err(|error| store_error(&error))?;
        Ok(())
    }

    /// Stores some chunks, or gathers more, or ends; false when it has ended.
    async fn go_on(&mut self, store: &SqliteStore) -> Result<bool, StoreError> {
        if self.gathered.is_empty() {
            if let Some(from) = self.next.take() {
                self.gather(store, from).await?;
                return Ok(true);
            }
            tell(store, Task::Finish { slot: self.slot, sum: self.sum }).await?;
            return Ok(false);
        }
        let mut some = Vec::new();
        let mut beats = 0;
        while some.len() < CHUNKS
            && beats < STEP_BEATS
            && let Some((monitor, rows)) = self.gathered.pop_first()
        {
            beats += rows.len();
            some.push((monitor, rows));
        }
        let slot = self.slot;
        let encoded = tokio::task::spawn_blocking(move || encode(slot, &some)).await;
        let chunks = encoded.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        for chunk in &chunks {
            self.sum.add(chunk);
        }
        tell(store, Task::Store(chunks)).await?;
        Ok(true)
    }
}

/// Chunks of some monitors; more than one of a monitor that has very many heartbeats.
fn encode(slot: i64, monitors: &[(i64, Vec<gather::Raw>)]) -> Vec<Chunk> {
    let mut chunks = Vec::with_capacity(monitors.len());
    for (monitor, rows) in monitors {
        for (part, rows) in (0..).zip(rows.chunks(MAX_BEATS)) {
            let beats: Vec<_> = rows.iter().map(gather::Raw::beat).collect();
            // Keys of the hot table are of monitors and times that have an id.
            if let Some(id) = hot::chunk_id(slot, *monitor, part) {
                chunks.push(chunk_of(id, &beats));
            }
        }
    }
    chunks
}

/// The chunk of heartbeats in order.
fn chunk_of(id: i64, beats: &[chunk::Beat]) -> Chunk {
    Chunk {
        id,
        beats: u32::try_from(beats.len()).unwrap_or(u32::MAX),
        data: chunk::encode(id, beats),
    }
}
