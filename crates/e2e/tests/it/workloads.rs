//! Monitors that look at objects of the cluster: judged by watches, not by polling.

use kuma_e2e::until;
use serde_json::{Value, json};

use crate::kit::{Installation, TEAM, object};

fn deployment(name: &str) -> Value {
    let labels = json!({"app": name});
    let container = json!({"name": "web", "image": "example.test/web:1"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container]},
            },
        },
    })
}

/// A monitor that would be asked again in an hour only.
fn looks_at(name: &str, target: &Value) -> Value {
    let schedule = json!({"intervalSeconds": 3600, "timeoutSeconds": 10});
    let spec =
        json!({"type": "kubernetes", "schedule": schedule, "target": {"kubernetes": target}});
    object("Monitor", TEAM, name, &spec)
}

#[test]
fn a_deployment_that_loses_its_replicas_is_down_at_once() {
    let Some(home) = Installation::new("workloads") else { return };
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.grant("kubernetes-checks");
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    home.plane.kubectl().apply(&[deployment("web"), looks_at("web", &web)]);
    home.shows("web", "up");
    home.plane.kubectl().run(&["scale", "-n", TEAM, "deployment/web", "--replicas=0"]);
    home.hears("web", "down");
    home.plane.kubectl().run(&["scale", "-n", TEAM, "deployment/web", "--replicas=1"]);
    home.hears("web", "up");
    assert_eq!(home.events("web"), ["down", "up"]);
}

#[test]
fn what_may_not_be_read_is_unknown_and_says_which_rule_is_missing() {
    let Some(home) = Installation::new("forbidden") else { return };
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    let target = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": "settings",
        "check": {"type": "StatusField", "jsonPath": "$.data"},
    });
    home.plane.kubectl().apply(&[looks_at("settings", &target)]);
    until("the missing rule to be named", || {
        let result = home.plane.object("monitor", TEAM, "settings")["status"]["lastResult"].take();
        let message = result["message"].as_str().unwrap_or_default();
        if result["reason"] == "KUBERNETES_FORBIDDEN" && message.contains("configmaps") {
            Ok(())
        } else {
            Err(result.to_string())
        }
    });
    assert!(home.events("settings").iter().all(|event| event != "down"));
}
