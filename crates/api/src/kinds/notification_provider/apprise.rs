//! `config.apprise`: Apprise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_of;
use crate::kinds::common::SecretKeyRef;

/// `config.apprise`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("urls", "urlsSecretRef")))]
pub struct AppriseSpec {
    /// Apprise addresses; they hold credentials, so each needs a `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 2048)))]
    pub urls: Option<Vec<String>>,
    /// Secret with the addresses, one in a line.
    pub urls_secret_ref: Option<SecretKeyRef>,
    /// Address of an Apprise API server. Default: the `apprise` program is run.
    #[schemars(length(min = 1, max = 2048))]
    pub api_url: Option<String>,
}
