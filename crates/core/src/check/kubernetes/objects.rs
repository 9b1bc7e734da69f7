//! The port through which objects of a cluster come, and why some of them do not.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{LabelSelector, ObjectChoice, ObjectKind};
use crate::reason::Reason;

/// Objects that somebody wants to know. Equal queries share what is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectQuery {
    /// Their kind.
    pub kind: ObjectKind,
    /// Their namespace; means nothing where the kind has none.
    pub namespace: String,
    /// Which of them.
    pub which: ObjectChoice,
    /// Whether objects that live outside namespaces may be asked for.
    pub cluster_scoped: bool,
}

impl ObjectQuery {
    /// Whether an object of the kind and namespace is one of those asked for.
    pub fn matches(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        match &self.which {
            ObjectChoice::Name(name) => metadata["name"] == name.as_str(),
            ObjectChoice::Labels(selector) => selector.matches(&metadata["labels"]),
        }
    }

    /// The selector, if labels choose.
    pub const fn labels(&self) -> Option<&LabelSelector> {
        match &self.which {
            ObjectChoice::Labels(selector) => Some(selector),
            ObjectChoice::Name(_) => None,
        }
    }
}

impl fmt::Display for ObjectQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.which)
    }
}

/// Port: the objects of the cluster that monitors look at, as they are now.
pub trait ClusterObjects: Send + Sync {
    /// The objects, in the order of their names. Answers from memory but for the first moments
    /// after a query became known; drop the future to wait no longer.
    fn look<'a>(
        &'a self,
        query: &'a ObjectQuery,
    ) -> BoxFuture<'a, Result<Vec<Arc<Value>>, ObjectsError>>;
}

/// Why nothing, or nothing certain, is known about objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectsError {
    /// They have not been read yet.
    #[error("{0} has not been read from the API server yet")]
    NotSynced(String),
    /// KubeKuma's ServiceAccount may not read them.
    #[error(
        "KubeKuma may not read {resource}{}: {}",
        place(.namespace.as_deref()),
        access_rule(.group, .resource)
    )]
    Forbidden {
        /// The API group; empty for the core group.
        group: String,
        /// The resource, as rules name it: in the plural.
        resource: String,
        /// The namespace; none for kinds that live outside namespaces.
        namespace: Option<String>,
    },
    /// The monitor's namespace may not look at what lives outside namespaces.
    #[error(
        "{0} objects belong to no namespace; with tenancy.isolated only monitors in KubeKuma's own namespace may look at them"
    )]
    ClusterScoped(String),
    /// The API server has no such kind.
    #[error(
        "the API server knows no kind {0}; check apiVersion and kind (kubectl api-resources), and that its CustomResourceDefinition is installed"
    )]
    UnknownKind(ObjectKind),
    /// The selector takes in more than is kept in memory.
    #[error(
        "{what} are more than {most} objects, the most that are looked at; narrow labelSelector"
    )]
    TooMany {
        /// Which.
        what: String,
        /// The most that are kept.
        most: usize,
    },
    /// The API server cannot be asked, so that what was known may be no longer true.
    #[error("the API server cannot be asked about {what}: {why}")]
    Unavailable {
        /// About what.
        what: String,
        /// Why not.
        why: String,
    },
}

impl ObjectsError {
    /// What it is called. Only a kind that does not exist says something about the objects.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NotSynced(_) | Self::Unavailable { .. } => Reason::KubernetesUnavailable,
            Self::Forbidden { .. } | Self::ClusterScoped(_) => Reason::KubernetesForbidden,
            Self::UnknownKind(_) => Reason::KubernetesUnknownKind,
            Self::TooMany { .. } => Reason::KubernetesTooMany,
        }
    }

    /// What would mend it as YAML, where that is known.
    pub fn remedy(&self) -> Option<String> {
        let Self::Forbidden { group, resource, .. } = self else {
            return None;
        };
        Some(format!(
            "- apiGroups: [\"{group}\"]\n  resources: [\"{resource}\"]\n  verbs: [\"get\", \"list\", \"watch\"]"
        ))
    }
}

/// Where something may not be read, and what kind of role would allow it.
fn place(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => {
            format!(" in namespace {namespace}; add this rule to its Role or ClusterRole")
        }
        None => "; add this rule to its ClusterRole".to_owned(),
    }
}

/// The rule of a role that lets its subjects look at a resource, in one line of YAML.
fn access_rule(group: &str, resource: &str) -> String {
    format!(
        "{{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [\"get\", \"list\", \"watch\"]}}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_permission_is_told_with_the_rule_to_add() {
        let error = ObjectsError::Forbidden {
            group: "apps".to_owned(),
            resource: "deployments".to_owned(),
            namespace: Some("shop".to_owned()),
        };
        insta::assert_snapshot!(error, @r#"KubeKuma may not read deployments in namespace shop; add this rule to its Role or ClusterRole: {apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list", "watch"]}"#);
        insta::assert_snapshot!(error.remedy().unwrap(), @r#"
        - apiGroups: ["apps"]
          resources: ["deployments"]
          verbs: ["get", "list", "watch"]
        "#);
        let nodes = ObjectsError::Forbidden {
            group: String::new(),
            resource: "nodes".to_owned(),
            namespace: None,
        };
        insta::assert_snapshot!(nodes, @r#"KubeKuma may not read nodes; add this rule to its ClusterRole: {apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"]}"#);
    }

    #[test]
    fn only_what_the_api_server_says_for_certain_is_held_against_the_objects() {
        use crate::reason::Class;
        let what = || "web".to_owned();
        for (error, class) in [
            (ObjectsError::NotSynced(what()), Class::Ours),
            (ObjectsError::ClusterScoped(what()), Class::Ours),
            (ObjectsError::TooMany { what: what(), most: 1 }, Class::Ours),
            (ObjectsError::Unavailable { what: what(), why: what() }, Class::Ours),
            (ObjectsError::UnknownKind(ObjectKind::new("a", "v1", "B")), Class::Answered),
        ] {
            assert_eq!(error.reason().class(), class, "{error}");
        }
    }

    #[test]
    fn a_query_takes_objects_by_name_or_labels() {
        let object = json!({"metadata": {"name": "web", "labels": {"app": "web"}}});
        let query = |which| ObjectQuery {
            kind: ObjectKind::new("", "v1", "Pod"),
            namespace: "shop".to_owned(),
            which,
            cluster_scoped: true,
        };
        let named = |name: &str| query(ObjectChoice::Name(name.to_owned()));
        assert!(named("web").matches(&object));
        assert!(!named("other").matches(&object));
        let labelled = |text: &str| query(ObjectChoice::Labels(text.parse().unwrap()));
        assert!(labelled("app in (web)").matches(&object));
        assert!(!labelled("app=other").matches(&object));
        assert!(!labelled("app=web").matches(&json!(null)));
    }
}
