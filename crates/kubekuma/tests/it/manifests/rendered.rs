//! The manifests as `kubectl kustomize` puts them together: what only shows when overlays,
//! components and another namespace meet.

use std::path::{Path, PathBuf};
use std::process::Command;

use kuma_fixture::lacking;
use serde_json::Value;

use super::{documents, root};
use crate::kit::Home;

/// kubectl of `KUBEBUILDER_ASSETS`, of the control plane that `cargo xtask test` builds, else of the
/// PATH.
fn kubectl() -> Option<PathBuf> {
    let folders = ["KUBEBUILDER_ASSETS", "KUMA_CONTROL_PLANE", "PATH"].map(std::env::var_os);
    let found = folders
        .iter()
        .flatten()
        .flat_map(std::env::split_paths)
        .map(|folder| folder.join("kubectl"))
        .find(|program| program.is_file());
    if found.is_none() {
        lacking("kubectl, which puts the manifests together: run `cargo xtask test`");
    }
    found
}

fn build(kubectl: &Path, folder: &Path) -> Vec<Value> {
    let ran = Command::new(kubectl).arg("kustomize").arg(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    documents(&String::from_utf8(ran.stdout).unwrap(), &folder.display().to_string())
}

/// A kustomization of somebody's own on top of the manifests.
fn own(kubectl: &Path, text: &str) -> Vec<Value> {
    let home = Home::new();
    // Kustomize takes relative paths only.
    std::os::unix::fs::symlink(root().canonicalize().unwrap(), home.path().join("manifests"))
        .unwrap();
    home.put("own/kustomization.yaml", text);
    build(kubectl, &home.path().join("own"))
}

fn kinds(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["kind"].as_str().unwrap()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap()
}

/// Every value of a field, at any depth.
fn values<'a>(value: &'a Value, field: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == field && value.is_string() {
                    found.push(value);
                }
                values(value, field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, field, found)),
        _ => {}
    }
}

fn namespaces(objects: &[Value]) -> Vec<&str> {
    let mut found = Vec::new();
    for object in objects {
        values(object, "namespace", &mut found);
    }
    let mut names: Vec<_> = found.into_iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn each_overlay_is_complete() {
    let Some(kubectl) = kubectl() else { return };
    let single = build(&kubectl, &root().join("overlays/single"));
    assert!(kinds(&single).contains(&"PersistentVolumeClaim"));
    let pod = &of_kind(&single, "Deployment")["spec"]["template"]["spec"];
    let image = format!("kubekuma:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(pod["containers"][0]["image"], image);
    assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "kubekuma-data");
    assert!(pod["volumes"][0].get("emptyDir").is_none(), "a volume has one source");

    let several = build(&kubectl, &root().join("overlays/ha"));
    assert!(kinds(&several).contains(&"PodDisruptionBudget"));
    let pod = &of_kind(&several, "Deployment")["spec"]["template"]["spec"];
    let environment = pod["containers"][0]["env"].as_array().unwrap();
    let database = environment.iter().find(|it| it["name"] == "DATABASE_URL").unwrap();
    assert_eq!(database["valueFrom"]["secretKeyRef"]["name"], "kubekuma-database");
    assert!(database.get("value").is_none(), "{database}");
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    assert_eq!((mounts.len(), mounts[0]["mountPath"].as_str()), (1, Some("/tmp")));
}

#[test]
fn another_namespace_moves_everything() {
    let Some(kubectl) = kubectl() else { return };
    let moved = own(
        &kubectl,
        "namespace: monitoring\nresources: [../manifests/overlays/ha]\ncomponents:\n\
         - ../manifests/components/kubernetes-checks\n- ../manifests/components/webhook\n\
         - ../manifests/components/secret-writes\n",
    );
    assert_eq!(namespaces(&moved), ["monitoring"]);
    assert_eq!(of_kind(&moved, "Namespace")["metadata"]["name"], "monitoring");
    let webhook = of_kind(&moved, "ValidatingWebhookConfiguration");
    assert_eq!(webhook["webhooks"][0]["clientConfig"]["service"]["namespace"], "monitoring");
}

#[test]
fn a_tenant_gets_nothing_outside_its_namespace() {
    let Some(kubectl) = kubectl() else { return };
    let everything: String = [
        "secrets-watch",
        "secret-writes",
        "ui-writes",
        "exposure",
        "discovery",
        "discovery-writes",
        "kubernetes-checks",
        "networkpolicy",
        "namespaced",
    ]
    .map(|name| format!("- ../manifests/components/{name}\n"))
    .concat();
    for overlay in ["single", "ha"] {
        let text = format!(
            "namespace: shop\nresources: [../manifests/overlays/{overlay}]\ncomponents:\n{everything}"
        );
        let objects = own(&kubectl, &text);
        for object in &objects {
            assert_eq!(object["metadata"]["namespace"], "shop", "{object}");
            assert!(!object["kind"].as_str().unwrap().starts_with("Cluster"), "{object}");
        }
        assert_eq!(namespaces(&objects), ["shop"]);
        let container =
            &of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
        let names: Vec<_> =
            container["env"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert!(names.iter().any(|name| *name == "KUBEKUMA_WATCH_NAMESPACE"), "{names:?}");
    }
}

#[test]
fn the_examples_can_be_put_together() {
    let Some(kubectl) = kubectl() else { return };
    let examples = root().join("../../examples/kubernetes");
    let production = build(&kubectl, &examples.join("production"));
    assert_eq!(of_kind(&production, "Deployment")["spec"]["replicas"], 3);
    let tenant = build(&kubectl, &examples.join("tenant"));
    assert_eq!(namespaces(&tenant), ["shop"]);
}
