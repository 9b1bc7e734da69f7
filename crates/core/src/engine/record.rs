//! What is kept of one monitor, and how it is stored.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::announce::AnnounceState;
use super::verdict::VerdictState;
use crate::id::{MonitorId, ObjectName};
use crate::ports::StateRow;
use crate::state::MonitorState;
use crate::time::Timestamp;

/// Version of the stored form; a row of another version is not read.
pub const STATE_VERSION: u16 = 1;

/// Both halves' state of one monitor.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MonitorRecord {
    /// Its public name, for when it is gone from the catalog.
    pub name: Option<ObjectName>,
    /// What attempts mean.
    pub verdict: VerdictState,
    /// What people were told.
    pub announce: AnnounceState,
    /// What the incident's row says beside the verdict.
    #[serde(default)]
    pub(super) mark: Mark,
    /// Start of the attempt that led to the latest verdict.
    #[serde(skip)]
    pub(super) verdict_begun: Option<Timestamp>,
    /// When to look again.
    #[serde(skip)]
    pub(super) wake: Option<Timestamp>,
    /// When a maintenance window that pauses checks begins or ends next.
    #[serde(skip)]
    pub(super) boundary: Option<Timestamp>,
}

/// What the announcing half adds to the incident's row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) suppressed_by: Option<String>,
    pub(super) acknowledged: Option<(Timestamp, String)>,
}

/// Why a stored state cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadState {
    /// Written by another version.
    #[error("engine state has version {found}, this program reads {STATE_VERSION}")]
    Version {
        /// The version found.
        found: u16,
    },
    /// Not what it should be.
    #[error("engine state cannot be read: {0}")]
    Damaged(String),
}

impl MonitorRecord {
    /// The state as people see it.
    pub fn state(&self) -> MonitorState {
        self.verdict.shown()
    }

    /// Since when it is in that state, as far as it is known.
    pub fn since(&self) -> Option<Timestamp> {
        self.verdict.shown_since()
    }

    /// The row to store.
    pub fn encode(&self, monitor: MonitorId) -> StateRow {
        StateRow {
            monitor,
            version: STATE_VERSION,
            // Every field of a record is plain data that has a JSON form.
            blob: serde_json::to_vec(self).unwrap_or_default(),
        }
    }

    /// Reads a row back.
    pub fn decode(row: &StateRow) -> Result<Self, BadState> {
        if row.version != STATE_VERSION {
            return Err(BadState::Version { found: row.version });
        }
        serde_json::from_slice(&row.blob).map_err(|error| BadState::Damaged(error.to_string()))
    }

    /// Moves every remembered instant, after the wall clock jumped by `by`.
    pub fn rebase(&mut self, by: SignedDuration) {
        self.verdict.rebase(by);
        self.announce.rebase(by);
        for at in [&mut self.verdict_begun, &mut self.wake] {
            *at = at.map(|at| at.checked_add(by).unwrap_or(at));
        }
    }

    /// The earlier of the two instants at which the monitor must be looked at.
    pub(super) fn next(&self) -> Option<Timestamp> {
        [self.wake, self.boundary].into_iter().flatten().min()
    }
}
