//! `KubeKumaSettings`: the one settings object, named `kubekuma`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, SecretKeyRef};
use super::rules::rules;

mod auth;
mod discovered;
mod networking;
mod public;
mod retention;
mod scheduler;

pub use auth::{
    ApiKeysSpec, AuthModeSpec, AuthSpec, LocalAuthSpec, MfaRequirement, OidcSpec, RoleMappingSpec,
    RoleSpec,
};
pub use discovered::{DiscoveryStatus, SuggestionStatus};
pub use networking::{
    DnsSettingsSpec, EgressSpec, NetworkingSpec, PingModeSpec, PingSettingsSpec, SelfCheckSpec,
};
pub use public::{
    DiscoveryBehaviorSpec, DiscoverySource, DiscoverySourceType, DiscoverySpec, MetricsAuthMode,
    MetricsSpec, ProbeEndpointSpec, PublicEndpointsSpec,
};
pub use retention::{DownsampleResolution, DownsampleSpec, RetentionSpec};
pub use scheduler::{FlappingSpec, SchedulerSpec};

/// Everything that is set for the whole installation.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "KubeKumaSettings",
    plural = "kubekumasettings",
    status = "KubeKumaSettingsStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kset",
    doc = "Everything that is set for the whole installation; only the object named kubekuma is read.",
    printcolumn(
        name = "Valid",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Valid\")].status",
        description = "Whether it is in force; if not, the last valid one is"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct KubeKumaSettingsSpec {
    /// How the installation is run.
    pub mode: Option<ModeSpec>,
    /// How namespaces are kept apart.
    pub tenancy: Option<TenancySpec>,
    /// How people and programs sign in.
    pub auth: Option<AuthSpec>,
    /// How checks are run.
    pub scheduler: Option<SchedulerSpec>,
    /// How long history is kept.
    pub retention: Option<RetentionSpec>,
    /// How the network is used.
    pub networking: Option<NetworkingSpec>,
    /// What is served without signing in.
    pub public_endpoints: Option<PublicEndpointsSpec>,
    /// What is looked for in the cluster.
    pub discovery: Option<DiscoverySpec>,
    /// How uptime is counted.
    pub uptime: Option<UptimeSpec>,
    /// Secret with an outside address that is pinged while KubeKuma is well, so that somebody
    /// else notices when it is not. Default: none.
    pub heartbeat_url_secret_ref: Option<SecretKeyRef>,
}

/// How the installation is run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModeSpec {
    /// Whether changes through the API are refused, because objects come from a repository.
    /// Default: `false`.
    pub git_ops_read_only: Option<bool>,
    /// Whether one instance is active and others stand by. Default: `true`.
    pub single_instance_required: Option<bool>,
}

/// How namespaces are kept apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenancySpec {
    /// Whether references to other namespaces need their grant, and every Secret its label.
    /// Default: `false`.
    pub isolated: Option<bool>,
}

/// How uptime is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UptimeSpec {
    /// Whether time in maintenance counts. Default: `false`.
    pub count_maintenance: Option<bool>,
}

/// Whether the settings are in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeKumaSettingsStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// When they were last looked at (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_validation: Option<String>,
    /// What is wrong with them.
    #[schemars(length(max = 100), inner(length(max = 1024)))]
    pub errors: Option<Vec<String>>,
    /// What discovery finds.
    pub discovery: Option<DiscoveryStatus>,
}
