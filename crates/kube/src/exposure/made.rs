//! The Ingress or HTTPRoute that we make for a page, and how the page stands with it.

use std::collections::BTreeMap;

use kuma_core::digest::sha256_hex;
use kuma_core::id::ObjectName;
use kuma_core::object::StatusPage;
use serde_json::{Value, json};

use super::options::{GatewayName, Options, is_dns_name};
use super::standing::{Reason, Standing};
use super::{WRITER, check};
use crate::owned::{Desired, Live, Target};
use crate::surroundings::{Found, PREFIX, Resource, View};

/// What is to lead to a page.
pub(super) fn desired(
    page: &StatusPage,
    resource: Resource,
    found: &Found,
    options: &Options,
) -> Result<Desired, Standing> {
    let spec = match resource {
        Resource::Ingress => ingress(page, found, options)?,
        _ => route(page, found, options)?,
    };
    let target = Target { resource, name: name(&page.name) };
    Ok(Desired::new(target, WRITER, found.owner(), &found.title(), &spec))
}

/// `kubekuma-<page>`, so that nobody wonders where it comes from.
pub(super) fn name(page: &ObjectName) -> ObjectName {
    let name = format!("kubekuma-{}", page.name);
    let name = if name.len() <= 253 {
        name
    } else {
        format!("kubekuma-{}", &sha256_hex(page.name.as_bytes())[..16])
    };
    ObjectName::new(page.namespace.clone(), name)
}

fn ingress(page: &StatusPage, found: &Found, options: &Options) -> Result<Value, Standing> {
    if *page.name.namespace != *options.system_namespace {
        let why = format!(
            "an Ingress reaches Services of its own namespace only, and KubeKuma is in {}; put the page there, or use mode gatewayapi",
            options.system_namespace
        );
        return Err(Standing::new(page, Reason::NotPossible, why));
    }
    let class = match found.annotations.get(&key("ingress-class")) {
        Some(class) if !is_dns_name(class) => {
            let why = format!("the annotation {} names no IngressClass", key("ingress-class"));
            return Err(Standing::new(page, Reason::BadAnnotation, why));
        }
        Some(class) => Some(class),
        None => options.ingress_class.as_ref(),
    };
    let hosts = &page.exposure.hosts;
    let backend = json!({"service": {"name": options.service, "port": {"number": options.port}}});
    let rules: Vec<_> = hosts
        .iter()
        .map(|host| {
            let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
            json!({"host": host, "http": {"paths": [path]}})
        })
        .collect();
    let mut spec = json!({"rules": rules});
    if let Some(class) = class {
        spec["ingressClassName"] = json!(class);
    }
    if let Some(secret) = &page.exposure.tls_secret {
        spec["tls"] = json!([{"hosts": hosts, "secretName": secret}]);
    }
    Ok(spec)
}

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

fn route(page: &StatusPage, found: &Found, options: &Options) -> Result<Value, Standing> {
    let gateway: GatewayName = match found.annotations.get(&key("gateway")) {
        Some(text) => text.trim().parse().map_err(|error| {
            let why = format!("annotation {}: {error}", key("gateway"));
            Standing::new(page, Reason::BadAnnotation, why)
        })?,
        None => options.gateway.clone().ok_or_else(|| {
            let why = format!(
                "nothing says which Gateway; set the annotation {} on the page, such as infra/edge",
                key("gateway")
            );
            Standing::new(page, Reason::GatewayMissing, why)
        })?,
    };
    let mut parent = json!({"name": gateway.name});
    if let Some(namespace) = gateway.namespace {
        parent["namespace"] = json!(namespace);
    }
    if let Some(listener) = gateway.listener {
        parent["sectionName"] = json!(listener);
    }
    let mut backend = json!({"name": options.service, "port": options.port});
    if *page.name.namespace != *options.system_namespace {
        // Needs a ReferenceGrant in KubeKuma's namespace; the Gateway says if there is none.
        backend["namespace"] = json!(options.system_namespace);
    }
    Ok(json!({
        "parentRefs": [parent],
        "hostnames": page.exposure.hosts,
        "rules": [{"backendRefs": [backend]}],
    }))
}

/// How a page stands with the object that we make.
pub(super) fn standing(
    page: &StatusPage,
    target: &Target,
    view: &View,
    live: &BTreeMap<Target, Live>,
) -> Standing {
    if !live.contains_key(target) {
        return Standing::new(page, Reason::Pending, format!("{target} is being made"));
    }
    match view.get(target.resource, &target.name).and_then(|found| check::refusal(found)) {
        Some(refusal) => {
            let why = format!("a Gateway has not taken {target}: {refusal}");
            Standing::new(page, Reason::NotAccepted, why)
        }
        None => Standing::new(page, Reason::Exposed, format!("{target} leads to the page")),
    }
}
