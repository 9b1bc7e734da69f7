//! What the pure core asks of the world, and the rows that travel through it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::{IncidentId, MonitorId, ObjectKey, ObjectName};
use crate::object::Meta;
use crate::reason::Reason;
use crate::state::MonitorState;
use crate::time::Timestamp;

/// A stored result of a run (its deciding attempt).
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// Which monitor.
    pub monitor: MonitorId,
    /// End of the attempt.
    pub at: Timestamp,
    /// Orders results of one millisecond.
    pub sequence: u16,
    /// The state that the monitor had after it.
    pub state: MonitorState,
    /// Why, if not a success.
    pub reason: Option<Reason>,
    /// Microseconds, saturating.
    pub latency_us: Option<u32>,
    /// Attempts of the run so far.
    pub attempts: u8,
    /// One sentence, only when it differs from the monitor's previous heartbeat's.
    pub message: Option<Arc<str>>,
    /// Facts on failure, as JSON.
    pub evidence: Option<Arc<str>>,
}

/// A change of the time line that uptime is computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntervalWrite {
    /// From `at` on the monitor is in `state`; what was open ends there. With an `at` earlier than
    /// the open interval's start, everything from `at` on is replaced (a confirmed failure is
    /// corrected back to its start).
    Enter {
        /// Which monitor.
        monitor: MonitorId,
        /// The state.
        state: MonitorState,
        /// From when.
        at: Timestamp,
    },
    /// The open interval of a known state is vouched for until `at`; what follows is unknown
    /// unless another result comes. Written rarely: on a clean stop, and every few minutes.
    Vouch {
        /// Which monitor.
        monitor: MonitorId,
        /// Until when.
        until: Timestamp,
    },
}

/// One outage, as stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// Which monitor.
    pub monitor: MonitorId,
    /// The monitor's public name.
    pub monitor_name: ObjectName,
    /// End of the first failed attempt.
    pub started_at: Timestamp,
    /// End of the first success, or when it was closed otherwise.
    pub ended_at: Option<Timestamp>,
    /// Why it opened.
    pub reason: Option<Reason>,
    /// One sentence.
    pub message: Option<String>,
    /// Why it closed: `RECOVERED`, `PAUSED`, `DELETED`.
    pub closed_reason: Option<Reason>,
    /// Whether every message about it was held back so far.
    pub suppressed: bool,
    /// By what: `silence shop/night`, `maintenance shop/upgrade`, `parent shop/router`, …
    pub suppress_reason: Option<String>,
    /// When and by whom it was acknowledged.
    pub acknowledged: Option<(Timestamp, String)>,
    /// Times at which it toggled while flapping.
    pub toggles: Vec<Timestamp>,
}

/// A message to deliver, without rendered text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    /// `hash(subject, event, sequence, route step, provider)` in lower-case hex: unique, and the
    /// identity that receivers may dedupe by.
    pub key: String,
    /// What the message is about; with the provider it names the stream whose order is kept.
    pub subject: String,
    /// Which monitor; none for messages about ourselves.
    pub monitor: Option<MonitorId>,
    /// The policy, unless it is the default provider's route.
    pub policy: Option<ObjectName>,
    /// The channel.
    pub provider: ObjectName,
    /// Its type, for the delivery log.
    pub provider_type: String,
    /// Not before this.
    pub not_before: Timestamp,
    /// Rows with the same group key and provider travel together.
    pub group_key: Option<String>,
    /// For an up: the key of the down it may be merged into while that was never attempted.
    pub merges: Option<String>,
    /// What happened.
    pub event: Event,
}

/// A message that was decided not to be sent (held and suppressed, deduped, rate limited), for
/// the delivery log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuppressedRow {
    /// The row that would have been sent.
    pub row: OutboxRow,
    /// Why not, as one sentence.
    pub why: String,
}

