//! `scheduler`: how checks are run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// How checks are run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulerSpec {
    /// Shortest interval that a monitor may have, in seconds. Default: `10`.
    #[schemars(range(min = 1, max = 86_400))]
    pub min_interval_seconds: Option<u32>,
    /// Network checks that run at once. Default: a quarter of the open files that are allowed,
    /// at most 16384.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_concurrent_net_checks: Option<u32>,
    /// Checks with special rights (ICMP) that run at once. Default: `256`.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_concurrent_priv_checks: Option<u32>,
    /// Checks of one host that run at once. Default: `8`.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_per_host: Option<u32>,
    /// Seconds that an attempt may take where the monitor says nothing. Default: `30`.
    #[schemars(range(min = 1, max = 86_400))]
    pub default_timeout_seconds: Option<u32>,
    /// Bound of the offset of each run, in per cent of the interval. Default: `10`.
    #[schemars(range(min = 0, max = 50))]
    pub jitter_percent: Option<u32>,
    /// When a state changes too often.
    pub flapping: Option<FlappingSpec>,
}

/// When a state changes too often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.toggleThreshold) || !has(self.threshold)",
    "threshold is an alias of toggleThreshold; set only one of them",
)])))]
pub struct FlappingSpec {
    /// Whether that is looked for. Default: `true`.
    pub enabled: Option<bool>,
    /// Minutes that are looked back. Default: `10`.
    #[schemars(range(min = 1, max = 1440))]
    pub window_minutes: Option<u32>,
    /// How many changes are too many. Default: `6`.
    #[schemars(range(min = 2, max = 1000))]
    pub toggle_threshold: Option<u32>,
    /// Alias of `toggleThreshold`.
    #[schemars(range(min = 2, max = 1000))]
    pub threshold: Option<u32>,
    /// Minutes for which messages are quiet at most. Default: `30`.
    #[schemars(range(min = 0, max = 10_080))]
    pub suppress_notifications_minutes: Option<u32>,
}
