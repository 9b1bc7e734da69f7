//! `spec.alerting`: who is told about a monitor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::common::LocalRef;

/// Who is told, and of what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertingSpec {
    /// A NotificationPolicy of the same namespace that applies whatever its selector says.
    pub policy_ref: Option<LocalRef>,
    /// Minutes after which an open, unacknowledged incident is announced again; `0` is never.
    /// Wins over the policy's. Default: the policy's.
    #[schemars(range(min = 0, max = 43_200))]
    pub resend_interval_minutes: Option<u32>,
    /// Events that may be announced; an event must pass this list and the policy's triggers.
    /// Default: `[down, up, flapping, certExpiring]`.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub notify_on: Option<Vec<NotifyEvent>>,
}

/// An event that a monitor may announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum NotifyEvent {
    /// An outage is confirmed.
    Down,
    /// It is over.
    Up,
    /// The state changes too often.
    Flapping,
    /// A certificate expires soon.
    CertExpiring,
    /// The target is slow.
    Degraded,
}
