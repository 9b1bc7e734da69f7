//! `publicEndpoints` and `discovery`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::kinds::common::SecretKeyRef;

/// What is served without signing in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicEndpointsSpec {
    /// Whether status pages are. Default: `true`.
    pub status_pages_enabled: Option<bool>,
    /// Whether badges are. Default: `true`.
    pub badges_enabled: Option<bool>,
    /// Metrics for Prometheus.
    pub metrics: Option<MetricsSpec>,
    /// Probes on demand.
    pub probe: Option<ProbeEndpointSpec>,
}

/// Metrics for Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.authMode) || self.authMode != 'basic' || has(self.basicAuthSecretRef)",
    "authMode basic needs basicAuthSecretRef",
)])))]
pub struct MetricsSpec {
    /// Whether they are served. Default: `true`.
    pub enabled: Option<bool>,
    /// Path. Default: `/metrics`.
    #[schemars(length(min = 1, max = 256), regex(pattern = "^/[A-Za-z0-9._~/-]*$"))]
    pub path: Option<String>,
    /// Who may read them. Default: `open`.
    pub auth_mode: Option<MetricsAuthMode>,
    /// Secret with `username:password`, for authMode basic.
    pub basic_auth_secret_ref: Option<SecretKeyRef>,
    /// Whether Uptime Kuma's metric names are served too. Default: `false`.
    pub uptime_kuma_names: Option<bool>,
}

/// Who may read metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum MetricsAuthMode {
    /// Everybody.
    Open,
    /// Whoever knows user name and password.
    Basic,
    /// Whoever has a key with the scope `metrics:read`.
    ApiKey,
}

/// Probes on demand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeEndpointSpec {
    /// Whether targets may be asked that no monitor names. Default: `false`.
    pub free_targets: Option<bool>,
}

/// What is looked for in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiscoverySpec {
    /// Whether anything is. Default: `false`.
    pub enabled: Option<bool>,
    /// Where. Default: nowhere.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub sources: Option<Vec<DiscoverySource>>,
    /// What is done with what is found.
    pub behavior: Option<DiscoveryBehaviorSpec>,
}

/// Where targets are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiscoverySource {
    /// Kind of object.
    #[serde(rename = "type")]
    pub type_: DiscoverySourceType,
}

/// Kind of object that targets are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum DiscoverySourceType {
    /// Ingress.
    Ingress,
    /// Gateway API routes.
    GatewayApi,
    /// Service.
    Service,
}

/// What is done with what is found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiscoveryBehaviorSpec {
    /// Whether suggestions are shown. Default: `true`.
    pub show_suggestions_in_ui: Option<bool>,
    /// Whether Monitors are created. Default: `false`.
    pub write_crds: Option<bool>,
    /// Path of suggested HTTP checks. Default: `/healthz`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^/"))]
    pub default_health_path: Option<String>,
}
