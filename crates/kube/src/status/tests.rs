//! What statuses say.

mod kinds;

use kuma_core::catalog::ObjectStatus;
use kuma_core::object::{Origin, Problem};
use kuma_core::time::from_ms;
use serde_json::json;

use super::*;

fn catalog(kind: Kind, problems: Vec<Problem>) -> (Catalog, ObjectKey) {
    let key = ObjectKey { kind, name: ObjectName::new("shop", "web") };
    let status =
        ObjectStatus { generation: 3, origin: Origin::Store, problems, last_valid_in_force: false };
    let mut catalog = Catalog::default();
    catalog.objects.insert(key.clone(), status);
    (catalog, key)
}

fn said(kind: Kind, problems: Vec<Problem>, before: &Value) -> Value {
    let (catalog, key) = catalog(kind, problems);
    let world = World {
        catalog: &catalog,
        monitor: &|_| None,
        providers: &BTreeMap::new(),
        exposures: &BTreeMap::new(),
        discovery: None,
        now: from_ms(1_767_225_600_000),
    };
    status(&world, &key, before).unwrap()
}

fn conditions(status: &Value) -> Vec<(String, String, String)> {
    let text = |condition: &Value, field: &str| condition[field].as_str().unwrap().to_owned();
    status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(it, "type"), text(it, "status"), text(it, "reason")))
        .collect()
}

fn three(
    valid: (&str, &str),
    reconciled: (&str, &str),
    ready: (&str, &str),
) -> Vec<(String, String, String)> {
    [("Valid", valid), ("Reconciled", reconciled), ("Ready", ready)]
        .map(|(kind, (status, reason))| (kind.to_owned(), status.to_owned(), reason.to_owned()))
        .to_vec()
}

#[test]
fn a_good_object_is_valid_reconciled_and_ready() {
    let status = said(Kind::NotificationPolicy, Vec::new(), &Value::Null);
    let expected =
        three(("True", "Validated"), ("True", "ReconcileSuccess"), ("True", "ResourceReady"));
    assert_eq!(conditions(&status), expected);
    assert_eq!(status["observedGeneration"], json!(3));
}

#[test]
fn an_object_that_cannot_be_used_says_what_is_wrong_in_full() {
    let problems = vec![
        Problem::semantic("spec.routing.dedupe.key", "does not end").with_fix("add }}"),
        Problem::semantic("spec.priority", "is odd"),
    ];
    let status = said(Kind::NotificationPolicy, problems, &Value::Null);
    let expected = three(("False", "InvalidSpec"), ("Unknown", "NotValid"), ("False", "NotValid"));
    assert_eq!(conditions(&status), expected);
    assert_eq!(
        status["conditions"][0]["message"],
        json!("spec.routing.dedupe.key: does not end; add }}; and 1 more")
    );
}

#[test]
fn a_missing_provider_is_not_reconciled_and_not_ready() {
    let why = "ProviderNotFound: provider shop/chat does not exist; the others still send";
    let problems = vec![Problem::missing_reference("spec.routing.providers[0]", why)];
    let status = said(Kind::NotificationPolicy, problems, &Value::Null);
    let expected =
        three(("True", "Validated"), ("False", "ProviderNotFound"), ("False", "ProviderNotFound"));
    assert_eq!(conditions(&status), expected);
}

#[test]
fn the_time_of_a_condition_moves_only_with_its_status() {
    let before = json!({"conditions": [
        {"type": "Valid", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z"},
        {"type": "Ready", "status": "False", "lastTransitionTime": "2025-01-01T00:00:00Z"},
    ]});
    let status = said(Kind::LocalUser, Vec::new(), &before);
    let since = |index: usize| status["conditions"][index]["lastTransitionTime"].clone();
    assert_eq!(since(0), json!("2025-01-01T00:00:00Z"));
    assert_eq!(since(2), json!("2026-01-01T00:00:00Z"));
}
