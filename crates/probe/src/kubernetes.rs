//! `kubernetes`: objects of the cluster, which are watched and so known already, judged as they
//! are at this moment. What keeps them from being known is never held against them.

use std::sync::Arc;

use kuma_core::check::KubernetesCheck;
use kuma_core::check::kubernetes::{ObjectAccess, ObjectsError, Unwell, judge};
use kuma_core::observation::Outcome;
use kuma_core::reason::{Class, Reason};
use kuma_expr::Value;

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;

/// Most objects that a condition sees: it is run where other checks wait for their turn.
const MAX_GIVEN: usize = 200;

/// Looks at the objects and judges them.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &KubernetesCheck) -> Verdict {
    let Some(cluster) = &attempt.shared.cluster else {
        return Err(Fault::ours(Reason::ClusterMode, "kubernetes checks need cluster mode"));
    };
    if check.access == ObjectAccess::Denied {
        let (from, to) = (attempt.namespace(), &check.namespace);
        return Err(Fault::ours(
            Reason::KubernetesForbidden,
            format!(
                "namespace {to} does not grant {from} its objects; with tenancy.isolated it has to (annotation kubekuma.io/grant-to: {from} on Namespace {to})"
            ),
        ));
    }
    let query = check.query();
    let looked = tokio::time::timeout(attempt.left(), cluster.look(&query)).await;
    let objects = looked.unwrap_or_else(|_| Err(ObjectsError::NotSynced(query.to_string())))?;
    let said = judge(check, &objects, attempt.shared.clock.now().wall)?;
    give(attempt, &objects);
    Ok(said)
}

/// What the monitor's condition may look at.
fn give(attempt: &mut Attempt<'_>, objects: &[Arc<serde_json::Value>]) {
    let Some(condition) = &attempt.monitor.criteria.condition else {
        return;
    };
    let value = |object: &Arc<serde_json::Value>| Value::from(object.as_ref().clone());
    if condition.uses("object")
        && let Some(first) = objects.first()
    {
        attempt.given.values.insert("object", value(first));
    }
    if condition.uses("objects") {
        let all = objects.iter().take(MAX_GIVEN).map(value).collect();
        attempt.given.values.insert("objects", Value::list(all));
    }
}

impl From<ObjectsError> for Fault {
    fn from(error: ObjectsError) -> Self {
        let reason = error.reason();
        let fault = if reason.class() == Class::Ours {
            Self::ours(reason, error.to_string())
        } else {
            Self::target(reason, error.to_string())
        };
        match error.remedy() {
            Some(rule) => fault.with("rule to add", rule),
            None => fault,
        }
    }
}

