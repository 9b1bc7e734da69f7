//! What the pure core asks of the world, and the rows that travel through it.

mod batch;
mod membership;
mod messages;
mod query;
mod rows;

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::id::{IdMap, IncidentId, MonitorId, ObjectName};
use crate::shard::ShardSet;
use crate::time::Timestamp;

pub use batch::{Batch, CommitReport, Fence};
pub use membership::{Alone, Authority, Membership};
pub use messages::{
    Claim, Delivery, DeliveryEnd, Earlier, LONGEST_RECEIPT, OutboxRow, Standing, SuppressedRow,
};
pub use query::{AuditQuery, IncidentQuery, LastResult, LatencyStep, UptimeSums};
pub use rows::{
    AuditEvent, Heartbeat, Incident, IntervalWrite, PushArrival, StateRow, StoredObject,
};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or written now (disk full, locked, gone); worth trying again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What it holds makes no sense.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// It was written by a newer version.
    #[error(
        "the database has schema {found}, this program knows up to {known}; start version {needs} or newer"
    )]
    TooNew {
        /// Schema found.
        found: i64,
        /// Newest schema known.
        known: i64,
        /// Product version that wrote it.
        needs: String,
    },
    /// Another process has it.
    #[error("the database {0} is in use by another process")]
    Locked(String),
    /// The question cannot be answered.
    #[error("{0}")]
    Invalid(String),
}

/// Result of a store call.
pub type StoreResult<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Port: history, engine state, outbox, audit (`design/store.md`). One coarse write, typed
/// queries; no transaction is held over an await outside the store.
pub trait Store: Send + Sync {
    /// The surrogates of monitors, assigned on first sight and the same for ever.
    fn intern<'a>(&'a self, names: &'a [ObjectName]) -> StoreResult<'a, Vec<MonitorId>>;

    /// The name of every monitor that ever had a surrogate.
    fn names(&self) -> StoreResult<'_, IdMap<ObjectName>>;

    /// Writes a batch. Routine ones linger up to 250 ms to share a transaction; the future
    /// resolves when it is committed. Callers may drop the future: the batch is written anyway.
    fn commit(&self, batch: Batch, fence: Fence) -> StoreResult<'_, CommitReport>;

    /// The engine states of the monitors of some shards.
    fn load_states(&self, of: ShardSet) -> StoreResult<'_, Vec<StateRow>>;

    /// States that were written after `cursor` by whoever (0 for all of them), and the cursor to go
    /// on from. A row may come again, none is missed; a state that was removed comes with an empty
    /// blob where the store still knows of it. What lets a member see monitors of other shards.
    fn states_since(&self, cursor: i64) -> StoreResult<'_, (Vec<StateRow>, i64)>;

    /// Last valid objects.
    fn load_objects(&self) -> StoreResult<'_, Vec<StoredObject>>;

    /// The newest heartbeat of every monitor of some shards that has one.
    fn last_results(&self, of: ShardSet) -> StoreResult<'_, Vec<LastResult>>;

    /// Incidents, newest first.
    fn incidents(&self, query: IncidentQuery) -> StoreResult<'_, Vec<Incident>>;

    /// Heartbeats of a monitor in `[from, to)`, oldest first, at most `limit`.
    fn heartbeats(
        &self,
        monitor: MonitorId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> StoreResult<'_, Vec<Heartbeat>>;

    /// The evidence of a heartbeat, as JSON.
    fn evidence(&self, monitor: MonitorId, at: Timestamp) -> StoreResult<'_, Option<String>>;

    /// Sums of the time line of each monitor over `[from, to)`, in the order asked.
    fn uptime<'a>(
        &'a self,
        monitors: &'a [MonitorId],
        from: Timestamp,
        to: Timestamp,
    ) -> StoreResult<'a, Vec<UptimeSums>>;

    /// Latency percentiles in steps of `step` (a multiple of an hour); a finer step than stored is
    /// [`StoreError::Invalid`].
    fn latency(
        &self,
        monitor: MonitorId,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> StoreResult<'_, Vec<LatencyStep>>;

    /// Stores an arrival; resolves when it is committed to the disk, with its id and time.
    fn push(&self, arrival: PushArrival) -> StoreResult<'_, PushArrival>;

    /// Arrivals of monitors of some shards that no decision has consumed, oldest first. Whichever
    /// member took an arrival, the owner of the monitor's shard finds it here.
    fn pending_pushes(&self, of: ShardSet) -> StoreResult<'_, Vec<PushArrival>>;

    /// Takes heads of streams that are due: at most `limit`, none of the `busy` providers. A row
    /// taken is `sending` until [`Store::finish`]; rows left `sending` by a dead process are given
    /// out again with `may_be_repeat` after [`Store::recover_sending`].
    fn claim<'a>(
        &'a self,
        now: Timestamp,
        busy: &'a [ObjectName],
        limit: u32,
    ) -> StoreResult<'a, Vec<Claim>>;

    /// Freezes what will be sent for a claim, before it is sent.
    fn freeze<'a>(&'a self, key: &'a str, payload: &'a [u8]) -> StoreResult<'a, ()>;

    /// Records how an attempt ended; `latency` is how long it took.
    fn finish<'a>(
        &'a self,
        key: &'a str,
        end: DeliveryEnd,
        latency: Duration,
        now: Timestamp,
    ) -> StoreResult<'a, ()>;

    /// The last message sent through a provider about each incident that is open, and about each
    /// that was told to be over after `since`.
    fn standing<'a>(
        &'a self,
        provider: &'a ObjectName,
        since: Timestamp,
    ) -> StoreResult<'a, Vec<Standing>>;

    /// Marks rows that were `sending` when the process that claimed them died as due, and as possible
    /// repeats: on a store of one process all of them, called once at its start; on a shared one
    /// those of members that have expired or left, called again and again. Returns how many.
    fn recover_sending(&self, now: Timestamp) -> StoreResult<'_, u64>;

    /// Requeues the dead letters of open incidents for a provider that changed.
    fn requeue_dead<'a>(&'a self, provider: &'a ObjectName, now: Timestamp)
    -> StoreResult<'a, u64>;

    /// When the next row is due, if any waits.
    fn next_due(&self) -> StoreResult<'_, Option<Timestamp>>;

    /// Until when a provider asked to be left alone (429), kept across restarts.
    fn provider_pauses(&self) -> StoreResult<'_, Vec<(ObjectName, Timestamp)>>;

    /// Sets such a pause.
    fn pause_provider<'a>(
        &'a self,
        provider: &'a ObjectName,
        until: Timestamp,
    ) -> StoreResult<'a, ()>;

    /// The delivery log of an incident or of everything, newest first.
    fn deliveries(
        &self,
        incident: Option<IncidentId>,
        limit: u32,
    ) -> StoreResult<'_, Vec<Delivery>>;

    /// Age of the oldest row that is due and not delivered, and how many wait.
    fn outbox_backlog(&self, now: Timestamp) -> StoreResult<'_, (u64, Option<Duration>)>;

    /// Audit events, newest first.
    fn audit(&self, query: AuditQuery) -> StoreResult<'_, Vec<AuditEvent>>;

    /// One small step of retention; true when there is more to do.
    fn retention_step(
        &self,
        now: Timestamp,
        retention: crate::settings::RetentionSettings,
    ) -> StoreResult<'_, bool>;

    /// Whether the store answers.
    fn ping(&self) -> StoreResult<'_, ()>;

    /// Flushes what lingers, vouches for nothing more and closes.
    fn close(&self) -> StoreResult<'_, ()>;
}
