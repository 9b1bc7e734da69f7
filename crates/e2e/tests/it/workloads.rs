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

/// What runs a pod of an app, which kwok makes ready, or completes where it belongs to a job.
fn pods(app: &str, policy: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "restartPolicy": policy,
            "containers": [{"name": "main", "image": "example.test/main:1"}],
        },
    })
}

/// An object of a team's namespace.
fn made(api_version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": TEAM},
        "spec": spec,
    })
}

/// Monitors by what they look at, with objects that are well.
fn well() -> Vec<Value> {
    let set = |kind: &str, name: &str| {
        let selector = json!({"matchLabels": {"app": name}});
        let mut spec = json!({"selector": selector, "template": pods(name, "Always")});
        if kind == "StatefulSet" {
            spec["serviceName"] = json!(name);
        }
        made("apps/v1", kind, name, &spec)
    };
    let job = json!({"template": pods("once", "Never")});
    let minutely = json!({"schedule": "* * * * *", "jobTemplate": {"spec": job}});
    let storage = json!({"requests": {"storage": "1Gi"}});
    let claim = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": "disk",
        "resources": storage,
    });
    let disk = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "disk"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/disk"},
        },
    });
    let service = json!({"selector": {"app": "database"}, "ports": [{"port": 80}]});
    vec![
        deployment("web"),
        set("StatefulSet", "database"),
        set("DaemonSet", "agent"),
        made("v1", "Service", "front", &service),
        made("batch/v1", "Job", "once", &job),
        made("batch/v1", "CronJob", "minutely", &minutely),
        disk,
        made("v1", "PersistentVolumeClaim", "claim", &claim),
    ]
}

/// The same kinds, of objects that cannot become well.
fn unwell() -> Vec<Value> {
    let nowhere = |mut template: Value| {
        template["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": "nowhere"});
        template
    };
    let lost = made(
        "apps/v1",
        "StatefulSet",
        "lost",
        &json!({
            "selector": {"matchLabels": {"app": "lost"}},
            "serviceName": "lost",
            "template": nowhere(pods("lost", "Always")),
        }),
    );
    let late = json!({"activeDeadlineSeconds": 1, "template": nowhere(pods("late", "Never"))});
    let storage = json!({"requests": {"storage": "1Gi"}});
    let unbound = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": storage,
    });
    let nobody = json!({"selector": {"app": "nobody"}, "ports": [{"port": 80}]});
    vec![
        lost,
        made("v1", "Service", "nobody", &nobody),
        made("batch/v1", "Job", "late", &late),
        made("v1", "PersistentVolumeClaim", "unbound", &unbound),
    ]
}

#[test]
fn every_kind_with_a_check_of_its_own_is_judged_from_what_the_cluster_says() {
    let Some(home) = Installation::new("kinds") else { return };
    let mut replica = home.replica("kubekuma-0");
    replica.becomes_ready();
    home.grant("kubernetes-checks");
    let kubectl = home.plane.kubectl();
    kubectl.apply(&[well(), unwell()].concat());
    let named =
        |api: &str, kind: &str, name: &str| json!({"apiVersion": api, "kind": kind, "name": name});
    let mut available = named("apps/v1", "Deployment", "web");
    available["check"] = json!({"type": "ConditionTrue", "condition": "Available"});
    let mut phase = named("v1", "PersistentVolumeClaim", "claim");
    phase["check"] =
        json!({"type": "StatusField", "jsonPath": "$.status.phase", "expected": "Bound"});
    let selected =
        |labels: &str| json!({"apiVersion": "v1", "kind": "Pod", "labelSelector": labels});
    let up = [
        ("stateful-set", named("apps/v1", "StatefulSet", "database")),
        ("daemon-set", named("apps/v1", "DaemonSet", "agent")),
        ("pod", named("v1", "Pod", "database-0")),
        ("pods", selected("app in (web, database)")),
        ("service", named("v1", "Service", "front")),
        ("job", named("batch/v1", "Job", "once")),
        ("cron-job", named("batch/v1", "CronJob", "minutely")),
        ("claim", named("v1", "PersistentVolumeClaim", "claim")),
        ("node", named("v1", "Node", "node-1")),
        ("condition", available),
        ("field", phase),
    ];
    let down = [
        ("no-replicas", named("apps/v1", "StatefulSet", "lost"), "KUBERNETES_REPLICAS"),
        ("no-pod", named("v1", "Pod", "lost-0"), "KUBERNETES_NOT_READY"),
        ("no-pods", selected("app=nobody"), "KUBERNETES_NOT_FOUND"),
        ("no-endpoints", named("v1", "Service", "nobody"), "KUBERNETES_ENDPOINTS"),
        ("failed", named("batch/v1", "Job", "late"), "KUBERNETES_JOB"),
        ("unbound", named("v1", "PersistentVolumeClaim", "unbound"), "KUBERNETES_NOT_READY"),
        ("gone", named("v1", "Node", "node-2"), "KUBERNETES_NOT_FOUND"),
        ("unheard-of", named("example.test/v1", "Thing", "it"), "KUBERNETES_UNKNOWN_KIND"),
    ];
    let monitors = up.iter().map(|(name, target)| looks_at(name, target));
    let others = down.iter().map(|(name, target, _)| looks_at(name, target));
    kubectl.apply(&monitors.chain(others).collect::<Vec<_>>());
    for (name, _) in &up {
        home.shows(name, "up");
    }
    for (name, _, reason) in &down {
        until(&format!("{name} to be down for {reason}"), || {
            let row = home.row(name);
            let found = row.get(1).is_some_and(|it| it == "down")
                && row.get(2).is_some_and(|it| it == reason);
            if found { Ok(()) } else { Err(format!("{row:?}")) }
        });
    }
    // Without an hour's wait: the watch tells.
    kubectl.run(&["delete", "-n", TEAM, "statefulset/database", "--wait=false"]);
    for name in ["stateful-set", "pod", "service"] {
        home.shows(name, "down");
    }
    home.shows("claim", "up");
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