impl From<Unwell> for Fault {
    fn from(unwell: Unwell) -> Self {
        let Unwell { reason, message, facts } = unwell;
        Self { outcome: Outcome::Failure(reason), message, facts }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use kuma_core::check::kubernetes::{
        ClusterObjects, KubernetesWhat, ObjectChoice, ObjectKind, ObjectQuery,
    };
    use kuma_core::check::{Check, CheckType, variables};
    use kuma_core::monitor::Monitor;
    use kuma_core::observation::Observation;
    use kuma_core::settings::Settings;
    use kuma_expr::Condition;
    use serde_json::json;

    use super::*;
    use crate::testing;

    /// A cluster that says one thing to everybody, or nothing at all.
    struct Says(Option<Result<Vec<Arc<serde_json::Value>>, ObjectsError>>);

    impl ClusterObjects for Says {
        fn look<'a>(
            &'a self,
            _: &'a ObjectQuery,
        ) -> BoxFuture<'a, Result<Vec<Arc<serde_json::Value>>, ObjectsError>> {
            match &self.0 {
                Some(answer) => std::future::ready(answer.clone()).boxed(),
                None => std::future::pending().boxed(),
            }
        }
    }

    fn check(access: ObjectAccess) -> KubernetesCheck {
        KubernetesCheck {
            kind: ObjectKind::new("apps", "v1", "Deployment"),
            namespace: "shop".to_owned(),
            which: ObjectChoice::Name("web".to_owned()),
            what: KubernetesWhat::AvailableReplicasAtLeast(2),
            access,
        }
    }

    fn monitor(access: ObjectAccess) -> Monitor {
        testing::monitor(Check::Kubernetes(Box::new(check(access))))
    }

    async fn run(monitor: &Monitor, cluster: Option<Says>) -> Observation {
        let cluster = cluster.map(|says| Arc::new(says) as Arc<dyn ClusterObjects>);
        let prober = testing::prober_in(cluster);
        let seen = prober.run(monitor, &Settings::default(), Duration::from_millis(300)).await;
        if let Some(reason) = seen.outcome.reason() {
            assert!(CheckType::Kubernetes.reasons().contains(&reason), "{reason}");
        }
        seen
    }

    fn deployment(available: u32) -> Says {
        Says(Some(Ok(vec![Arc::new(json!({
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 3},
            "status": {"availableReplicas": available, "updatedReplicas": 3},
        }))])))
    }

    #[tokio::test]
    async fn without_a_cluster_there_is_no_verdict() {
        let seen = run(&monitor(ObjectAccess::Full), None).await;
        assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::ClusterMode));
        assert_eq!(seen.message, "kubernetes checks need cluster mode");
    }

    #[tokio::test]
    async fn objects_are_judged() {
        let seen = run(&monitor(ObjectAccess::Full), Some(deployment(2))).await;
        assert_eq!(seen.outcome, Outcome::Success);
        assert_eq!(seen.message, "2 of 3 replicas are available");
        let seen = run(&monitor(ObjectAccess::Full), Some(deployment(1))).await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::KubernetesReplicas));
        assert_eq!(testing::fact(&seen, "target"), Some("apps/v1 Deployment shop/web"));
        assert_eq!(testing::fact(&seen, "replicas available"), Some("1"));
    }

    #[tokio::test]
    async fn a_condition_may_look_at_everything() {
        for (source, outcome) in [
            ("object.spec.replicas == 3 && size(objects) == 1", Outcome::Success),
            ("object.spec.replicas > 3", Outcome::Failure(Reason::Condition)),
        ] {
            let mut monitor = monitor(ObjectAccess::Full);
            let condition = Condition::compile(source, &variables(CheckType::Kubernetes));
            monitor.criteria.condition = Some(condition.unwrap());
            assert_eq!(run(&monitor, Some(deployment(3))).await.outcome, outcome, "{source}");
        }
    }

    #[tokio::test]
    async fn what_is_not_known_is_not_held_against_the_objects() {
        let forbidden = ObjectsError::Forbidden {
            group: "apps".to_owned(),
            resource: "deployments".to_owned(),
            namespace: Some("shop".to_owned()),
        };
        let seen = run(&monitor(ObjectAccess::Full), Some(Says(Some(Err(forbidden))))).await;
        assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::KubernetesForbidden));
        let rule = testing::fact(&seen, "rule to add").unwrap();
        assert!(rule.starts_with("- apiGroups: [\"apps\"]\n"), "{rule}");
        let seen = run(&monitor(ObjectAccess::Denied), Some(deployment(3))).await;
        assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::KubernetesForbidden));
        // The wait for the first list ends before the attempt is cut off as a failure.
        let seen = run(&monitor(ObjectAccess::Full), Some(Says(None))).await;
        assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::KubernetesUnavailable));
    }

    #[tokio::test]
    async fn a_kind_that_does_not_exist_is_a_failure() {
        let error = ObjectsError::UnknownKind(ObjectKind::new("a.example", "v1", "B"));
        let seen = run(&monitor(ObjectAccess::Full), Some(Says(Some(Err(error))))).await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::KubernetesUnknownKind));
    }
}
