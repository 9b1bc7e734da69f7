//! What `deploy/manifests` installs, on a real API server: it is admitted under the strictest
//! profile, it may do what it needs and no more, and a new image takes an old one's place.

use std::process::Command;

use kuma_e2e::{ControlPlane, until};
use serde_json::{Value, json};

const ACCOUNT: &str = "--as=system:serviceaccount:kubekuma:kubekuma";

/// A control plane with nodes, our definitions, and a disk for whoever claims one.
fn cluster(name: &str) -> Option<ControlPlane> {
    let plane = ControlPlane::own(name).filter(ControlPlane::has_workloads)?;
    plane.install_crds();
    plane.kubectl().apply(&[json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "disk"},
        "spec": {
            "capacity": {"storage": "5Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/disk"},
        },
    })]);
    Some(plane)
}

/// Applies an overlay; the API server has nothing to warn of.
#[track_caller]
fn install(plane: &ControlPlane, overlay: &str) {
    let folder =
        format!("{}/../../deploy/manifests/overlays/{overlay}", env!("CARGO_MANIFEST_DIR"));
    let told = plane.kubectl().tell(&["apply", "--server-side", "-k", &folder], None);
    assert!(told.success && !told.err.contains("Warning"), "{}{}", told.err, told.out);
}

fn deployment(plane: &ControlPlane) -> Value {
    plane.object("deployment", "kubekuma", "kubekuma")
}

/// Waits until a rollout is over, and calls `watch` on each look at the Deployment.
#[track_caller]
fn rolled_out(plane: &ControlPlane, replicas: u64, mut watch: impl FnMut(&Value)) {
    until("the rollout to be over", || {
        let found = deployment(plane);
        watch(&found);
        let status = &found["status"];
        let is_over = status["observedGeneration"] == found["metadata"]["generation"]
            && ["replicas", "updatedReplicas", "availableReplicas"]
                .iter()
                .all(|field| status[field] == replicas);
        if is_over { Ok(()) } else { Err(status.to_string()) }
    });
}

