//! `target.kubernetes`: the health of a Kubernetes object.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// A Kubernetes object, or several by label, which is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.name) != has(self.labelSelector)",
    "set either name or labelSelector",
)])))]
pub struct KubernetesTarget {
    /// `apiVersion` of the object, such as `apps/v1`.
    #[schemars(length(min = 1, max = 317))]
    pub api_version: String,
    /// `kind` of the object, such as `Deployment`.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// Label selector in kubectl's syntax, such as `app=web,tier in (front)`; all objects that
    /// it selects must be well.
    #[schemars(length(min = 1, max = 1024))]
    pub label_selector: Option<String>,
    /// Namespace of the object; means nothing for kinds that have none. Default: the monitor's.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// What is looked at. Default: chosen from `kind`; for a kind without a check of its own the
    /// condition `Ready`.
    pub check: Option<KubernetesCheckSpec>,
}

/// What is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.type) || self.type != 'ConditionTrue' || has(self.condition)",
        "ConditionTrue needs condition",
    ),
    (
        "!has(self.type) || self.type != 'StatusField' || has(self.jsonPath)",
        "StatusField needs jsonPath",
    ),
])))]
pub struct KubernetesCheckSpec {
    /// The check: `AvailableReplicasAtLeast` (Deployment, DaemonSet, ReplicaSet and others; a
    /// StatefulSet's ready replicas), `PodReadiness`, `EndpointNonEmpty` (Service, EndpointSlice),
    /// `JobSucceeded` (a job that is still running is well), `CronJobFresh` (the last run
    /// succeeded or is running, and none was missed), `PvcBound`, `NodeReady`, `ConditionTrue`,
    /// `StatusField`. Default: `StatusField` with `jsonPath`, `ConditionTrue` with `condition`, else
    /// chosen from the object's kind.
    #[serde(rename = "type")]
    pub type_: Option<KubernetesCheckType>,
    /// Least number, for AvailableReplicasAtLeast, PodReadiness and EndpointNonEmpty. Of several
    /// workloads or services each must have it. Default: `1`; for PodReadiness all pods that are
    /// neither completed nor being deleted, and at least one.
    #[schemars(range(min = 0, max = 100_000))]
    pub min: Option<u32>,
    /// Condition type, for ConditionTrue.
    #[schemars(length(min = 1, max = 316))]
    pub condition: Option<String>,
    /// JSONPath into the object (RFC 9535), for StatusField, such as `$.status.phase`. Of several
    /// values that it finds the first counts.
    #[schemars(length(min = 1, max = 2048))]
    pub json_path: Option<String>,
    /// Value that is expected there, compared by value. Default: none, there must be one.
    #[schemars(length(max = 1024))]
    pub expected: Option<String>,
}

/// A check of a Kubernetes object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum KubernetesCheckType {
    /// Enough replicas are available.
    AvailableReplicasAtLeast,
    /// The pods are ready.
    PodReadiness,
    /// The service has endpoints.
    EndpointNonEmpty,
    /// The job succeeded.
    JobSucceeded,
    /// The cron job's last success is not too old.
    CronJobFresh,
    /// The claim is bound.
    PvcBound,
    /// The node is ready.
    NodeReady,
    /// A condition is True.
    ConditionTrue,
    /// A field has a value.
    StatusField,
}
