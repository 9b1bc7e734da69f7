//! Objects that are nothing of the kind.

use kuma_expr::JsonPath;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Names that are looked for, so that strange values get everywhere.
const FIELDS: &[&str] = &[
    "metadata",
    "spec",
    "status",
    "name",
    "labels",
    "kind",
    "conditions",
    "type",
    "reason",
    "message",
    "replicas",
    "availableReplicas",
    "phase",
    "containerStatuses",
    "state",
    "waiting",
    "terminated",
    "exitCode",
    "endpoints",
    "addresses",
    "targetRef",
    "ownerReferences",
    "uid",
    "controller",
    "creationTimestamp",
    "lastTransitionTime",
    "schedule",
    "timeZone",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "active",
    "observedGeneration",
    "generation",
    "deletionTimestamp",
];

const TEXTS: &[&str] = &[
    "",
    "True",
    "False",
    "Ready",
    "Failed",
    "Running",
    "Succeeded",
    "Deployment",
    "DaemonSet",
    "0 * * * *",
    "* * * * *",
    "0 0 29 2 *",
    "Europe/Berlin",
    "-999999-01-01T00:00:00Z",
    "9999-12-30T22:00:00.999Z",
    "2026-06-10T11:00:00Z",
    "\u{0}\u{1b}[31m",
    "é\u{301}\u{202e}",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(TEXTS).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(FIELDS), inner), 0..8)
                .prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

fn checks() -> Vec<KubernetesCheck> {
    let kinds = [
        "Deployment",
        "DaemonSet",
        "Pod",
        "Service",
        "Job",
        "CronJob",
        "PersistentVolumeClaim",
        "Node",
        "Other",
    ];
    let path = JsonPath::compile("$..status").unwrap();
    let field = KubernetesWhat::StatusField { path, expected: Some("1".to_owned()) };
    let mut checks: Vec<_> = kinds.into_iter().map(|kind| check(kind, None)).collect();
    checks.push(check("Pod", Some(field)));
    checks.push(check("Pod", Some(KubernetesWhat::PodReadiness(Some(u32::MAX)))));
    checks
}

proptest! {
    #[test]
    fn whatever_objects_hold_there_is_an_answer(objects in proptest::collection::vec(value(), 0..4), now in any::<i32>()) {
        let objects: Vec<_> = objects.into_iter().map(Arc::new).collect();
        for check in checks() {
            let now = Timestamp::from_second(i64::from(now)).unwrap();
            let said = match judge(&check, &objects, now) {
                Ok(sentence) => sentence,
                Err(unwell) => unwell.message,
            };
            prop_assert!(!said.is_empty());
            prop_assert!(!said.contains(char::is_control), "{said:?}");
            prop_assert!(objects.is_empty() || said.len() < 4096, "{said}");
        }
    }
}

#[test]
fn texts_of_objects_are_cut_and_kept_on_one_line() {
    let long = "word\n\t\u{7} ".repeat(100_000);
    let object =
        json!({"status": {"conditions": [{"type": "Ready", "status": "False", "message": long}]}});
    let said = say(&check("Certificate", None), &[object]);
    assert!(said.starts_with("KUBERNETES_NOT_READY: Ready is False (word word"), "{said}");
    assert!(said.len() < 350, "{said}");
}
