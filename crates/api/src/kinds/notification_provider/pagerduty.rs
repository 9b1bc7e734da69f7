//! `config.pagerduty`: PagerDuty.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_of;
use crate::kinds::common::SecretKeyRef;

/// `config.pagerduty`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("routingKeySecretRef", "routingKey")))]
pub struct PagerdutySpec {
    /// Secret with the integration's routing key.
    pub routing_key_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub routing_key: Option<String>,
    /// Severity of outages. Default: `critical`.
    pub severity: Option<PagerdutySeverity>,
    /// Address of the Events API; accounts of the EU region have
    /// `https://events.eu.pagerduty.com`. Default: `https://events.pagerduty.com`.
    #[schemars(length(min = 1, max = 2048))]
    pub api_base_url: Option<String>,
}

/// Severity of an event at PagerDuty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum PagerdutySeverity {
    /// Critical.
    Critical,
    /// Error.
    Error,
    /// Warning.
    Warning,
    /// Info.
    Info,
}
