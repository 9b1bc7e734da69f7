//! One coarse write: everything that is committed together.

use std::sync::Arc;

use super::{
    AuditEvent, Heartbeat, Incident, IntervalWrite, OutboxRow, StateRow, StoredObject,
    SuppressedRow,
};
use crate::id::ObjectKey;
use crate::shard::Held;

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

/// In whose name a batch is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fence {
    /// By the one process that has the store to itself: on SQLite the lock of its file says so. A
    /// shared store takes it only while no member lives (imports, tests).
    Exclusive,
    /// By a member of a shared store. Rows about monitors whose shard it does not hold under the
    /// epoch it names are refused, and so are rows of the coordinator (objects, audit) without the
    /// coordinator's shard, and everything once the member has expired by the store's clock.
    Held(Arc<Held>),
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Rows written.
    pub rows: u64,
    /// Rows refused because their writer had been fenced.
    pub refused: u64,
}
