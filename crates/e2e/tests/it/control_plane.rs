//! The harness itself: what scenarios rely on without looking.

use kuma_e2e::{ControlPlane, Namespace, until};
use serde_json::json;

#[test]
fn a_deployment_becomes_available_on_a_node_without_a_machine() {
    let Some(plane) = ControlPlane::shared().filter(|plane| plane.has_workloads()) else {
        return;
    };
    let space = Namespace::new(plane, "workloads");
    space.run(&["create", "deployment", "web", "--image=web:1", "--replicas=3"]);
    until("the Deployment to be available", || {
        let status = space.json(&["get", "deployment", "web"])["status"].take();
        if status["readyReplicas"] == 3 { Ok(()) } else { Err(status.to_string()) }
    });
}

#[test]
fn a_service_account_may_do_what_its_role_says_and_no_more() {
    let Some(plane) = ControlPlane::shared() else { return };
    let space = Namespace::new(plane, "accounts");
    space.run(&["create", "serviceaccount", "reader"]);
    space.run(&["create", "role", "reader", "--verb=list", "--resource=configmaps"]);
    let account = format!("--serviceaccount={}:reader", space.name());
    space.run(&["create", "rolebinding", "reader", "--role=reader", &account]);
    let kubeconfig = plane.service_account(space.name(), "reader");
    let reader = kuma_e2e::Kubectl::new(plane.kubectl().program(), &kubeconfig);
    reader.run(&["get", "configmaps"]);
    let refusal = reader.refused(&["get", "secrets"], None);
    assert!(refusal.contains("Forbidden"), "{refusal}");
    // The audit log is what claims about requests are judged by.
    let asked = until("both requests in the audit log", || {
        let asked = plane.requests_of(space.name(), "reader");
        let lists: Vec<_> = asked.into_iter().filter(|it| it.verb == "list").collect();
        if lists.len() >= 2 { Ok(lists) } else { Err(format!("{lists:?}")) }
    });
    let told: Vec<_> = asked.iter().map(|it| (it.resource.as_str(), it.code)).collect();
    assert_eq!(told, [("configmaps", 200), ("secrets", 403)]);
    assert!(asked.iter().all(|it| !it.is_write()));
}

#[test]
fn objects_outlive_the_api_server_and_a_pause_of_etcd() {
    let Some(plane) = ControlPlane::own("restarts") else { return };
    plane.kubectl().apply(&[json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kept", "namespace": "default"},
        "data": {"a": "1"},
    })]);
    plane.stop_api_server();
    let away = plane.kubectl().refused(&["get", "configmaps"], None);
    assert!(away.contains("refused"), "{away}");
    plane.forget_history();
    plane.start_api_server();
    assert_eq!(plane.object("configmap", "default", "kept")["data"]["a"], "1");

    plane.pause_etcd();
    let change = ["label", "configmap", "kept", "b=2", "--request-timeout=2s"];
    let stuck = plane.kubectl().tell(&change, None);
    assert!(!stuck.success, "{}", stuck.out);
    plane.resume_etcd();
    until("the API server to answer again", || {
        let told = plane.kubectl().tell(&["label", "configmap", "kept", "c=3"], None);
        if told.success { Ok(()) } else { Err(told.err) }
    });
}