/// Something that happened to configuration or by a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// The kind, `Monitor`, …
    pub resource_type: String,
    /// `namespace/name`.
    pub resource_key: String,
    /// `applied`, `deleted`, `rejected`, `acknowledged`, …
    pub event_type: String,
    /// Who: a file, a person, a field manager.
    pub actor: Option<String>,
    /// Changed paths, one sentence.
    pub summary: Option<String>,
    /// More, as JSON.
    pub details: Option<serde_json::Value>,
}

/// The last valid version of an object, so that it survives a restart with a broken file.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredObject {
    /// Its identity.
    pub key: ObjectKey,
    /// Its metadata.
    pub meta: Meta,
    /// As written, `apiVersion` to `spec`.
    pub raw: serde_json::Value,
    /// SHA-256 of `raw`'s compact JSON in hex, so that an unchanged object is not written again.
    pub digest: String,
}

/// Engine state of one monitor, opaque to the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StateRow {
    /// Which monitor.
    pub monitor: MonitorId,
    /// Version of the blob's layout.
    pub version: u16,
    /// The blob; an empty one removes the row.
    pub blob: Vec<u8>,
}

/// An arrival of a push monitor, committed before it is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct PushArrival {
    /// Inbox id, 0 until stored.
    pub id: i64,
    /// Which monitor.
    pub monitor: MonitorId,
    /// Store time of the arrival.
    pub at: Timestamp,
    /// Whether the job says it is well.
    pub up: bool,
    /// The job's own words, at most 512 bytes.
    pub message: String,
    /// The job's own latency.
    pub latency: Option<Duration>,
}

/// Everything that is committed together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Results.
    pub heartbeats: Vec<Heartbeat>,
    /// Time line.
    pub intervals: Vec<IntervalWrite>,
    /// Incidents, whole, insert or replace by id.
    pub incidents: Vec<Incident>,
    /// Messages to deliver; a key that exists already is left alone.
    pub outbox: Vec<OutboxRow>,
    /// Messages that are not delivered.
    pub suppressed: Vec<SuppressedRow>,
    /// Engine state.
    pub states: Vec<StateRow>,
    /// Inbox rows that the decision has consumed.
    pub push_consumed: Vec<i64>,
    /// Objects applied.
    pub objects: Vec<StoredObject>,
    /// Objects deleted.
    pub objects_deleted: Vec<ObjectKey>,
    /// Audit.
    pub audit: Vec<AuditEvent>,
    /// Whether it holds a transition: flushed at once and to the disk.
    pub durable: bool,
}

impl Batch {
    /// Appends another batch; durable if one of them is.
    pub fn append(&mut self, mut other: Self) {
        self.heartbeats.append(&mut other.heartbeats);
        self.intervals.append(&mut other.intervals);
        self.incidents.append(&mut other.incidents);
        self.outbox.append(&mut other.outbox);
        self.suppressed.append(&mut other.suppressed);
        self.states.append(&mut other.states);
        self.push_consumed.append(&mut other.push_consumed);
        self.objects.append(&mut other.objects);
        self.objects_deleted.append(&mut other.objects_deleted);
        self.audit.append(&mut other.audit);
        self.durable |= other.durable;
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.heartbeats.is_empty()
            && self.intervals.is_empty()
            && self.incidents.is_empty()
            && self.outbox.is_empty()
            && self.suppressed.is_empty()
            && self.states.is_empty()
            && self.push_consumed.is_empty()
            && self.objects.is_empty()
            && self.objects_deleted.is_empty()
            && self.audit.is_empty()
    }
}

/// Who writes: on SQLite the one holder of the file lock; shards and epochs come with PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fence;

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Rows written.
    pub rows: u64,
    /// Rows refused because their writer had been fenced.
    pub refused: u64,
}

/// Which incidents.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IncidentQuery {
    /// Only of this monitor.
    pub monitor: Option<ObjectName>,
    /// Only open (`Some(true)`) or closed ones.
    pub open: Option<bool>,
    /// Started at or after, or still open then.
    pub from: Option<Timestamp>,
    /// Started before.
    pub to: Option<Timestamp>,
    /// Continue below this id in the order newest first.
    pub before: Option<IncidentId>,
    /// At most so many, newest first.
    pub limit: u32,
}

