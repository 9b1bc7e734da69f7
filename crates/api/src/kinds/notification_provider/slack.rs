//! `config.slack`: Slack incoming webhooks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_of;
use crate::kinds::common::SecretKeyRef;

/// `config.slack`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("webhookUrlSecretRef", "webhookUrl")))]
pub struct SlackSpec {
    /// Secret with the incoming webhook's address.
    pub webhook_url_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub webhook_url: Option<String>,
    /// Channel instead of the webhook's own, where Slack allows it. Default: the webhook's.
    #[schemars(length(min = 1, max = 256))]
    pub channel: Option<String>,
    /// Sender that is shown. Default: the webhook's.
    #[schemars(length(min = 1, max = 256))]
    pub username: Option<String>,
    /// Icon as `:name:`. Default: the webhook's.
    #[schemars(length(min = 1, max = 256))]
    pub icon_emoji: Option<String>,
}
