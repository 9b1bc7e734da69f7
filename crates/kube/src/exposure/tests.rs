//! Exposure as a whole: pages, what is made for them, and what is said about them.

use std::collections::BTreeSet;
use std::sync::Arc;

use kuma_core::catalog::Catalog;
use kuma_core::id::ObjectName;
use kuma_core::object::{Exposure, ExposureMode, StatusPage};
use serde_json::{Value, json};

use super::*;
use crate::owned::Write;

fn page(name: &str, mode: ExposureMode, manage: bool) -> StatusPage {
    let name: ObjectName = name.parse().unwrap();
    StatusPage {
        slug: name.name.to_string(),
        name,
        title: "Status".to_owned(),
        published: true,
        exposure: Exposure {
            mode,
            hosts: vec!["status.example.com".to_owned()],
            tls_secret: Some("status-tls".to_owned()),
            manage,
        },
        groups: Vec::new(),
    }
}

fn catalog(pages: Vec<StatusPage>) -> Catalog {
    Catalog {
        pages: pages.into_iter().map(|page| (page.name.clone(), Arc::new(page))).collect(),
        system_namespace: "kubekuma".to_owned(),
        ..Catalog::default()
    }
}

const ALL: [Resource; 3] = [Resource::Ingress, Resource::HttpRoute, Resource::StatusPage];

fn view(objects: &[Value]) -> View {
    let mut view = View { complete: BTreeSet::from(ALL), ..View::default() };
    for object in objects {
        let kind = object["kind"].as_str().unwrap();
        let resource = ALL.into_iter().find(|resource| resource.kind() == kind).unwrap();
        let found = Found::read(resource, object).unwrap();
        view.objects.entry(resource).or_default().insert(found.name.clone(), Arc::new(found));
    }
    view
}

fn seen_page(name: &str, annotations: &Value) -> Value {
    let (namespace, name) = name.split_once('/').unwrap();
    json!({"kind": "StatusPage", "metadata": {
        "name": name, "namespace": namespace, "uid": "uid-page", "annotations": annotations,
    }})
}

fn created(exposures: &Exposures) -> Value {
    match &exposures.plan.writes[..] {
        [Write::Create { object, .. }] => object.clone(),
        other => panic!("{other:?}"),
    }
}

fn as_stored(mut object: Value) -> Value {
    object["metadata"]["uid"] = json!("uid-made");
    object["metadata"]["resourceVersion"] = json!("7");
    let spec: Value = object["spec"]
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (format!("f:{key}"), json!({})))
        .collect();
    object["metadata"]["managedFields"] =
        json!([{"manager": "kubekuma", "operation": "Apply", "fieldsV1": {"f:spec": spec}}]);
    object
}

fn standing(exposures: &Exposures, name: &str) -> (&'static str, Option<bool>, String) {
    let standing = &exposures.standings[&name.parse::<ObjectName>().unwrap()];
    (standing.reason.as_str(), standing.holds(), standing.message.clone())
}

const NAME: &str = "kubekuma/status";

#[test]
fn a_managed_page_gets_an_ingress_that_it_owns() {
    let catalog = catalog(vec![page(NAME, ExposureMode::Ingress, true)]);
    let seen = seen_page(NAME, &json!({"kubekuma.io/ingress-class": "nginx"}));
    let options = Options::default();
    let exposures = expose(&catalog, &view(std::slice::from_ref(&seen)), &options);
    assert_eq!(standing(&exposures, NAME).0, "ExposurePending");
    let made = created(&exposures);
    insta::assert_yaml_snapshot!(made);
    let exposures = expose(&catalog, &view(&[seen, as_stored(made)]), &options);
    assert_eq!(exposures.plan, Plan::default());
    let name: ObjectName = NAME.parse().unwrap();
    assert_eq!(exposures.standings[&name].address.as_deref(), Some("https://status.example.com/"));
    assert_eq!(standing(&exposures, NAME).1, Some(true));
}

#[test]
fn a_managed_page_gets_a_route_to_the_gateway_it_names() {
    let catalog = catalog(vec![page("shop/status", ExposureMode::GatewayApi, true)]);
    let options = Options::default();
    let exposures = expose(&catalog, &view(&[seen_page("shop/status", &json!({}))]), &options);
    assert_eq!(standing(&exposures, "shop/status").0, "GatewayMissing");
    assert_eq!(exposures.plan, Plan::default());
    let seen = seen_page("shop/status", &json!({"kubekuma.io/gateway": "infra/edge:https"}));
    let made = created(&expose(&catalog, &view(std::slice::from_ref(&seen)), &options));
    insta::assert_yaml_snapshot!(made);
    let mut stored = as_stored(made);
    stored["status"] = json!({"parents": [{
        "parentRef": {"name": "edge", "namespace": "infra", "sectionName": "https"},
        "conditions": [
            {"type": "Accepted", "status": "True"},
            {"type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted", "message": "no ReferenceGrant"},
        ],
    }]});
    let exposures = expose(&catalog, &view(&[seen, stored]), &options);
    assert_eq!(
        standing(&exposures, "shop/status"),
        ("RouteNotAccepted", Some(false), "a Gateway has not taken HTTPRoute shop/kubekuma-status: RefNotPermitted: no ReferenceGrant".to_owned())
    );
}

