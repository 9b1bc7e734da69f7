//! `kubernetes`: which objects of a cluster are looked at, and what about them. What they mean is
//! decided in [`judge()`], without a cluster; they come through the port [`ClusterObjects`].

mod judge;
mod labels;
mod objects;

use std::fmt;

use kuma_expr::JsonPath;

pub use judge::{Judgement, Unwell, judge};
pub use labels::{LabelSelector, LabelSelectorError};
pub use objects::{ClusterObjects, ObjectQuery, ObjectsError};

/// Objects of a cluster and what must hold of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesCheck {
    /// Their kind.
    pub kind: ObjectKind,
    /// Their namespace; means nothing where the kind has none.
    pub namespace: String,
    /// Which of them.
    pub which: ObjectChoice,
    /// What is looked at.
    pub what: KubernetesWhat,
    /// Whether the monitor's namespace may look at them; the catalog says so.
    pub access: ObjectAccess,
}

/// A kind of objects, as `apiVersion` and `kind` name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
}

impl ObjectKind {
    /// A kind of a group; the core group is empty.
    pub fn new(
        group: impl Into<String>,
        version: impl Into<String>,
        kind: impl Into<String>,
    ) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// As `apiVersion:` has it.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether it is this kind of this group, in any version.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api_version(), self.kind)
    }
}

/// Which objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectChoice {
    /// The one of this name.
    Name(String),
    /// All whose labels fit.
    Labels(LabelSelector),
}

impl fmt::Display for ObjectChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Labels(selector) => write!(f, "{selector}"),
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KubernetesWhat {
    /// So many replicas are available.
    AvailableReplicasAtLeast(u32),
    /// So many pods are ready; without a number all that should run.
    PodReadiness(Option<u32>),
    /// So many endpoints are ready.
    EndpointNonEmpty(u32),
    /// The job has not failed.
    JobSucceeded,
    /// The cron job's last success is that of its last start.
    CronJobFresh,
    /// The claim is bound.
    PvcBound,
    /// The node is ready.
    NodeReady,
    /// The condition of this type is True.
    ConditionTrue(String),
    /// A field exists, or has a value.
    StatusField {
        /// Where it is.
        path: JsonPath,
        /// What it is; compared by value.
        expected: Option<String>,
    },
}

impl KubernetesWhat {
    /// What is looked at where a monitor does not say: what a person means by such an object
    /// being well.
    pub fn default_for(kind: &ObjectKind) -> Self {
        /// What most custom resources call it.
        const READY: &str = "Ready";
        match (kind.group.as_str(), kind.kind.as_str()) {
            ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("", "ReplicationController") => Self::AvailableReplicasAtLeast(1),
            ("", "Pod") => Self::PodReadiness(None),
            ("", "Service" | "Endpoints") | ("discovery.k8s.io", "EndpointSlice") => {
                Self::EndpointNonEmpty(1)
            }
            ("batch", "Job") => Self::JobSucceeded,
            ("batch", "CronJob") => Self::CronJobFresh,
            ("", "PersistentVolumeClaim") => Self::PvcBound,
            ("", "Node") => Self::NodeReady,
            _ => Self::ConditionTrue(READY.to_owned()),
        }
    }
}

/// What `tenancy.isolated` leaves a monitor to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ObjectAccess {
    /// Everything that KubeKuma itself may look at.
    #[default]
    Full,
    /// Objects that live in namespaces only: those of the cluster are the operator's.
    Namespaced,
    /// Nothing: the namespace of the objects grants the monitor's no references.
    Denied,
}

impl KubernetesCheck {
    /// Kind, namespace and name or selector.
    pub fn target(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.which)
    }

    /// The objects that have to be known. Endpoints are those of slices, whatever object of a
    /// service is named.
    pub fn query(&self) -> ObjectQuery {
        let mut query = ObjectQuery {
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            which: self.which.clone(),
            cluster_scoped: self.access == ObjectAccess::Full,
        };
        let of_service = matches!(self.what, KubernetesWhat::EndpointNonEmpty(_))
            && (self.kind.is("", "Service") || self.kind.is("", "Endpoints"));
        if of_service {
            query.kind = ObjectKind::new("discovery.k8s.io", "v1", "EndpointSlice");
            if let ObjectChoice::Name(service) = &self.which {
                query.which = ObjectChoice::Labels(LabelSelector::equal(SERVICE_NAME, service));
            }
        }
        query
    }
}

/// The label of an EndpointSlice that names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ObjectKind, which: ObjectChoice) -> KubernetesCheck {
        KubernetesCheck {
            what: KubernetesWhat::default_for(&kind),
            kind,
            namespace: "shop".to_owned(),
            which,
            access: ObjectAccess::Full,
        }
    }

    #[test]
    fn endpoints_of_a_service_are_looked_for_in_its_slices() {
        let web = ObjectChoice::Name("web".to_owned());
        let labels: LabelSelector = "app=web".parse().unwrap();
        let slices = ObjectKind::new("discovery.k8s.io", "v1", "EndpointSlice");
        for (kind, which, asked) in [
            (ObjectKind::new("", "v1", "Service"), web.clone(), "kubernetes.io/service-name=web"),
            (ObjectKind::new("", "v1", "Endpoints"), web.clone(), "kubernetes.io/service-name=web"),
            (ObjectKind::new("", "v1", "Service"), ObjectChoice::Labels(labels.clone()), "app=web"),
            (slices.clone(), web.clone(), "web"),
        ] {
            let query = check(kind, which).query();
            assert_eq!((query.kind, query.which.to_string()), (slices.clone(), asked.to_owned()));
        }
        let deployment = check(ObjectKind::new("apps", "v1", "Deployment"), web.clone());
        assert_eq!(deployment.query().kind, deployment.kind);
        assert_eq!(deployment.query().which, web);
        assert_eq!(deployment.target(), "apps/v1 Deployment shop/web");
    }

    #[test]
    fn a_kind_of_another_group_is_another_kind() {
        let knative = ObjectKind::new("serving.knative.dev", "v1", "Service");
        let ready = KubernetesWhat::ConditionTrue("Ready".to_owned());
        assert_eq!(KubernetesWhat::default_for(&knative), ready);
    }
}
