//! Whether what people have made leads to a page under each of its hosts.

use kuma_core::object::StatusPage;

use super::options::Options;
use super::standing::{Reason, Standing};
use crate::surroundings::{Backend, Body, Found, IngressSpec, Resource, RouteSpec, View};

/// Where a host leads, as one object says it.
struct Way {
    /// The object.
    title: String,
    /// The Service, by namespace and name.
    service: (String, String),
    /// Whether it is https there; none where only a Gateway knows.
    secure: Option<bool>,
    /// What a Gateway says against it.
    refusal: Option<String>,
}

/// How a page stands with what people have made: the first host that does not lead to it counts.
pub(super) fn standing(
    page: &StatusPage,
    resource: Resource,
    view: &View,
    options: &Options,
) -> Standing {
    let mut titles = Vec::new();
    for host in &page.exposure.hosts {
        let ways: Vec<Way> = view.of(resource).flat_map(|found| ways(found, host)).collect();
        let ours = |way: &&Way| {
            way.service.0 == options.system_namespace && way.service.1 == options.service
        };
        match (ways.iter().find(ours), ways.first()) {
            (Some(way), _) => {
                if let Some(refusal) = &way.refusal {
                    let why = format!("a Gateway has not taken {}: {refusal}", way.title);
                    return Standing::new(page, Reason::NotAccepted, why);
                }
                if page.exposure.tls_secret.is_some() && way.secure == Some(false) {
                    let why = format!("{} has no tls for {host}; add it there", way.title);
                    return Standing::new(page, Reason::TlsMissing, why);
                }
                if !titles.contains(&way.title) {
                    titles.push(way.title.clone());
                }
            }
            (None, Some(way)) => {
                let why = format!(
                    "{} leads {host} to the Service {}/{}; unless that stands for it, lead it to {}/{}, port {}",
                    way.title,
                    way.service.0,
                    way.service.1,
                    options.system_namespace,
                    options.service,
                    options.port
                );
                return Standing::new(page, Reason::RoutedElsewhere, why);
            }
            (None, None) => return not_routed(page, resource, host, options),
        }
    }
    Standing::new(page, Reason::Exposed, format!("{} leads to the page", titles.join(", ")))
}

fn not_routed(page: &StatusPage, resource: Resource, host: &str, options: &Options) -> Standing {
    let (kind, namespace) = (resource.kind(), &options.system_namespace);
    let why = format!(
        "no {kind} leads from {host}; make one that leads to the Service {namespace}/{}, port {}, or set manage to true",
        options.service, options.port
    );
    Standing::new(page, Reason::NotRouted, why)
}

/// What a Gateway says against a route; none for what is no route and for routes that are taken.
pub(super) fn refusal(found: &Found) -> Option<String> {
    let Body::HttpRoute(_, accepted) = &found.body else { return None };
    // One Gateway that has taken it is enough.
    if accepted.iter().any(|said| said.refusal.is_none()) {
        return None;
    }
    accepted.iter().find_map(|said| said.refusal.clone())
}

fn ways(found: &Found, host: &str) -> Vec<Way> {
    match &found.body {
        Body::Ingress(spec) => ingress_ways(found, spec, host),
        Body::HttpRoute(spec, _) => route_ways(found, spec, host),
        _ => Vec::new(),
    }
}

fn ingress_ways(found: &Found, spec: &IngressSpec, host: &str) -> Vec<Way> {
    let secure = spec
        .tls
        .iter()
        .any(|tls| tls.hosts.is_empty() || tls.hosts.iter().any(|name| covers(name, host, true)));
    let rules = spec.rules.iter().filter(|rule| covers(&rule.host, host, true));
    let backends = rules.flat_map(|rule| {
        let fallback = spec.default_backend.iter().filter(|_| rule.paths().is_empty());
        rule.paths().iter().map(|path| &path.backend).chain(fallback)
    });
    backends.map(|backend| way(found, backend, Some(secure))).collect()
}

fn route_ways(found: &Found, spec: &RouteSpec, host: &str) -> Vec<Way> {
    if !spec.hostnames.iter().any(|name| covers(name, host, false)) {
        return Vec::new();
    }
    let backends = spec.rules.iter().flat_map(|rule| &rule.backend_refs);
    backends.map(|backend| way(found, backend, None)).collect()
}

fn way(found: &Found, backend: &Backend, secure: Option<bool>) -> Way {
    let namespace = if backend.namespace.is_empty() {
        found.name.namespace.to_string()
    } else {
        backend.namespace.clone()
    };
    Way {
        title: found.title(),
        service: (namespace, backend.service_name().to_owned()),
        secure,
        refusal: refusal(found),
    }
}

/// Whether a name, perhaps a wildcard, means a host. In an Ingress a wildcard means one label.
fn covers(name: &str, host: &str, one_label: bool) -> bool {
    match name.strip_prefix("*.") {
        Some(domain) if one_label => {
            host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain))
        }
        Some(domain) => host
            .strip_suffix(domain.to_ascii_lowercase().as_str())
            .is_some_and(|label| label.len() > 1 && label.ends_with('.')),
        None => name.eq_ignore_ascii_case(host),
    }
}
