//! As much of the Gateway API as is needed to have Gateways and routes; nothing here obeys them.

use kuma_e2e::{ControlPlane, until};
use serde_json::{Value, json};

fn definition(kind: &str, singular: &str, plural: &str) -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.gateway.networking.k8s.io"),
            // Names that end so belong to the community, which asks for this.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": "gateway.networking.k8s.io",
            "names": {"kind": kind, "singular": singular, "plural": plural},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": anything, "status": anything},
                }},
            }],
        },
    })
}

/// Installs Gateways and HTTPRoutes.
#[track_caller]
pub(crate) fn install(plane: &ControlPlane) {
    let kubectl = plane.kubectl();
    kubectl.apply(&[
        definition("Gateway", "gateway", "gateways"),
        definition("HTTPRoute", "httproute", "httproutes"),
    ]);
    until("routes to be known", || {
        let told = kubectl.tell(&["get", "gateways,httproutes", "--all-namespaces"], None);
        if told.success { Ok(()) } else { Err(told.err) }
    });
}

/// An object of it.
pub(crate) fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}
