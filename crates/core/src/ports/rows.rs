//! Rows of history, engine state, configuration and audit.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    pub raw: crate::object::RawObject,
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
