//! `push`: the job tells us; silence is the failure.

use std::time::Duration;

use crate::secret::SecretText;

/// A job that reports by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushCheck {
    /// The token in the job's URL; its only credential.
    pub token: SecretText,
    /// How often a heartbeat is due.
    pub interval: Duration,
    /// How late it may be.
    pub grace: Duration,
}
