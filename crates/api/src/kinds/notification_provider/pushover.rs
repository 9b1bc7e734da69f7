//! `config.pushover`: Pushover.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{both, one_of};
use crate::kinds::common::SecretKeyRef;
use crate::kinds::rules::rules;

/// `config.pushover`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = both(
    &both(&one_of("userKeySecretRef", "userKey"), &one_of("apiTokenSecretRef", "apiToken")),
    &rules(&[(
        "!has(self.priority) || self.priority != 2 || (has(self.retry) && has(self.expire))",
        "priority 2 needs retry and expire",
    )]),
)))]
pub struct PushoverSpec {
    /// Secret with the user's or group's key.
    pub user_key_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub user_key: Option<String>,
    /// Secret with the application's token.
    pub api_token_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub api_token: Option<String>,
    /// Priority, -2 to 2. Default: `1` for outages, `0` for the rest.
    #[schemars(range(min = -2, max = 2))]
    pub priority: Option<i32>,
    /// Sound. Default: the user's.
    #[schemars(length(min = 1, max = 64))]
    pub sound: Option<String>,
    /// Device. Default: all of the user's.
    #[schemars(length(min = 1, max = 64))]
    pub device: Option<String>,
    /// Seconds between repeats at priority 2.
    #[schemars(range(min = 30, max = 10_800))]
    pub retry: Option<i32>,
    /// Seconds after which repeats end at priority 2.
    #[schemars(range(min = 30, max = 10_800))]
    pub expire: Option<i32>,
    /// Address of the API. Default: `https://api.pushover.net`.
    #[schemars(length(min = 1, max = 2048))]
    pub api_base_url: Option<String>,
}
