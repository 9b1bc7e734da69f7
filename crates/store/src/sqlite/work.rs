//! What may be asked of the writer, and how one transaction does it.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{Batch, Claim, CommitReport, DeliveryEnd, PushArrival, StoreError};
use kuma_core::settings::RetentionSettings;
use kuma_core::time::Timestamp;
use sqlx::SqliteConnection;

use super::live::{Live, Open};
use super::writer::lock;
use super::{apply, outbox, retention, seal};
use crate::queue::{DURABLE_LINGER, ROUTINE_LINGER, batch_rows};

/// One thing to write.
#[derive(Debug)]
pub(super) enum Work {
    Commit(Box<Batch>),
    Intern(Vec<ObjectName>),
    Push(PushArrival),
    Claim { now: Timestamp, busy: Vec<ObjectName>, limit: u32 },
    Freeze { key: String, payload: Vec<u8> },
    Finish { key: String, end: DeliveryEnd, latency: Duration, now: Timestamp },
    RecoverSending(Timestamp),
    RequeueDead { provider: ObjectName, now: Timestamp },
    PauseProvider { provider: ObjectName, until: Timestamp },
    Retention { now: Timestamp, retention: RetentionSettings },
    Seal(seal::Task),
    Vacuum,
    Close,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    Nothing,
    Committed(CommitReport),
    Interned(Vec<MonitorId>),
    Pushed(PushArrival),
    Claimed(Vec<Claim>),
    Count(u64),
    More(bool),
}

impl Work {
    /// Whether it shall be on the disk before it is answered. A claim is carried there by the
    /// freeze that follows it and that no message is sent without.
    pub(super) fn is_durable(&self) -> bool {
        match self {
            Self::Commit(batch) => batch.durable,
            Self::Retention { .. } | Self::Seal(_) | Self::Claim { .. } => false,
            _ => true,
        }
    }

    /// How long it may wait for company.
    pub(super) fn linger(&self) -> Duration {
        match self {
            Self::Commit(batch) if !batch.durable => ROUTINE_LINGER,
            // Steps of upkeep: who asks for the next one waits for this one.
            Self::Retention { .. } | Self::Seal(_) => Duration::ZERO,
            _ => DURABLE_LINGER,
        }
    }

    /// How much it counts towards a full transaction.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Commit(batch) => batch_rows(batch),
            _ => 1,
        }
    }
}

/// What a transaction may look at and must remember until it is committed.
pub(super) struct Scope<'a> {
    /// As of the last commit.
    pub(super) live: &'a Mutex<Live>,
    /// Monitors heard of in this transaction.
    pub(super) heard: HashSet<MonitorId>,
    /// When the newest hot row of monitors is that this transaction writes.
    pub(super) tips: HashMap<MonitorId, i64>,
    /// Open intervals that this transaction begins or vouches for.
    pub(super) open: HashMap<MonitorId, Open>,
    /// The wall clock.
    pub(super) now: Timestamp,
}

impl Scope<'_> {
    /// The monitor's open interval is vouched for until then.
    pub(super) fn vouch(&mut self, monitor: MonitorId, until: i64) {
        let known = self.open.get(&monitor).copied();
        if let Some(mut open) = known.or_else(|| lock(self.live).open.get(&monitor).copied()) {
            open.vouched = open.vouched.max(until);
            self.open.insert(monitor, open);
        }
    }

    /// For a monitor not heard of since the start: until when what was heard before vouches for it.
    pub(super) fn unheard(&self, monitor: MonitorId) -> Option<i64> {
        let live = lock(self.live);
        (live.unheard.contains(&monitor) && !self.heard.contains(&monitor))
            .then(|| live.heard_until(monitor))
    }
}

/// An error of one piece of work: the database's, or ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Does one piece of work inside the open transaction. Heartbeats are not its business: those of
/// all batches go first, together ([`apply::heartbeats`]).
pub(super) async fn run(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    work: &Work,
) -> Result<Done, WorkError> {
    Ok(match work {
        Work::Commit(batch) => {
            if batch_rows(batch) > batch.heartbeats.len() {
                apply::batch(connection, scope, batch).await?;
            }
            Done::Committed(CommitReport { rows: batch_rows(batch) as u64, refused: 0 })
        }
        Work::Intern(names) => Done::Interned(apply::intern(connection, names).await?),
        Work::Push(arrival) => Done::Pushed(apply::push(connection, scope.now, arrival).await?),
        Work::Claim { now, busy, limit } => {
            Done::Claimed(outbox::claim(connection, *now, busy, *limit).await?)
        }
        Work::Freeze { key, payload } => {
            outbox::freeze(connection, key, payload).await?;
            Done::Nothing
        }
        Work::Finish { key, end, latency, now } => {
            outbox::finish(connection, key, end, *latency, *now).await?;
            Done::Nothing
        }
        Work::RecoverSending(now) => Done::Count(outbox::recover(connection, *now).await?),
        Work::RequeueDead { provider, now } => {
            Done::Count(outbox::requeue_dead(connection, provider, *now).await?)
        }
        Work::PauseProvider { provider, until } => {
            outbox::pause(connection, provider, *until).await?;
            Done::Nothing
        }
        Work::Retention { now, retention } => {
            Done::More(retention::step(connection, *now, retention).await?)
        }
        Work::Seal(task) => Done::More(seal::run(connection, scope, task).await?),
        // Both happen outside of a transaction.
        Work::Vacuum | Work::Close => Done::Nothing,
    })
}