/// Images of the pods that run, those that are going apart.
fn images(plane: &ControlPlane) -> Vec<String> {
    let pods = plane.kubectl().json(&["get", "pods", "-n", "kubekuma"]);
    let staying = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["metadata"]["deletionTimestamp"].is_null());
    staying.map(|it| it["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_single_replica_is_admitted_and_upgraded() {
    let Some(plane) = cluster("single") else { return };
    install(&plane, "single");
    rolled_out(&plane, 1, |_| {});
    let upgrade =
        ["set", "image", "-n", "kubekuma", "deployment/kubekuma", "kubekuma=kubekuma:next"];
    plane.kubectl().run(&upgrade);
    // Two would quarrel about the file.
    rolled_out(&plane, 1, |found| {
        let running = found["status"]["replicas"].as_u64().unwrap_or_default();
        assert!(running <= 1, "{running} at a time");
    });
    assert_eq!(images(&plane), ["kubekuma:next"]);
}

#[test]
fn replicas_are_upgraded_one_by_one_and_two_are_there_throughout() {
    let Some(plane) = cluster("several") else { return };
    plane.kubectl().run(&["create", "namespace", "kubekuma"]);
    let url = "--from-literal=url=postgres://kubekuma@postgres.example.com/kubekuma";
    let secret = ["create", "secret", "generic", "kubekuma-database", "-n", "kubekuma", url];
    plane.kubectl().run(&secret);
    install(&plane, "ha");
    rolled_out(&plane, 2, |_| {});
    let upgrade =
        ["set", "image", "-n", "kubekuma", "deployment/kubekuma", "kubekuma=kubekuma:next"];
    plane.kubectl().run(&upgrade);
    rolled_out(&plane, 2, |found| {
        let ready = found["status"]["readyReplicas"].as_u64().unwrap_or_default();
        assert!(ready >= 2, "{ready} ready: {}", found["status"]);
    });
    assert_eq!(images(&plane), ["kubekuma:next", "kubekuma:next"]);
}

#[test]
fn the_account_may_do_what_it_needs_and_no_more() {
    let Some(plane) = cluster("rights") else { return };
    install(&plane, "single");
    let may = |verb: &str, resource: &str, namespace: &str| {
        let (name, below) = resource.split_once('/').unwrap_or((resource, ""));
        let below = format!("--subresource={below}");
        let question = ["auth", "can-i", verb, name, &below, ACCOUNT, "-n", namespace];
        plane.kubectl().tell(&question, None).out.trim() == "yes"
    };
    // Bindings are in force a moment after they were made.
    until("the bindings", || {
        let reads = may("list", "monitors.monitoring.kubekuma.io", "default");
        if reads { Ok(()) } else { Err("no".to_owned()) }
    });
    let granted = [
        ("watch", "monitors.monitoring.kubekuma.io", "default"),
        ("patch", "monitors.monitoring.kubekuma.io/status", "default"),
        ("patch", "kubekumasettings.monitoring.kubekuma.io/status", "default"),
        ("create", "events.events.k8s.io", "default"),
        ("get", "secrets", "default"),
        ("create", "leases.coordination.k8s.io", "kubekuma"),
        ("patch", "leases.coordination.k8s.io", "kubekuma"),
    ];
    for (verb, resource, namespace) in granted {
        assert!(may(verb, resource, namespace), "{verb} {resource} in {namespace}");
    }
    let refused = [
        ("update", "monitors.monitoring.kubekuma.io", "default"),
        ("patch", "monitors.monitoring.kubekuma.io", "default"),
        ("create", "monitors.monitoring.kubekuma.io", "default"),
        ("delete", "monitors.monitoring.kubekuma.io", "default"),
        ("list", "secrets", "kubekuma"),
        ("watch", "secrets", "kubekuma"),
        ("create", "secrets", "kubekuma"),
        ("create", "leases.coordination.k8s.io", "default"),
        ("list", "pods", "default"),
        ("create", "pods", "kubekuma"),
        ("create", "ingresses.networking.k8s.io", "default"),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", "default"),
    ];
    for (verb, resource, namespace) in refused {
        assert!(!may(verb, resource, namespace), "{verb} {resource} in {namespace}");
    }
}

#[test]
fn a_tenant_gets_by_with_rights_in_its_own_namespace() {
    let Some(plane) = cluster("tenant") else { return };
    plane.kubectl().run(&["create", "namespace", "kubekuma"]);
    install(&plane, "namespaced");
    let may = |verb: &str, resource: &str, scope: &[&str]| {
        let question = [&["auth", "can-i", verb, resource, ACCOUNT], scope].concat();
        plane.kubectl().tell(&question, None).out.trim() == "yes"
    };
    let monitors = "monitors.monitoring.kubekuma.io";
    until("the bindings", || {
        if may("list", monitors, &["-n", "kubekuma"]) { Ok(()) } else { Err("no".to_owned()) }
    });
    for scope in [&["-n", "default"][..], &["--all-namespaces"]] {
        for resource in
            [monitors, "secrets", "namespaces", "kubekumasettings.monitoring.kubekuma.io"]
        {
            assert!(!may("list", resource, scope) && !may("get", resource, scope), "{resource}");
        }
    }
    rolled_out(&plane, 1, |_| {});
}

#[test]
fn every_component_is_taken_by_the_api_server() {
    let Some(plane) = cluster("components") else { return };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/manifests");
    let copied = Command::new("cp").args(["-r", source]).arg(plane.folder()).status();
    assert!(copied.unwrap().success());
    plane.kubectl().run(&["create", "namespace", "kubekuma"]);
    let components = plane.folder().join("manifests/components");
    let mut seen = 0;
    for entry in std::fs::read_dir(&components).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let mut with = vec![format!("../manifests/components/{name}")];
        if name == "webhook-cert-manager" {
            // It adds to the other.
            with.insert(0, "../manifests/components/webhook".to_owned());
        }
        let kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../manifests/overlays/single"],
            "components": with,
        });
        let folder = plane.folder().join(format!("with-{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("kustomization.yaml"), kustomization.to_string()).unwrap();
        let apply = ["apply", "--server-side", "--dry-run=server", "-k", folder.to_str().unwrap()];
        let told = plane.kubectl().tell(&apply, None);
        // Kinds of others that a cluster has only where these are installed.
        let foreign = ["servicemonitor", "webhook-cert-manager"].contains(&name.as_str());
        let taken = told.success || foreign && told.err.contains("no matches for kind");
        assert!(taken && !told.err.contains("Warning"), "{name}: {}", told.err);
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
}
