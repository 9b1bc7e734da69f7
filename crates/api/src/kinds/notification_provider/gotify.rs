//! `config.gotify`: Gotify servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{both, one_of};
use crate::kinds::common::SecretKeyRef;

/// `config.gotify`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = both(
    &one_of("url", "urlSecretRef"),
    &one_of("tokenSecretRef", "token"),
)))]
pub struct GotifySpec {
    /// Address of the server.
    #[schemars(length(min = 1, max = 2048))]
    pub url: Option<String>,
    /// Secret with the address.
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Secret with the application's token.
    pub token_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub token: Option<String>,
    /// Priority of messages. Default: `8` for outages, `4` for the rest.
    #[schemars(range(min = 0, max = 10))]
    pub priority: Option<i32>,
}
