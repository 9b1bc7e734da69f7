//! Upkeep in steps, each one transaction: partitions ahead of time, sealing, forgetting.
//!
//! Whoever holds the coordinator's shard asks for steps. That two do at once does no harm: a step is
//! done by one at a time, and begins with what is stored.

mod compact;
mod forget;
mod late;
mod pack;
mod seal;
mod store;

use kuma_core::settings::RetentionSettings;
use kuma_core::sketch::Sketch;
use kuma_core::stats::Counter;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection};

use super::error::{WorkError, is_busy};
use super::slots;
use crate::code::{DAY_MS, damaged};

/// The advisory lock of upkeep.
const LOCK: i64 = 0x4B4B_5550;
/// What a step sets: it may read two hours of results, but waits for nobody.
const SETTINGS: &str = "SET LOCAL statement_timeout = '60s'; SET LOCAL lock_timeout = '1s';
    SET LOCAL synchronous_commit = off";
/// How long after a slot's end it is sealed.
const GRACE_MS: i64 = 15 * 60_000;

/// One step of the first thing there is to do; true when there may be more.
pub(super) async fn step(
    pool: &PgPool,
    bytes: &Counter,
    now: Timestamp,
    keep: &RetentionSettings,
) -> Result<bool, WorkError> {
    let mut connection = pool.acquire().await?;
    slots::make(&mut connection, &slots::wanted(now)).await?;
    let done = one(&mut connection, now, keep).await;
    match done {
        // Somebody reads or writes what shall go: another time.
        Err(WorkError::Sql(error)) if is_busy(&error) => {
            tracing::debug!(%error, "a step of upkeep waits for another time");
            Ok(false)
        }
        Ok(false) => {
            let size: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
                .fetch_one(&mut *connection)
                .await?;
            bytes.set(size.unsigned_abs());
            Ok(false)
        }
        done => done,
    }
}

async fn one(
    connection: &mut PgConnection,
    now: Timestamp,
    keep: &RetentionSettings,
) -> Result<bool, WorkError> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *transaction).await?;
    let mine: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *transaction)
        .await?;
    if !mine {
        return Ok(false);
    }
    let times = Times::new(now, keep);
    let more = seal::step(&mut transaction, &times).await?
        || late::step(&mut transaction, &times).await?
        || forget::raw(&mut transaction, &times).await?
        || forget::hours(&mut transaction, now, keep).await?
        || compact::intervals(&mut transaction, now).await?
        || forget::rows(&mut transaction, now, keep).await?;
    transaction.commit().await?;
    Ok(more)
}

/// The moments that decide about single results.
#[derive(Debug, Clone, Copy)]
struct Times {
    now: i64,
    /// The first slot that is not to be sealed yet.
    horizon: i64,
    /// Single results before this are forgotten.
    keep_from: i64,
}

impl Times {
    fn new(now: Timestamp, keep: &RetentionSettings) -> Self {
        Self {
            now: to_ms(now),
            horizon: crate::code::slot_of(to_ms(now) - GRACE_MS),
            keep_from: before(now, keep.checks_days.min(keep.heartbeats_days)),
        }
    }

    /// Whether a slot ended before what is kept.
    fn is_expired(&self, slot: i64) -> bool {
        (slot + 1) * crate::chunk::SLOT_MS <= self.keep_from
    }
}

fn before(now: Timestamp, days: u32) -> i64 {
    to_ms(now) - i64::from(days) * DAY_MS
}

/// The UTC day, counted from the epoch, that lies so many days back.
fn whole_day(now: Timestamp, days: u32) -> i64 {
    before(now, days).div_euclid(DAY_MS)
}

/// A stored sketch.
pub(super) fn sketch(data: &[u8]) -> sqlx::Result<Sketch> {
    Sketch::decode(data).map_err(|error| damaged("sketch", error))
}
