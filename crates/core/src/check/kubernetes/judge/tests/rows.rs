//! Workloads, endpoints, jobs, claims, nodes, conditions, fields.

use kuma_expr::JsonPath;
use serde_json::json;

use super::*;

fn at_least(least: u32) -> KubernetesWhat {
    KubernetesWhat::AvailableReplicasAtLeast(least)
}

#[test]
fn a_deployment_has_enough_replicas_available() {
    let of = |spec: Value, status: Value| json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 3}, "spec": spec, "status": status});
    let full = json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]});
    let rows = vec![
        (of(json!({"replicas": 3}), full.clone()), "up: 3 of 3 replicas are available"),
        (
            of(json!({"replicas": 3, "paused": true}), full),
            "up: 3 of 3 replicas are available; paused",
        ),
        (
            of(
                json!({"replicas": 3}),
                json!({"observedGeneration": 2, "updatedReplicas": 3, "availableReplicas": 3}),
            ),
            "up: 3 of 3 replicas are available; its controller has not seen the latest change yet",
        ),
        (
            of(
                json!({"replicas": 3}),
                json!({"observedGeneration": 3, "updatedReplicas": 1, "availableReplicas": 2}),
            ),
            "up: 2 of 3 replicas are available; being rolled out, 1 of 3 updated",
        ),
        (
            of(
                json!({"replicas": 3}),
                json!({"observedGeneration": 3, "updatedReplicas": 1, "availableReplicas": 1,
                "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-5\" has timed out progressing."}]}),
            ),
            "KUBERNETES_REPLICAS: 1 of 3 replicas are available, 2 needed; being rolled out, 1 of 3 updated; the rollout does not progress (ProgressDeadlineExceeded: ReplicaSet \"web-5\" has timed out progressing.)",
        ),
        (
            of(
                json!({"replicas": 3}),
                json!({"observedGeneration": 3, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota:\n  pods"}]}),
            ),
            "KUBERNETES_REPLICAS: 0 of 3 replicas are available, 2 needed; being rolled out, 0 of 3 updated; pods cannot be made (FailedCreate: exceeded quota: pods)",
        ),
        (
            of(json!({"replicas": 0}), json!({"observedGeneration": 3})),
            "KUBERNETES_REPLICAS: scaled to 0, 2 needed",
        ),
        (
            of(
                json!({}),
                json!({"observedGeneration": 3, "updatedReplicas": 1, "availableReplicas": 1}),
            ),
            "KUBERNETES_REPLICAS: 1 of 1 replicas are available, 2 needed, which is more than it is scaled to",
        ),
        (
            of(json!({"replicas": 2}), json!(null)),
            "KUBERNETES_REPLICAS: 0 of 2 replicas are available, 2 needed; being rolled out, 0 of 2 updated",
        ),
    ];
    assert_rows(&check("Deployment", at_least(2)), rows);
    let idle = of(json!({"replicas": 0}), json!({"observedGeneration": 3}));
    assert_eq!(
        say(&check("Deployment", at_least(0)), &[idle]),
        "up: 0 of 0 replicas are available"
    );
}

#[test]
fn other_workloads_count_in_their_own_way() {
    let stateful = json!({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": 3},
        "status": {"replicas": 3, "readyReplicas": 2, "availableReplicas": 1, "updatedReplicas": 3}});
    assert_eq!(
        say(&check("StatefulSet", at_least(2)), &[stateful]),
        "up: 2 of 3 replicas are ready"
    );
    let daemon = json!({"kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {},
        "status": {"desiredNumberScheduled": 4, "numberAvailable": 3, "numberReady": 4, "updatedNumberScheduled": 4}});
    assert_eq!(
        say(&check("DaemonSet", at_least(4)), &[daemon]),
        "KUBERNETES_REPLICAS: 3 of 4 replicas are available, 4 needed"
    );
    let set = json!({"kind": "ReplicaSet", "metadata": {"name": "web-5"}, "spec": {"replicas": 2}, "status": {"availableReplicas": 2}});
    assert_eq!(say(&check("ReplicaSet", None), &[set]), "up: 2 of 2 replicas are available");
    let rollout =
        json!({"kind": "Rollout", "spec": {"replicas": 2}, "status": {"readyReplicas": 2}});
    assert_eq!(
        say(&check("Rollout", at_least(2)), &[rollout]),
        "up: 2 of 2 replicas are available"
    );
}

