//! `target.push`: the job tells us; silence is the failure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::kinds::common::SecretKeyRef;

/// A job that reports by itself to `/push/<token>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    ("has(self.tokenSecretRef) != has(self.token)", "set either tokenSecretRef or token"),
    (
        "!has(self.intervalSeconds) || !has(self.interval)",
        "interval is an alias of intervalSeconds; set only one of them",
    ),
    (
        "!has(self.graceSeconds) || !has(self.grace)",
        "grace is an alias of graceSeconds; set only one of them",
    ),
])))]
pub struct PushTarget {
    /// Secret with the token in the job's address.
    pub token_secret_ref: Option<SecretKeyRef>,
    /// The token itself, readable to everybody who may read the monitor; better
    /// `tokenSecretRef`.
    #[schemars(length(min = 1, max = 256))]
    pub token: Option<String>,
    /// Seconds within which a report is due. Default: `schedule.intervalSeconds`.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub interval_seconds: Option<u32>,
    /// Alias of `intervalSeconds`.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub interval: Option<u32>,
    /// Seconds that a report may be late. Default: `0`.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub grace_seconds: Option<u32>,
    /// Alias of `graceSeconds`.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub grace: Option<u32>,
}
