//! `retention`: how long history is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// How long history is kept, in days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionSpec {
    /// Latency percentiles by hours or days. Default: `90`.
    #[schemars(range(min = 1, max = 3650))]
    pub heartbeats_days: Option<u32>,
    /// Single results with their evidence, never longer than `heartbeatsDays`. Default: `14`.
    #[schemars(range(min = 1, max = 3650))]
    pub checks_days: Option<u32>,
    /// Closed incidents. Default: `365`.
    #[schemars(range(min = 1, max = 3650))]
    pub incidents_days: Option<u32>,
    /// Audit events. Default: `365`.
    #[schemars(range(min = 1, max = 3650))]
    pub audit_days: Option<u32>,
    /// Silences made by the dashboard or the command line, after they expired; the record of one
    /// that was deleted. Default: `30`.
    #[schemars(range(min = 1, max = 3650))]
    pub silences_days: Option<u32>,
    /// Merging of old latency percentiles.
    pub downsample: Option<DownsampleSpec>,
}

/// Merging of old latency percentiles. They are kept by hours first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.olderThanDays) || !has(self.afterDays)",
        "afterDays is an alias of olderThanDays; set only one of them",
    ),
    (
        "!has(self.bucketMinutes) || !has(self.resolution)",
        "resolution is an alias of bucketMinutes; set only one of them",
    ),
])))]
pub struct DownsampleSpec {
    /// Whether hours are merged; without it they are kept for `heartbeatsDays`. Default: `true`.
    pub enabled: Option<bool>,
    /// Days after which hours are merged. Default: `7`.
    #[schemars(range(min = 1, max = 3650))]
    pub older_than_days: Option<u32>,
    /// Alias of `olderThanDays`.
    #[schemars(range(min = 1, max = 3650))]
    pub after_days: Option<u32>,
    /// Minutes that are merged into one: 1440 is a UTC day, less keeps the hours. Default: `1440`.
    #[schemars(range(min = 1, max = 1440))]
    pub bucket_minutes: Option<u32>,
    /// Alias of `bucketMinutes`: `hourly` is 60, `daily` is 1440.
    pub resolution: Option<DownsampleResolution>,
}

/// Alias of a number of minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum DownsampleResolution {
    /// 60 minutes.
    Hourly,
    /// 1440 minutes.
    Daily,
}
