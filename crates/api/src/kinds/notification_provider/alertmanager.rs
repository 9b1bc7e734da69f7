//! `config.alertmanager`: Prometheus Alertmanager.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_of;
use crate::kinds::common::{SecretKeyRef, TextMap};

/// `config.alertmanager`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("url", "urlSecretRef")))]
pub struct AlertmanagerSpec {
    /// Address of the Alertmanager (API version 2).
    #[schemars(length(min = 1, max = 2048))]
    pub url: Option<String>,
    /// Secret with the address.
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Labels added to every alert. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    pub labels: Option<TextMap>,
}