/// Sums of a time line over a span, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UptimeSums {
    /// Up, degraded included.
    pub up_ms: u64,
    /// Down.
    pub down_ms: u64,
    /// In maintenance.
    pub maintenance_ms: u64,
}

impl UptimeSums {
    /// Share of the known time that was up, 0 to 1; none when nothing is known.
    pub fn ratio(self) -> Option<f64> {
        let known = self.up_ms + self.down_ms;
        (known > 0).then(|| self.up_ms as f64 / known as f64)
    }
}

/// Percentiles of one step of time, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyStep {
    /// Start of the step.
    pub at: Timestamp,
    /// How many results.
    pub count: u64,
    /// Median.
    pub p50_us: f64,
    /// 95th percentile.
    pub p95_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
}

/// A row that a worker may deliver now: the head of its stream, or a whole group.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Identity for receivers: the row's key, or the group's.
    pub key: String,
    /// The rows, at least one; several only for a group.
    pub rows: Vec<OutboxRow>,
    /// An up that was merged into the (first) row's down, if any.
    pub merged_up: Option<Event>,
    /// The bytes frozen by an earlier attempt; they are sent again as they are.
    pub frozen: Option<Vec<u8>>,
    /// Attempts made before this one.
    pub attempts: u32,
    /// Whether an earlier attempt may have arrived (its worker died while sending).
    pub may_be_repeat: bool,
    /// When the first row was enqueued.
    pub created_at: Timestamp,
}

/// How an attempt to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// Arrived.
    Sent,
    /// Not now; again at `at`.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        error: String,
    },
    /// Never.
    Dead {
        /// Why.
        error: String,
    },
}

/// A row of the delivery log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Running number.
    pub id: i64,
    /// The key.
    pub key: String,
    /// The incident, if any.
    pub incident: Option<IncidentId>,
    /// The monitor's public name; empty for messages about ourselves.
    pub monitor: String,
    /// Event kind.
    pub event: String,
    /// The policy's name; empty for a default provider.
    pub policy: String,
    /// The provider's name.
    pub provider: String,
    /// `pending`, `sending`, `sent`, `failed`, `deduped`.
    pub status: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Last error, or why it was not sent.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Which audit events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AuditQuery {
    /// `Monitor` or `Monitor namespace/name`.
    pub resource: Option<String>,
    /// Exactly this actor.
    pub actor: Option<String>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// At most so many, newest first.
    pub limit: u32,
}

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

/// A monitor's latest result, for lists.
#[derive(Debug, Clone, PartialEq)]
pub struct LastResult {
    /// Which monitor.
    pub monitor: MonitorId,
    /// The heartbeat.
    pub heartbeat: Heartbeat,
}

/// Result of a store call.
pub type StoreResult<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Port: history, engine state, outbox, audit (`design/store.md`). One coarse write, typed
/// queries; no transaction is held over an await outside the store.
pub trait Store: Send + Sync {
    /// The surrogates of monitors, assigned on first sight and the same for ever.
    fn intern<'a>(&'a self, names: &'a [ObjectName]) -> StoreResult<'a, Vec<MonitorId>>;

    /// Writes a batch. Routine ones linger up to 250 ms to share a transaction; the future
    /// resolves when it is committed. Callers may drop the future: the batch is written anyway.
    fn commit(&self, batch: Batch, fence: Fence) -> StoreResult<'_, CommitReport>;

    /// Every engine state.
    fn load_states(&self) -> StoreResult<'_, Vec<StateRow>>;

    /// Last valid objects.
    fn load_objects(&self) -> StoreResult<'_, Vec<StoredObject>>;

    /// The newest heartbeat of every monitor that has one.
    fn last_results(&self) -> StoreResult<'_, Vec<LastResult>>;

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

    /// Arrivals that no decision has consumed, oldest first.
    fn pending_pushes(&self) -> StoreResult<'_, Vec<PushArrival>>;

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

    /// Marks rows that were `sending` when the process died as due, and as possible repeats.
    /// Called once at start. Returns how many.
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
