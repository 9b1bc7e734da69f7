//! Questions to the store and their answers.

use super::Heartbeat;
use crate::id::{IncidentId, MonitorId, ObjectName};
use crate::time::Timestamp;

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

/// A monitor's latest result, for lists.
#[derive(Debug, Clone, PartialEq)]
pub struct LastResult {
    /// Which monitor.
    pub monitor: MonitorId,
    /// The heartbeat.
    pub heartbeat: Heartbeat,
}