#[test]
fn what_is_not_wanted_any_more_goes_and_what_is_not_known_stays() {
    let managed = catalog(vec![page(NAME, ExposureMode::Ingress, true)]);
    let seen = seen_page(NAME, &json!({}));
    let options = Options::default();
    let made = as_stored(created(&expose(&managed, &view(std::slice::from_ref(&seen)), &options)));
    let around = view(&[seen, made]);
    let deleted = |catalog: &Catalog| {
        let plan = expose(catalog, &around, &options).plan;
        plan.writes.iter().any(|write| matches!(write, Write::Delete { .. }))
    };
    assert!(!deleted(&managed));
    assert!(deleted(&catalog(vec![page(NAME, ExposureMode::Ingress, false)])));
    assert!(deleted(&catalog(vec![page(NAME, ExposureMode::Manual, true)])));
    assert!(deleted(&catalog(vec![page(NAME, ExposureMode::GatewayApi, true)])));
    let unpublished = StatusPage { published: false, ..page(NAME, ExposureMode::Ingress, true) };
    assert!(deleted(&catalog(vec![unpublished])));
    assert!(deleted(&catalog(Vec::new())));
    // A page that is there and cannot be used: nobody knows what it wants.
    let mut broken = catalog(Vec::new());
    let key = ObjectKey { kind: Kind::StatusPage, name: NAME.parse().unwrap() };
    let status = kuma_core::catalog::ObjectStatus {
        generation: 1,
        origin: kuma_core::object::Origin::Store,
        problems: Vec::new(),
        last_valid_in_force: false,
    };
    broken.objects.insert(key, status);
    assert!(!deleted(&broken));
}

#[test]
fn what_cannot_be_made_is_said() {
    let options = Options::default();
    let elsewhere = catalog(vec![page("shop/status", ExposureMode::Ingress, true)]);
    let exposures = expose(&elsewhere, &view(&[seen_page("shop/status", &json!({}))]), &options);
    let (reason, holds, message) = standing(&exposures, "shop/status");
    assert_eq!((reason, holds), ("ExposureNotPossible", Some(false)));
    assert!(message.contains("put the page there, or use mode gatewayapi"), "{message}");
    let here = catalog(vec![page(NAME, ExposureMode::Ingress, true)]);
    let theirs = json!({"kind": "Ingress", "metadata": {"name": "kubekuma-status", "namespace": "kubekuma"}, "spec": {}});
    let exposures = expose(&here, &view(&[seen_page(NAME, &json!({})), theirs]), &options);
    assert_eq!(standing(&exposures, NAME).0, "NameTaken");
    assert_eq!(exposures.plan.writes, []);
    let bad = seen_page(NAME, &json!({"kubekuma.io/ingress-class": "No Class"}));
    assert_eq!(standing(&expose(&here, &view(&[bad]), &options), NAME).0, "BadAnnotation");
    let mut unseen = view(&[]);
    unseen.complete.clear();
    assert_eq!(standing(&expose(&here, &unseen, &options), NAME).1, None);
}

fn ingress(host: &str, service: &str, tls: &Value) -> Value {
    json!({"kind": "Ingress", "metadata": {"name": "status", "namespace": "kubekuma"}, "spec": {
        "tls": tls,
        "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": service, "port": {"number": 3000}}}}]}}],
    }})
}

#[test]
fn without_manage_it_is_said_what_is_missing() {
    let catalog = catalog(vec![page(NAME, ExposureMode::Ingress, false)]);
    let ask = |objects: &[Value]| {
        let exposures = expose(&catalog, &view(objects), &Options::default());
        assert_eq!(exposures.plan, Plan::default());
        standing(&exposures, NAME)
    };
    let tls = json!([{"hosts": ["status.example.com"]}]);
    assert_eq!(
        ask(&[]),
        ("HostNotRouted", Some(false), "no Ingress leads from status.example.com; make one that leads to the Service kubekuma/kubekuma, port 3000, or set manage to true".to_owned())
    );
    let (reason, _, message) = ask(&[ingress("status.example.com", "web", &tls)]);
    assert_eq!(reason, "HostRoutedElsewhere");
    assert!(message.contains("to the Service kubekuma/web"), "{message}");
    assert_eq!(ask(&[ingress("*.example.com", "kubekuma", &json!([]))]).0, "TlsMissing");
    assert_eq!(
        ask(&[ingress("*.example.com", "kubekuma", &tls)]),
        ("Exposed", Some(true), "Ingress kubekuma/status leads to the page".to_owned())
    );
    assert_eq!(ask(&[ingress("other.example.com", "kubekuma", &tls)]).0, "HostNotRouted");
}

#[test]
fn a_route_of_somebody_is_looked_for_too() {
    let catalog = catalog(vec![page(NAME, ExposureMode::GatewayApi, false)]);
    let route = |hosts: &Value, backend: &Value| {
        json!({"kind": "HTTPRoute", "metadata": {"name": "status", "namespace": "infra"}, "spec": {
            "hostnames": hosts, "rules": [{"backendRefs": [backend]}],
        }})
    };
    let ask = |object: Value| {
        let exposures = expose(&catalog, &view(&[object]), &Options::default());
        standing(&exposures, NAME).0
    };
    let ours = json!({"name": "kubekuma", "namespace": "kubekuma", "port": 3000});
    assert_eq!(ask(route(&json!(["*.example.com"]), &ours)), "Exposed");
    assert_eq!(
        ask(route(&json!(["status.example.com"]), &json!({"name": "kubekuma"}))),
        "HostRoutedElsewhere"
    );
    assert_eq!(ask(route(&json!([]), &ours)), "HostNotRouted");
}
