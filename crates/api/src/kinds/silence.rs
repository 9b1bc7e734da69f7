//! `Silence`: ad-hoc muting.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, NameSelector, TextMap};
use super::rules::{rules, time_rules};

/// Holds back messages about the monitors that it matches until it expires.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "Silence",
    plural = "silences",
    namespaced,
    status = "SilenceStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "ksil",
    doc = "Holds back messages about the monitors that it matches until it expires.",
    printcolumn(
        name = "Active",
        type_ = "boolean",
        json_path = ".status.isActive",
        description = "Whether it is in force"
    ),
    printcolumn(
        name = "Expires",
        type_ = "string",
        json_path = ".spec.expiresAt",
        description = "Until when"
    ),
    printcolumn(
        name = "Affected",
        type_ = "integer",
        json_path = ".status.affectedCount",
        description = "Monitors that it matches"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".spec.reason",
        description = "Why"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.expiresAt) != has(self.endsAt)",
    "set expiresAt (endsAt is its alias; not both)",
)])))]
pub struct SilenceSpec {
    /// From when on (RFC 3339). Default: at once.
    #[schemars(extend("format" = "date-time", "x-kubernetes-validations" = time_rules()))]
    pub starts_at: Option<String>,
    /// Until when (RFC 3339). Required, here or as `endsAt`.
    #[schemars(extend("format" = "date-time", "x-kubernetes-validations" = time_rules()))]
    pub expires_at: Option<String>,
    /// Alias of `expiresAt`.
    #[schemars(extend("format" = "date-time", "x-kubernetes-validations" = time_rules()))]
    pub ends_at: Option<String>,
    /// Monitors that are silenced. Default: all of the silence's namespace, or all of the
    /// installation for silences in KubeKuma's own namespace.
    #[serde(rename = "match")]
    pub match_: Option<SilenceSelector>,
    /// Why.
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// Who.
    #[schemars(length(max = 253))]
    pub created_by: Option<String>,
}

/// Which monitors are silenced: a selector as everywhere, or its short aliases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.names) || !has(self.matchNames)",
        "names is an alias of matchNames; set only one of them",
    ),
    (
        "!has(self.namespaces) || !has(self.matchNamespaces)",
        "namespaces is an alias of matchNamespaces; set only one of them",
    ),
    (
        "!has(self.labels) || !has(self.matchLabels)",
        "labels is an alias of matchLabels; set only one of them",
    ),
    (
        "!has(self.tags) || !has(self.matchTags)",
        "tags is an alias of matchTags; set only one of them",
    ),
])))]
pub struct SilenceSelector {
    /// Namespaces of which the monitor must be in one. Default: the silence's own namespace, or
    /// all of them for silences in KubeKuma's own namespace.
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub match_namespaces: Option<Vec<String>>,
    /// Labels that the monitor must all have. Default: any.
    #[schemars(extend("maxProperties" = 64))]
    pub match_labels: Option<TextMap>,
    /// Tags of which the monitor must have one. Default: any.
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub match_tags: Option<Vec<String>>,
    /// Names of which the monitor's must match one. Default: any.
    #[schemars(length(max = 100))]
    pub match_names: Option<Vec<NameSelector>>,
    /// Short for `matchNames`: exact names, each `name` or `namespace/name`.
    #[schemars(length(max = 100), inner(length(min = 1, max = 317)), extend("x-kubernetes-list-type" = "set"))]
    pub names: Option<Vec<String>>,
    /// Alias of `matchNamespaces`.
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub namespaces: Option<Vec<String>>,
    /// Alias of `matchLabels`.
    #[schemars(extend("maxProperties" = 64))]
    pub labels: Option<TextMap>,
    /// Alias of `matchTags`.
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub tags: Option<Vec<String>>,
}

/// Whether a silence is in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SilenceStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// Whether it is in force.
    pub is_active: Option<bool>,
    /// When it expires (RFC 3339); it does not count down.
    #[schemars(extend("format" = "date-time"))]
    pub expires_in: Option<String>,
    /// Monitors that it matches.
    pub affected_count: Option<i64>,
}