#[test]
fn all_of_several_must_be_well_and_the_sick_are_named() {
    let of = |name: &str, available: u32| json!({"kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": 1}, "status": {"availableReplicas": available, "updatedReplicas": 1}});
    let all = check("Deployment", None);
    assert_eq!(say(&all, &[of("a", 1), of("b", 1)]), "up: all 2 are well");
    let objects: Vec<_> =
        ["a", "b", "c"].map(|name| Arc::new(of(name, u32::from(name == "a")))).into();
    let unwell = judge(&all, &objects, NOW.parse().unwrap()).unwrap_err();
    assert_eq!(unwell.message, "2 of 3 are not well; b: 0 of 1 replicas are available, 1 needed");
    let named: Vec<&str> = unwell.facts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named[..2], ["b", "c"]);
}

#[test]
fn nothing_there_is_a_failure_that_says_where_was_looked() {
    let mut looked = check("Deployment", None);
    assert_eq!(
        say(&looked, &[]),
        "KUBERNETES_NOT_FOUND: there is no Deployment with app=web in namespace shop"
    );
    looked.which = ObjectChoice::Name("web".to_owned());
    assert_eq!(
        say(&looked, &[]),
        "KUBERNETES_NOT_FOUND: there is no Deployment web in namespace shop"
    );
    let mut node = check("Node", None);
    node.which = ObjectChoice::Name("n1".to_owned());
    assert_eq!(say(&node, &[]), "KUBERNETES_NOT_FOUND: there is no Node n1");
    let mut service = check("Service", None);
    service.which = ObjectChoice::Name("web".to_owned());
    assert_eq!(
        say(&service, &[]),
        "KUBERNETES_NOT_FOUND: there is no EndpointSlice of Service web in namespace shop: it does not exist, or selects no pods and has no endpoints of its own"
    );
}

