//! What `writeCrds` creates, changes and deletes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kit::{LOOKED_AT, ingress, look_at, monitor, service, view};
use crate::discovery::{Known, plan_monitors};
use crate::owned::{Plan, Write};
use crate::surroundings::{Resource, View};

fn planned(view: &View, known: &[Known]) -> Plan {
    plan_monitors(&look_at(view, known, false), view, known, &BTreeSet::from(LOOKED_AT))
}

fn created(plan: &Plan) -> Vec<Value> {
    let object = |write: &Write| match write {
        Write::Create { object, .. } => Some(object.clone()),
        _ => None,
    };
    plan.writes.iter().filter_map(object).collect()
}

/// A Monitor as the API server has it after it was created.
fn as_stored(mut object: Value) -> Value {
    object["metadata"]["uid"] = json!("uid-monitor");
    object["metadata"]["resourceVersion"] = json!("7");
    object["metadata"]["managedFields"] = json!([{
        "manager": "kubekuma", "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:type": {}, "f:target": {"f:http": {"f:url": {}}}}},
    }]);
    object
}

const NAME: &str = "shop/ingress-web-shop.example.com";
const URL: &str = "http://shop.example.com/healthz";

fn ours() -> Known {
    Known { ours: true, ..monitor(NAME, URL) }
}

#[test]
fn an_ingress_gets_a_monitor_that_it_owns_and_a_service_only_if_it_asks() {
    let plan = planned(
        &view(&[
            ingress("shop/web", "shop.example.com", "/"),
            service("shop/db", &json!({}), &json!([{"port": 5432}])),
            service("shop/api", &json!({"monitor": "true"}), &json!([{"port": 80}])),
        ]),
        &[],
    );
    insta::assert_yaml_snapshot!(created(&plan));
}

#[test]
fn what_is_written_stays_as_it_is_and_follows_its_object() {
    let web = ingress("shop/web", "shop.example.com", "/");
    let made = created(&planned(&view(std::slice::from_ref(&web)), &[]));
    let stored = as_stored(made[0].clone());
    assert_eq!(planned(&view(&[web.clone(), stored.clone()]), &[ours()]), Plan::default());
    let mut moved = web;
    moved["spec"]["tls"] = json!([{}]);
    let plan = planned(&view(&[moved, stored]), &[ours()]);
    let [Write::Update { object, .. }] = &plan.writes[..] else { panic!("{plan:?}") };
    assert_eq!(object["spec"]["target"]["http"]["url"], "https://shop.example.com/healthz");
    assert_eq!(object["metadata"]["uid"], "uid-monitor");
}

#[test]
fn what_nobody_shows_any_more_is_deleted_if_everything_was_seen() {
    let web = ingress("shop/web", "shop.example.com", "/");
    let stored = as_stored(created(&planned(&view(&[web]), &[])).remove(0));
    let mut gone = view(&[stored]);
    let plan = planned(&gone, &[ours()]);
    assert!(
        matches!(&plan.writes[..], [Write::Delete { resource_version, .. }] if resource_version == "7"),
        "{plan:?}"
    );
    gone.complete.remove(&Resource::Ingress);
    assert_eq!(planned(&gone, &[ours()]), Plan::default());
    gone.complete = BTreeSet::from([Resource::Ingress]);
    assert_eq!(planned(&gone, &[ours()]), Plan::default());
}

#[test]
fn a_wrong_annotation_takes_nothing_away() {
    let mut web = ingress("shop/web", "shop.example.com", "/");
    let stored = as_stored(created(&planned(&view(std::slice::from_ref(&web)), &[])).remove(0));
    web["metadata"]["annotations"] = json!({"kubekuma.io/interval-seconds": "soon"});
    assert_eq!(planned(&view(&[web.clone(), stored.clone()]), &[ours()]), Plan::default());
    web["metadata"]["annotations"] = json!({"kubekuma.io/monitor": "false"});
    let plan = planned(&view(&[web, stored]), &[ours()]);
    assert!(matches!(plan.writes[..], [Write::Delete { .. }]), "{plan:?}");
}

#[test]
fn a_monitor_of_somebody_is_never_touched() {
    let web = ingress("shop/web", "shop.example.com", "/");
    let stored = as_stored(created(&planned(&view(std::slice::from_ref(&web)), &[])).remove(0));
    // Without the label it is the person's own, and checks what would be suggested.
    let mut adopted = stored.clone();
    adopted["metadata"]["labels"] = json!({});
    assert_eq!(planned(&view(&[web.clone(), adopted]), &[monitor(NAME, URL)]), Plan::default());
    // The label alone does not make it ours either.
    let mut labelled = stored;
    labelled["metadata"]["ownerReferences"] = json!([]);
    assert_eq!(planned(&view(&[labelled]), &[ours()]), Plan::default());
}

#[test]
fn an_object_on_its_way_out_shows_nothing_any_more() {
    let mut web = ingress("shop/web", "shop.example.com", "/");
    web["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(created(&planned(&view(&[web]), &[])), Vec::<Value>::new());
}
