//! `Monitor`: a single check.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::ObjectRef;
use super::rules::rules;

mod alerting;
mod criteria;
mod dns;
mod docker;
mod group;
mod grpc;
mod http;
mod kubernetes;
mod ping;
mod push;
mod schedule;
mod status;
mod steam;
mod target;
mod tcp;
mod tls;
mod websocket;

pub use alerting::{AlertingSpec, NotifyEvent};
pub use criteria::{
    CriteriaSpec, DnsCriteria, HeaderMatchSpec, HttpCriteriaSpec, JsonCriteria, KeywordCriteria,
    LatencyCriteria, TcpCriteria, WebsocketCriteria,
};
pub use dns::{DnsMatch, DnsProtocolSpec, DnsTarget, RcodeSpec, RecordTypeSpec};
pub use docker::DockerTarget;
pub use group::{GroupRuleSpec, GroupTarget};
pub use grpc::GrpcTarget;
pub use http::{
    BasicAuthSpec, ClientAuthenticationSpec, HttpAuthSpec, HttpRequest, HttpTarget,
    HttpVersionSpec, JsonOperatorSpec, JsonQueryTarget, KeywordTarget, OAuth2Spec, ProxyMode,
    ProxySpec,
};
pub use kubernetes::{KubernetesCheckSpec, KubernetesCheckType, KubernetesTarget};
pub use ping::PingTarget;
pub use push::PushTarget;
pub use schedule::ScheduleSpec;
pub use status::{CertStatus, LastResult, MonitorStatus, UptimeStatus};
pub use steam::SteamTarget;
pub use target::{MonitorType, TargetSpec};
pub use tcp::{TcpTarget, TcpTlsSpec};
pub use tls::{IpFamilySpec, StarttlsProtocol, TlsSpec, TlsTarget, TlsVersionSpec};
pub use websocket::WebsocketTarget;

/// The rules about one item of a MonitorSet.
pub(super) fn item_rules() -> serde_json::Value {
    target::spec_rules(target::Rules::Item)
}

/// What to check, how often, and what to make of it.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "Monitor",
    plural = "monitors",
    namespaced,
    status = "MonitorStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kmon",
    doc = "A single check: what to check, how often, and who hears of it.",
    selectable = ".spec.type",
    printcolumn(
        name = "Type",
        type_ = "string",
        json_path = ".spec.type",
        description = "What kind of check it is"
    ),
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.lastResult.state",
        description = "State as of the last transition"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.lastResult.reason",
        description = "Why it is in that state"
    ),
    printcolumn(
        name = "Uptime 30d",
        type_ = "number",
        json_path = ".status.uptime.last30d",
        description = "Per cent of the known time"
    ),
    printcolumn(
        name = "Checked",
        type_ = "date",
        json_path = ".status.lastResult.checkedAt",
        priority = 1,
        description = "When the status was written"
    ),
    printcolumn(
        name = "Valid",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Valid\")].status",
        priority = 1,
        description = "Whether the spec can be used"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = target::spec_rules(target::Rules::Monitor)))]
pub struct MonitorSpec {
    /// Whether the monitor runs; `false` pauses it. Default: `true`.
    pub enabled: Option<bool>,
    /// What kind of check it is; `target` needs the key of the same name. `k8s` is an alias of
    /// `kubernetes`.
    #[serde(rename = "type")]
    pub type_: MonitorType,
    /// When it runs.
    pub schedule: Option<ScheduleSpec>,
    /// What is checked, under the key that `type` names.
    pub target: TargetSpec,
    /// What makes an answer good.
    pub success_criteria: Option<CriteriaSpec>,
    /// Who is told.
    pub alerting: Option<AlertingSpec>,
    /// Monitors that this one needs: while one of them is known to be down, this one's down is
    /// not announced.
    #[schemars(length(max = 100))]
    pub depends_on: Option<Vec<ObjectRef>>,
    /// Words for selectors and people.
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub tags: Option<Vec<String>>,
    /// Free text such as a runbook's address; shown with every message.
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: Option<BTreeMap<String, String>>,
}
