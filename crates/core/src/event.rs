//! What people are told about: structured events, rendered only when they are delivered.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{IncidentId, ObjectName};
use crate::state::MonitorState;
use crate::time::Timestamp;

/// The kinds of events (`engine.md`, who hears what).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// An incident was confirmed.
    Down,
    /// It is over.
    Up,
    /// It was closed without recovery: paused or deleted, "no longer monitored".
    Closed,
    /// Slow or with an expiring certificate.
    Degraded,
    /// Changes too often.
    Flapping,
    /// We cannot tell: our own trouble.
    Unknown,
    /// A certificate passed a threshold.
    CertExpiring,
    /// Still down.
    Resend,
    /// Still down and nobody acknowledged it.
    Escalation,
    /// So much failed at once that it may be our own fault (own-fault guard).
    MassOutage,
    /// Trouble of our own, for the system provider; with an end, that it is over.
    OwnTrouble,
    /// Asked for by a person.
    Test,
}

impl EventKind {
    /// The stable name, in metrics, keys and payloads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::Closed => "closed",
            Self::Degraded => "degraded",
            Self::Flapping => "flapping",
            Self::Unknown => "unknown",
            Self::CertExpiring => "certExpiring",
            Self::Resend => "resend",
            Self::Escalation => "escalation",
            Self::MassOutage => "massOutage",
            Self::OwnTrouble => "ownTrouble",
            Self::Test => "test",
        }
    }

    /// Whether the event ends something that was told.
    pub const fn is_recovery(self) -> bool {
        matches!(self, Self::Up | Self::Closed)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing to tell: everything that a template or a provider may show, as plain data. Stored
/// in the outbox as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The monitor.
    pub monitor: ObjectName,
    /// The type of its check.
    pub check_type: String,
    /// What is checked, without credentials.
    pub target: String,
    /// The incident, if the event belongs to one.
    pub incident: Option<IncidentId>,
    /// The state before.
    pub previous_state: MonitorState,
    /// The state now.
    pub current_state: MonitorState,
    /// Reason code, if any.
    pub reason: Option<String>,
    /// One sentence, if any.
    pub message: Option<String>,
    /// Latency of the deciding attempt in whole milliseconds.
    pub latency_ms: Option<u32>,
    /// When it happened: the true start of an outage, the true end of one.
    pub at: Timestamp,
    /// Start of the incident.
    pub started_at: Option<Timestamp>,
    /// End of the incident.
    pub ended_at: Option<Timestamp>,
    /// The monitor's labels.
    pub labels: BTreeMap<String, String>,
    /// The monitor's `spec.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Days until the certificate expires, for `certExpiring`.
    pub cert_days: Option<i64>,
    /// Attempts that the deciding run took.
    pub attempts: u32,
    /// Why this is told now (a hold that ended, a resend, an escalation step), as one sentence.
    pub note: Option<String>,
}

impl Event {
    /// How long the incident has lasted, or lasted, at `now`.
    pub fn duration(&self, now: Timestamp) -> Option<std::time::Duration> {
        let from = self.started_at?;
        Some(crate::time::between(from, self.ended_at.unwrap_or(now)))
    }
}
