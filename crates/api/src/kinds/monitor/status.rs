//! `status` of a Monitor, written on transitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::common::Condition;

/// What KubeKuma last wrote about a monitor; live values are in the API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitorStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// The result that led to the present state.
    pub last_result: Option<LastResult>,
    /// Share of the known time in which the target was up.
    pub uptime: Option<UptimeStatus>,
    /// The target's certificate.
    pub cert: Option<CertStatus>,
    /// When the next run is due, as of the write (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub next_run_at: Option<String>,
}

/// A result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastResult {
    /// `up`, `down`, `pending`, `flapping`, `paused`, `maintenance`, `degraded` or `unknown`.
    #[schemars(length(max = 32))]
    pub state: Option<String>,
    /// Since when the monitor is in that state (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub since: Option<String>,
    /// Latency in milliseconds.
    pub latency_ms: Option<i64>,
    /// When the check ended (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub checked_at: Option<String>,
    /// Attempts that the run took.
    pub attempts: Option<i64>,
    /// Stable reason code.
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// The reason in words.
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// Uptime in per cent with two decimals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UptimeStatus {
    /// Of the last hour.
    pub last1h: Option<f64>,
    /// Of the last 24 hours.
    pub last24h: Option<f64>,
    /// Of the last 7 days.
    pub last7d: Option<f64>,
    /// Of the last 30 days.
    pub last30d: Option<f64>,
}

/// A certificate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertStatus {
    /// When it expires (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
    /// Whole days until then, as of the write.
    pub days_until_expiry: Option<i64>,
    /// Alias of `daysUntilExpiry`.
    pub days_remaining: Option<i64>,
    /// Whether it is valid for the target now.
    pub valid: Option<bool>,
    /// Who issued it.
    #[schemars(length(max = 1024))]
    pub issuer: Option<String>,
    /// Whose it is.
    #[schemars(length(max = 1024))]
    pub subject: Option<String>,
}
