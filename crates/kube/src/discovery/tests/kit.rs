//! A cluster of YAML-like objects to look at.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use kuma_core::id::ObjectName;
use kuma_core::settings::{DiscoverySettings, DiscoverySource};
use serde_json::{Value, json};

use crate::discovery::{Discovery, Input, Known, discover};
use crate::surroundings::{Found, Resource, View};

pub(super) fn settings() -> DiscoverySettings {
    DiscoverySettings {
        enabled: true,
        sources: vec![
            DiscoverySource::Service,
            DiscoverySource::Ingress,
            DiscoverySource::GatewayApi,
        ],
        ..DiscoverySettings::default()
    }
}

pub(super) const LOOKED_AT: [Resource; 5] = [
    Resource::Service,
    Resource::Ingress,
    Resource::Gateway,
    Resource::HttpRoute,
    Resource::Monitor,
];

/// A view that holds some objects and is complete.
pub(super) fn view(objects: &[Value]) -> View {
    let mut view = View { complete: BTreeSet::from(LOOKED_AT), ..View::default() };
    for object in objects {
        let kind = object["kind"].as_str().unwrap();
        let resource = LOOKED_AT.into_iter().find(|it| it.kind() == kind).unwrap();
        let found = Found::read(resource, object).unwrap();
        view.objects.entry(resource).or_default().insert(found.name.clone(), Arc::new(found));
    }
    view
}

pub(super) fn object(kind: &str, name: &str, annotations: &Value, spec: &Value) -> Value {
    let (namespace, name) = name.split_once('/').unwrap();
    let notes: Value = annotations
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (format!("kubekuma.io/{key}"), value.clone()))
        .collect();
    json!({
        "kind": kind,
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("uid-{kind}-{name}"),
            "annotations": notes,
        },
        "spec": spec,
    })
}

pub(super) fn service(name: &str, annotations: &Value, ports: &Value) -> Value {
    object("Service", name, annotations, &json!({"clusterIP": "10.0.0.1", "ports": ports}))
}

/// An Ingress with one path.
pub(super) fn ingress(name: &str, host: &str, path: &str) -> Value {
    object("Ingress", name, &json!({}), &json!({"rules": [rule(host, &[(path, "Prefix", "web")])]}))
}

pub(super) fn rule(host: &str, paths: &[(&str, &str, &str)]) -> Value {
    let paths: Vec<_> = paths
        .iter()
        .map(|(path, path_type, service)| {
            json!({"path": path, "pathType": path_type, "backend": {"service": {"name": service, "port": {"number": 80}}}})
        })
        .collect();
    json!({"host": host, "http": {"paths": paths}})
}

pub(super) fn look(objects: &[Value], known: &[Known]) -> Discovery {
    look_at(&view(objects), known, false)
}

pub(super) fn input<'a>(view: &'a View, settings: &'a DiscoverySettings) -> Input<'a> {
    Input {
        view,
        settings,
        min_interval: Duration::from_secs(10),
        known: &[],
        isolated: false,
        system_namespace: "kubekuma",
        own_service: "kubekuma",
        before: None,
    }
}

pub(super) fn look_at(view: &View, known: &[Known], isolated: bool) -> Discovery {
    discover(Input { known, isolated, ..input(view, &settings()) })
}

pub(super) fn monitor(name: &str, address: &str) -> Known {
    let name: ObjectName = name.parse().unwrap();
    Known { name, ours: false, address: Some(address.to_owned()) }
}

/// What a person would want to see of it.
pub(super) fn told(discovery: &Discovery) -> String {
    let mut out = String::new();
    for it in &discovery.suggestions {
        let eligible = if it.eligible { "" } else { " (suggested only)" };
        let _ = writeln!(out, "{}{eligible}\n  {}\n  {}", it.name, it.spec, it.why);
    }
    for it in &discovery.skipped {
        let _ = writeln!(out, "left out: {}: {}", it.source, it.why);
    }
    for it in &discovery.notices {
        let _ = writeln!(out, "to mend: {}: {}", it.source, it.problem);
    }
    out
}
