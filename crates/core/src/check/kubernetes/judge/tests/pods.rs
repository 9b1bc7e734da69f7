//! Pods by name and by selector.

use serde_json::json;

use super::*;

fn pod(name: &str, status: Value) -> Value {
    json!({"kind": "Pod", "metadata": {"name": name}, "status": status})
}

fn ready(name: &str) -> Value {
    pod(name, json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}))
}

fn unready(name: &str) -> Value {
    pod(
        name,
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "containers with unready status: [app]"}]}),
    )
}

fn leaving(name: &str) -> Value {
    let mut pod = ready(name);
    pod["metadata"]["deletionTimestamp"] = json!("2026-06-10T11:59:50Z");
    pod
}

fn evicted(name: &str) -> Value {
    let mut pod = pod(
        name,
        json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
    );
    pod["metadata"]["ownerReferences"] = json!([{"uid": "rs-1", "controller": true}]);
    pod
}

#[test]
fn one_pod_is_ready_or_it_is_said_why_not() {
    let container = |state: Value, last: Value, restarts: u32| {
        pod(
            "web-0",
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [
                {"name": "sidecar", "ready": true, "state": {"running": {}}},
                {"name": "app", "ready": false, "restartCount": restarts, "state": state, "lastState": last},
            ]}),
        )
    };
    let killed = || json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let rows = vec![
        (ready("web-0"), "up: the pod is ready"),
        (
            container(
                json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}),
                killed(),
                12,
            ),
            "KUBERNETES_NOT_READY: container app waits (CrashLoopBackOff: back-off 5m0s restarting failed container), last exited with code 137 (OOMKilled), restarted 12 times",
        ),
        (
            container(
                json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"web:9\""}}),
                json!({}),
                0,
            ),
            "KUBERNETES_NOT_READY: container app waits (ImagePullBackOff: Back-off pulling image \"web:9\")",
        ),
        (
            container(json!({"waiting": {"reason": "ContainerCreating"}}), json!({}), 0),
            "KUBERNETES_NOT_READY: container app is being made",
        ),
        (
            container(killed(), json!({}), 1),
            "KUBERNETES_NOT_READY: container app exited with code 137 (OOMKilled), restarted once",
        ),
        (
            container(json!({"running": {}}), json!({}), 0),
            "KUBERNETES_NOT_READY: container app runs and is not ready",
        ),
        (
            container(json!({"running": {}}), killed(), 2),
            "KUBERNETES_NOT_READY: container app runs and is not ready, last exited with code 137 (OOMKilled), restarted 2 times",
        ),
        (
            unready("web-0"),
            "KUBERNETES_NOT_READY: not ready (ContainersNotReady: containers with unready status: [app])",
        ),
        (
            pod(
                "web-0",
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu."}]}),
            ),
            "KUBERNETES_NOT_READY: no node takes it (Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.)",
        ),
        (pod("web-0", json!({"phase": "Pending"})), "KUBERNETES_NOT_READY: not started yet"),
        (
            pod("web-0", json!({"phase": "Succeeded"})),
            "KUBERNETES_NOT_READY: the pod has completed and runs no more",
        ),
        (leaving("web-0"), "KUBERNETES_NOT_READY: the pod is being deleted"),
        (
            evicted("web-0"),
            "KUBERNETES_NOT_READY: the pod failed (Evicted: The node was low on resource: memory.)",
        ),
        (
            pod(
                "web-0",
                json!({"phase": "Failed", "containerStatuses": [{"name": "app", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]}),
            ),
            "KUBERNETES_NOT_READY: the pod failed (container app exited with code 2 (Error))",
        ),
    ];
    assert_rows(&check("Pod", None), rows);
}

#[test]
fn what_holds_up_the_start_comes_first() {
    let starting = pod(
        "web-0",
        json!({"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}],
            "initContainerStatuses": [
                {"name": "first", "ready": true, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
                {"name": "mesh", "ready": true, "started": true, "state": {"running": {}}},
                {"name": "wait-for-db", "ready": false, "state": {"running": {}}},
            ],
            "containerStatuses": [{"name": "app", "ready": false, "state": {"waiting": {"reason": "PodInitializing"}}}]}),
    );
    assert_eq!(
        say(&check("Pod", None), &[starting]),
        "KUBERNETES_NOT_READY: container wait-for-db runs and is not ready"
    );
}

#[test]
fn a_readiness_gate_is_named() {
    let mut gated = pod(
        "web-0",
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {}}}]}),
    );
    gated["spec"] = json!({"readinessGates": [{"conditionType": "target-health"}]});
    assert_eq!(
        say(&check("Pod", None), &[gated]),
        "KUBERNETES_NOT_READY: its readiness gate target-health is not True"
    );
}

#[test]
fn all_pods_that_should_run_are_ready_and_there_is_one() {
    let completed = || pod("job", json!({"phase": "Succeeded"}));
    let all = check("Pod", None);
    for (pods, said) in [
        (vec![ready("a"), ready("b")], "up: 2 of 2 pods are ready"),
        (
            vec![ready("a"), leaving("b"), completed(), evicted("c")],
            "up: 1 of 1 pod is ready; 1 being deleted; 1 completed; 1 failed and replaced",
        ),
        (
            vec![ready("a"), unready("b"), leaving("c")],
            "KUBERNETES_NOT_READY: 1 of 2 pods are ready; b: not ready (ContainersNotReady: containers with unready status: [app]); 1 being deleted",
        ),
        (
            vec![completed(), leaving("b")],
            "KUBERNETES_NOT_READY: 0 of 0 pods are ready; 1 being deleted; 1 completed",
        ),
    ] {
        assert_eq!(say(&all, &pods), said);
    }
}

#[test]
fn so_many_pods_are_ready() {
    let least = |least| check("Pod", Some(KubernetesWhat::PodReadiness(Some(least))));
    let pods = [ready("a"), unready("b"), ready("c")];
    assert_eq!(say(&least(2), &pods), "up: 2 of 3 pods are ready");
    assert_eq!(
        say(&least(3), &pods),
        "KUBERNETES_NOT_READY: 2 of 3 pods are ready, 3 needed; b: not ready (ContainersNotReady: containers with unready status: [app])"
    );
    assert_eq!(
        say(&least(2), &[ready("a")]),
        "KUBERNETES_NOT_READY: 1 of 1 pod is ready, 2 needed"
    );
    assert_eq!(say(&least(0), &[leaving("a")]), "up: 0 of 0 pods are ready; 1 being deleted");
}
