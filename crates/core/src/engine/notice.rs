//! What the verdict half tells the announcing half.

use serde::{Deserialize, Serialize};

use crate::id::IncidentId;
use crate::observation::Certificate;
use crate::reason::Reason;
use crate::state::MonitorState;
use crate::time::Timestamp;

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Closing {
    /// The target answers again.
    Recovered,
    /// The monitor was disabled: "no longer monitored".
    Paused,
    /// The monitor was deleted: "no longer monitored".
    Deleted,
}

/// The facts of the deciding attempt, for messages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Reason code, if it was no success.
    pub reason: Option<Reason>,
    /// One sentence.
    pub message: String,
    /// Whole milliseconds.
    pub latency_ms: Option<u32>,
    /// Attempts of the run.
    pub attempts: u32,
}

/// One thing that happened to a monitor.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// First failure of a monitor that was well: its parents should run now.
    FirstFailure {
        /// End of the failed attempt.
        at: Timestamp,
    },
    /// The failure did not last.
    FailureOver,
    /// Confirmed down.
    Opened {
        /// The incident.
        incident: IncidentId,
        /// End of the first failed attempt.
        started_at: Timestamp,
        /// State before.
        previous: MonitorState,
        /// The deciding attempt.
        facts: Facts,
    },
    /// The latest incident is open again because the monitor flaps.
    Reopened {
        /// The incident.
        incident: IncidentId,
        /// When.
        at: Timestamp,
        /// The deciding attempt.
        facts: Facts,
    },
    /// Over.
    Closed {
        /// The incident.
        incident: IncidentId,
        /// Its start.
        started_at: Timestamp,
        /// Its end.
        ended_at: Timestamp,
        /// How.
        closing: Closing,
        /// State after.
        now: MonitorState,
        /// The deciding attempt.
        facts: Facts,
    },
    /// Changes too often; messages are quiet until [`Notice::FlappingOver`].
    FlappingStarted {
        /// The incident that toggles are appended to.
        incident: IncidentId,
        /// When.
        at: Timestamp,
        /// How many toggles within the window.
        toggles: u32,
        /// Messages are quiet until then at the latest.
        quiet_until: Timestamp,
    },
    /// Stable again, quiet long enough, or down for good: the difference between what was told
    /// and what is so is told now.
    FlappingOver,
    /// Slow, or with a certificate about to expire.
    BecameDegraded {
        /// When.
        at: Timestamp,
        /// The deciding attempt.
        facts: Facts,
    },
    /// Fast again.
    DegradedOver {
        /// When.
        at: Timestamp,
    },
    /// No verdict for so long that people should know.
    BecameUnknown {
        /// When.
        at: Timestamp,
        /// State before.
        previous: MonitorState,
        /// The last attempt.
        facts: Facts,
    },
    /// A verdict again.
    UnknownOver {
        /// When.
        at: Timestamp,
    },
    /// The certificate a success or failure showed, whenever one was seen.
    CertificateSeen {
        /// It.
        certificate: Box<Certificate>,
    },
}
