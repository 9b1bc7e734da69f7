//! `NotificationPolicy`: who is told what.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{BasicStatus, MonitorSelector, RefEntry};

/// Which events of which monitors go to whom.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "NotificationPolicy",
    plural = "notificationpolicies",
    namespaced,
    status = "BasicStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kpol",
    doc = "Which events of which monitors go to whom.",
    printcolumn(
        name = "Priority",
        type_ = "integer",
        json_path = ".spec.priority",
        description = "Lower comes first; 50 if empty"
    ),
    printcolumn(
        name = "Providers",
        type_ = "string",
        json_path = ".spec.routing.providers[*].ref.name",
        description = "Who is told"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether it is in force with all its providers"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct NotificationPolicySpec {
    /// Order among policies, lower first. Default: `50`.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub priority: Option<i32>,
    /// Monitors that the policy is for. Default: all of the policy's namespace, or all of the
    /// installation for policies in KubeKuma's own namespace.
    #[serde(rename = "match")]
    pub match_: Option<MonitorSelector>,
    /// Events that are announced.
    pub triggers: Option<TriggersSpec>,
    /// Who is told, and how often.
    pub routing: Option<RoutingSpec>,
    /// Own wording.
    pub formatting: Option<FormattingSpec>,
}

/// Events that are announced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggersSpec {
    /// Confirmed outages. Default: `true`.
    pub on_down: Option<bool>,
    /// Their end. Default: `true`.
    pub on_up: Option<bool>,
    /// A state that changes too often. Default: `true`.
    pub on_flapping: Option<bool>,
    /// Slow targets and certificates near their end. Default: `false`.
    pub on_degraded: Option<bool>,
    /// Our own trouble: nothing is known about the target. Default: `true`.
    pub on_unknown: Option<bool>,
    /// Certificates that expire soon.
    pub on_cert_expiring: Option<CertTriggerSpec>,
}

/// Certificates that expire soon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertTriggerSpec {
    /// Whether they are announced. Default: `true`.
    pub enabled: Option<bool>,
    /// Days before expiry. Default: `14`, unless `thresholds` is set.
    #[schemars(range(min = 0, max = 3650))]
    pub days_threshold: Option<u32>,
    /// More such thresholds, each announced once. Default: none.
    #[schemars(length(max = 16), inner(range(min = 0, max = 3650)), extend("x-kubernetes-list-type" = "set"))]
    pub thresholds: Option<Vec<u32>>,
}

/// Who is told, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoutingSpec {
    /// Who is told.
    #[schemars(length(max = 50))]
    pub providers: Option<Vec<RefEntry>>,
    /// Whether later policies are looked at too. Default: `true`.
    #[serde(rename = "continue")]
    pub continue_: Option<bool>,
    /// Holding back of what was just said.
    pub dedupe: Option<DedupeSpec>,
    /// Least time between messages about one monitor.
    pub rate_limit: Option<RateLimitSpec>,
    /// Repeats while an incident is open and unacknowledged.
    pub resend: Option<ResendSpec>,
    /// What messages that travel together have in common: `namespace`, `name`, `type`, `reason`
    /// or `label:<name>`. Default: every message travels alone.
    #[schemars(length(max = 8), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub group_by: Option<Vec<String>>,
    /// Seconds for which a group gathers. Default: `30`.
    #[schemars(range(min = 0, max = 3600))]
    pub group_wait_seconds: Option<u32>,
    /// Who else is told if nobody acknowledges. Default: nobody.
    #[schemars(length(max = 16))]
    pub escalation: Option<Vec<EscalationSpec>>,
    /// Who is told when a provider fails for good. Default: nobody.
    #[schemars(length(max = 16))]
    pub fallback_providers: Option<Vec<RefEntry>>,
}

/// Holding back of what was just said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DedupeSpec {
    /// Template of the key; events with the same key, event and incident are the same.
    /// Default: `{{ .monitorId }}`.
    #[schemars(length(min = 1, max = 1024))]
    pub key: Option<String>,
    /// Minutes for which the same is held back; `0` is not at all. Default: `0`.
    #[schemars(range(min = 0, max = 43_200))]
    pub window_minutes: Option<u32>,
}

/// Least time between messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitSpec {
    /// Minutes between messages about one monitor; `0` is no limit. Default: `0`.
    #[schemars(range(min = 0, max = 43_200))]
    pub min_minutes_between_alerts: Option<u32>,
}

/// Repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResendSpec {
    /// Minutes between repeats; `0` is never. Default: `0`.
    #[schemars(range(min = 0, max = 43_200))]
    pub resend_interval_minutes: Option<u32>,
}

/// One step of an escalation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EscalationSpec {
    /// Minutes after the outage was announced.
    #[schemars(range(min = 1, max = 43_200))]
    pub after_minutes: u32,
    /// Who is told then.
    #[schemars(length(min = 1, max = 50))]
    pub providers: Vec<RefEntry>,
}

/// Own wording, with `{{ .name }}` and `{{ .name | filter }}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FormattingSpec {
    /// Template of the title. Default: state and monitor.
    #[schemars(length(min = 1, max = 4096))]
    pub title_template: Option<String>,
    /// Template of the body. Default: what happened, since when and why.
    #[schemars(length(min = 1, max = 65_536))]
    pub body_template: Option<String>,
}
