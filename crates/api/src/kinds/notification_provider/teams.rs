//! `config.teams`: Microsoft Teams workflows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_of;
use crate::kinds::common::SecretKeyRef;

/// `config.teams`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("webhookUrlSecretRef", "webhookUrl")))]
pub struct TeamsSpec {
    /// Secret with the workflow's address.
    pub webhook_url_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub webhook_url: Option<String>,
}
