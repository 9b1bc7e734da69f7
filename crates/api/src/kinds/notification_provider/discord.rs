//! `config.discord`: Discord webhooks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_of;
use crate::kinds::common::SecretKeyRef;

/// `config.discord`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("webhookUrlSecretRef", "webhookUrl")))]
pub struct DiscordSpec {
    /// Secret with the webhook's address.
    pub webhook_url_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub webhook_url: Option<String>,
    /// Sender that is shown. Default: the webhook's.
    #[schemars(length(min = 1, max = 80))]
    pub username: Option<String>,
    /// Address of the sender's picture. Default: the webhook's.
    #[schemars(length(min = 1, max = 2048))]
    pub avatar_url: Option<String>,
    /// Thread to write to. Default: the channel itself.
    #[schemars(length(min = 1, max = 64))]
    pub thread_id: Option<String>,
}
