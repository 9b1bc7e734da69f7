//! `config.webhook`: any HTTP server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_of;
use crate::kinds::common::{HeaderFrom, SecretKeyRef, TextMap};

/// `config.webhook`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("url", "urlSecretRef")))]
pub struct WebhookSpec {
    /// Address. May hold `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: Option<String>,
    /// Secret with the address.
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Request method. Default: `POST`.
    pub method: Option<WebhookMethod>,
    /// Headers to send. Values may hold `${SECRET:name:key}`.
    #[schemars(extend("maxProperties" = 64))]
    pub headers: Option<TextMap>,
    /// Headers whose values come from Secrets.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers_from: Option<Vec<HeaderFrom>>,
    /// Template of the body. Default: the documented JSON.
    #[schemars(length(min = 1, max = 65_536))]
    pub body_template: Option<String>,
    /// Secret with the key for signatures as Standard Webhooks has them. Default: unsigned.
    pub signing_secret_ref: Option<SecretKeyRef>,
}

/// Method of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum WebhookMethod {
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// GET, without a body.
    Get,
}