fn slice(service: &str, name: &str, endpoints: &[(&str, Value)]) -> Value {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|(pod, conditions)| json!({"addresses": ["192.0.2.1"], "conditions": conditions, "targetRef": {"kind": "Pod", "name": pod}}))
        .collect();
    json!({"kind": "EndpointSlice", "metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}}, "endpoints": endpoints})
}

#[test]
fn a_service_has_endpoints_that_are_ready() {
    let least = |least| check("Service", Some(KubernetesWhat::EndpointNonEmpty(least)));
    let ready = || json!({"ready": true, "serving": true, "terminating": false});
    let draining = json!({"ready": false, "serving": true, "terminating": true});
    let gone = json!({"ready": false, "serving": false, "terminating": true});
    let v4 = slice(
        "web",
        "web-4",
        &[("a", ready()), ("b", json!({"ready": false})), ("c", draining), ("d", gone)],
    );
    // The same pod by IPv6 is the same endpoint; what the API leaves out is ready.
    let v6 = slice("web", "web-6", &[("a", json!({}))]);
    let both = [v4.clone(), v6];
    assert_eq!(
        say(&least(1), &both),
        "up: 1 endpoint is ready, 1 not ready, 2 being deleted, 1 of these still serving"
    );
    assert_eq!(
        say(&least(2), &both),
        "KUBERNETES_ENDPOINTS: 1 endpoint is ready, 1 not ready, 2 being deleted, 1 of these still serving, 2 needed"
    );
    let empty = json!({"kind": "EndpointSlice", "metadata": {"name": "web-x"}, "endpoints": null});
    assert_eq!(say(&least(1), &[empty]), "KUBERNETES_ENDPOINTS: no endpoint is ready");
    let other = slice("api", "api-1", &[]);
    assert_eq!(
        say(&least(1), &[v4.clone(), other]),
        "KUBERNETES_ENDPOINTS: 1 of 2 services have too few; api: no endpoint is ready"
    );
    let api = slice("api", "api-1", &[("z", ready())]);
    assert_eq!(say(&least(1), &[v4, api]), "up: all 2 services have enough endpoints");
    // Endpoints without a pod are told apart by their address.
    let bare = json!({"metadata": {"name": "db"}, "endpoints": [{"addresses": ["192.0.2.7"]}, {"addresses": ["192.0.2.8"]}]});
    assert_eq!(say(&check("EndpointSlice", None), &[bare]), "up: 2 endpoints are ready");
}

#[test]
fn a_job_is_well_until_it_has_failed() {
    let of = |spec: Value, status: Value| json!({"kind": "Job", "metadata": {"name": "import"}, "spec": spec, "status": status});
    let condition = |kind: &str, reason: &str, message: &str| json!([{"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": "2026-06-10T11:00:00Z"}]);
    let rows = vec![
        (
            of(
                json!({}),
                json!({"succeeded": 1, "completionTime": "2026-06-10T11:00:00Z", "conditions": condition("Complete", "", "")}),
            ),
            "up: succeeded at 2026-06-10T11:00:00Z",
        ),
        (
            of(json!({}), json!({"conditions": condition("SuccessCriteriaMet", "", "")})),
            "up: succeeded",
        ),
        (
            of(
                json!({}),
                json!({"failed": 7, "conditions": condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")}),
            ),
            "KUBERNETES_JOB: the job failed since 2026-06-10T11:00:00Z (BackoffLimitExceeded: Job has reached the specified backoff limit); 7 pods failed",
        ),
        (
            of(
                json!({}),
                json!({"conditions": condition("FailureTarget", "DeadlineExceeded", "")}),
            ),
            "KUBERNETES_JOB: the job failed since 2026-06-10T11:00:00Z (DeadlineExceeded)",
        ),
        (
            of(json!({}), json!({"active": 1, "failed": 1, "startTime": "2026-06-10T11:59:00Z"})),
            "up: still running since 2026-06-10T11:59:00Z with 1 pod; 1 pod failed",
        ),
        (of(json!({"suspend": true}), json!({})), "up: suspended"),
        (of(json!({}), json!(null)), "up: still running"),
        (
            of(json!({}), json!({"conditions": [{"type": "Failed", "status": "False"}]})),
            "up: still running",
        ),
    ];
    assert_rows(&check("Job", None), rows);
}

#[test]
fn of_the_jobs_of_one_controller_the_last_counts() {
    let of = |name: &str, born: &str, owner: Option<&str>, end: &str| {
        let owners = owner.map(|uid| json!([{"uid": uid, "controller": true}]));
        json!({"kind": "Job", "metadata": {"name": name, "creationTimestamp": born, "ownerReferences": owners},
            "status": {"conditions": [{"type": end, "status": "True"}]}})
    };
    let old = of("b-1", "2026-06-08T00:00:00Z", Some("backup"), "Failed");
    let new = of("b-2", "2026-06-09T00:00:00Z", Some("backup"), "Complete");
    let jobs = check("Job", None);
    assert_eq!(say(&jobs, &[old.clone(), new.clone()]), "up: succeeded");
    assert_eq!(say(&jobs, &[new.clone(), old.clone()]), "up: succeeded");
    let by_hand = of("hand", "2026-06-01T00:00:00Z", None, "Failed");
    assert_eq!(
        say(&jobs, &[old, new, by_hand]),
        "KUBERNETES_JOB: 1 of 2 are not well; hand: the job failed"
    );
}

#[test]
fn a_claim_is_bound() {
    let of = |spec: Value, status: Value| json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec, "status": status});
    let spec = || json!({"volumeName": "pv-1", "storageClassName": "fast"});
    let rows = vec![
        (of(spec(), json!({"phase": "Bound"})), "up: bound to pv-1"),
        (
            of(
                spec(),
                json!({"phase": "Bound", "conditions": [{"type": "FileSystemResizePending", "status": "True", "message": "waiting for a pod"}]}),
            ),
            "up: bound to pv-1; FileSystemResizePending (waiting for a pod)",
        ),
        (
            of(json!({"storageClassName": "fast"}), json!({"phase": "Pending"})),
            "KUBERNETES_NOT_READY: not bound: no volume has been found or made for it, or no pod uses it yet and its storage class waits for one",
        ),
        (of(spec(), json!({"phase": "Pending"})), "KUBERNETES_NOT_READY: not bound to pv-1 yet"),
        (
            of(spec(), json!({"phase": "Lost"})),
            "KUBERNETES_NOT_READY: lost: its volume pv-1 does not exist",
        ),
        (of(json!({}), json!({})), "KUBERNETES_NOT_READY: not bound: nobody has looked at it yet"),
    ];
    assert_rows(&check("PersistentVolumeClaim", None), rows);
}

#[test]
fn a_node_is_ready_and_its_pressures_are_named() {
    let of = |ready: &str, more: Value| {
        let ready = json!({"type": "Ready", "status": ready, "reason": "KubeletNotReady", "message": "container runtime is down", "lastTransitionTime": "2026-06-10T11:00:00Z"});
        json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": [more, ready]}})
    };
    let pressed =
        json!({"type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure"});
    let fine = || json!({"type": "DiskPressure", "status": "False"});
    let mut cordoned = of("True", fine());
    cordoned["spec"] = json!({"unschedulable": true});
    let rows = vec![
        (of("True", fine()), "up: the node is ready"),
        (
            of("True", pressed.clone()),
            "up: the node is ready; DiskPressure (KubeletHasDiskPressure)",
        ),
        (cordoned, "up: the node is ready; no new pods come to it (cordoned)"),
        (
            of("False", pressed),
            "KUBERNETES_NOT_READY: the node is not ready since 2026-06-10T11:00:00Z (KubeletNotReady: container runtime is down); DiskPressure (KubeletHasDiskPressure)",
        ),
        (
            of("Unknown", fine()),
            "KUBERNETES_NOT_READY: nothing is heard from the node since 2026-06-10T11:00:00Z (KubeletNotReady: container runtime is down)",
        ),
        (
            json!({"kind": "Node"}),
            "KUBERNETES_NOT_READY: the node has never said whether it is ready",
        ),
    ];
    assert_rows(&check("Node", None), rows);
}

#[test]
fn any_condition_must_be_true() {
    let of = |conditions: Value| json!({"kind": "Certificate", "metadata": {"name": "tls", "generation": 4}, "status": {"conditions": conditions}});
    let rows = vec![
        (of(json!([{"type": "Ready", "status": "True"}])), "up: Ready is True"),
        (
            of(json!([{"type": "Ready", "status": "True", "observedGeneration": 3}])),
            "up: Ready is True; that is about an older version of it",
        ),
        (
            of(
                json!([{"type": "Ready", "status": "False", "reason": "Expired", "message": "renewal failed"}]),
            ),
            "KUBERNETES_NOT_READY: Ready is False (Expired: renewal failed)",
        ),
        (
            of(json!([{"type": "Ready", "status": "Unknown"}])),
            "KUBERNETES_NOT_READY: Ready is Unknown",
        ),
        (
            of(json!([{"type": "Issuing", "status": "True"}])),
            "KUBERNETES_NOT_READY: it has no condition Ready",
        ),
        (of(json!("none")), "KUBERNETES_NOT_READY: it has no condition Ready"),
    ];
    assert_rows(&check("Certificate", None), rows);
}

#[test]
fn a_field_has_a_value() {
    let field = |path: &str, expected: Option<&str>| {
        let path = JsonPath::compile(path).unwrap();
        check(
            "Pod",
            Some(KubernetesWhat::StatusField { path, expected: expected.map(str::to_owned) }),
        )
    };
    let object =
        json!({"status": {"phase": "Running", "replicas": 3, "list": [{"a": 1}, {"a": 2}]}});
    for (path, expected, said) in [
        ("$.status.phase", Some("Running"), "up: `$.status.phase` is Running"),
        ("$.status.replicas", Some("3.0"), "up: `$.status.replicas` is 3"),
        ("$.status.replicas", None, "up: `$.status.replicas` is 3"),
        ("$.status.list[*].a", Some("1"), "up: `$.status.list[*].a` is 1"),
        (
            "$.status.phase",
            Some("Failed"),
            "KUBERNETES_FIELD: `$.status.phase` is Running, expected Failed",
        ),
        ("$.status.none", None, "KUBERNETES_FIELD: `$.status.none` finds nothing"),
    ] {
        assert_eq!(say(&field(path, expected), std::slice::from_ref(&object)), said);
    }
}
