//! `config.apprise`: Apprise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::common::SecretKeyRef;
use crate::kinds::rules::rules;

/// `config.apprise`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    ("!has(self.urls) || !has(self.urlsSecretRef)", "set only one of urls and urlsSecretRef"),
    (
        "has(self.urls) || has(self.urlsSecretRef) || has(self.apiUrl)",
        "set urls or urlsSecretRef, or an apiUrl that ends in /notify/<key>",
    ),
])))]
pub struct AppriseSpec {
    /// Apprise addresses; they hold credentials, so each needs a `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 2048)))]
    pub urls: Option<Vec<String>>,
    /// Secret with the addresses, one in a line.
    pub urls_secret_ref: Option<SecretKeyRef>,
    /// Address of an Apprise API server. Without addresses it ends in `/notify/<key>`, under which
    /// the server has them. Default: the `apprise` program is run.
    #[schemars(length(min = 1, max = 2048))]
    pub api_url: Option<String>,
}
