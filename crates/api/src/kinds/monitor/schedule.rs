//! `spec.schedule`: when a monitor runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a monitor runs and when a failure counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSpec {
    /// Seconds from the start of one run to the start of the next. Not less than the settings'
    /// `scheduler.minIntervalSeconds`. Default: `60`.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub interval_seconds: Option<u32>,
    /// Seconds that one attempt may take, at most the interval. Default: the smaller of the
    /// settings' `scheduler.defaultTimeoutSeconds` and the interval.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_seconds: Option<u32>,
    /// Further attempts after a failed one before the monitor is down. Default: `0`.
    #[schemars(range(min = 0, max = 100))]
    pub retries: Option<u32>,
    /// Seconds between those attempts. Default: the smaller of the interval and 20.
    #[schemars(range(min = 1, max = 86_400))]
    pub retry_interval_seconds: Option<u32>,
    /// Seconds to wait before the first run of a new monitor. Default: `0`.
    #[schemars(range(min = 0, max = 86_400))]
    pub initial_delay_seconds: Option<u32>,
    /// Seconds that failures must last before the monitor is down. Default: `0`.
    #[schemars(range(min = 0, max = 86_400))]
    pub grace_down_seconds: Option<u32>,
    /// Successful runs in a row before a monitor that was down is up again. Default: `1`.
    #[schemars(range(min = 1, max = 100))]
    pub recover_after: Option<u32>,
    /// Bound of the offset of each run, in per cent of the interval, so that monitors with the
    /// same interval do not run at the same moment. Default: the settings'
    /// `scheduler.jitterPercent`.
    #[schemars(range(min = 0, max = 50))]
    pub jitter_percent: Option<u32>,
}
