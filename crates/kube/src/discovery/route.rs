//! What an HTTPRoute shows: its hosts at the listeners of the Gateways that have taken it.

use std::collections::BTreeMap;

use kuma_core::id::ObjectName;

use super::annotations::Wish;
use super::draft::Draft;
use super::ingress::{Path, Shown, at_host, is_path, unusable_host};
use crate::surroundings::{
    Accepted, Backend, Body, Found, Listener, ParentRef, Resource, RouteMatch, RouteRule,
    RouteSpec, View,
};

/// What is known about one route.
pub(super) struct Route<'a> {
    /// The route itself.
    pub(super) found: &'a Found,
    /// What it says.
    pub(super) spec: &'a RouteSpec,
    /// What Gateways say about it.
    pub(super) accepted: &'a [Accepted],
}

/// Where a host is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Door {
    /// Plain first, so that https is the greater one and wins.
    secure: bool,
    port: u16,
}

/// Reads a route.
pub(super) fn drafts(route: &Route<'_>, wish: &Wish, health_path: &str, view: &View) -> Shown {
    let mut shown = Shown::default();
    let doors = doors(route, view, &mut shown.skipped);
    let paths = paths(route.spec, wish, health_path, &mut shown.skipped);
    for (host, door) in &doors {
        if let Some(why) = unusable_host(host) {
            shown.skipped.push(why);
            continue;
        }
        let scheme = if door.secure { "https" } else { "http" };
        for path in &paths {
            let part = format!("{host}{}", path.part);
            let why = format!("{} leads from {scheme}://{host}", route.found.title());
            let draft = at_host(host, door.secure, part, path.path.clone(), wish, why);
            let port = if wish.ports.is_empty() { door.port } else { draft.port };
            shown.drafts.push(Draft { port, ..draft });
        }
    }
    shown.bounded()
}

/// Each host of the route with the best listener for it.
fn doors(route: &Route<'_>, view: &View, skipped: &mut Vec<String>) -> BTreeMap<String, Door> {
    let mut doors: BTreeMap<String, Door> = BTreeMap::new();
    if route.spec.parent_refs.is_empty() {
        skipped.push("it is attached to no Gateway".to_owned());
    }
    for parent in &route.spec.parent_refs {
        match listeners(route, parent, view) {
            Err(why) => skipped.push(why),
            Ok(listeners) => {
                for listener in listeners {
                    let secure = match listener.protocol.as_str() {
                        "HTTPS" => true,
                        "HTTP" => false,
                        _ => continue,
                    };
                    let door = Door { secure, port: listener.port };
                    for host in hosts(&route.spec.hostnames, &listener.hostname) {
                        doors.entry(host).and_modify(|it| *it = door.max(*it)).or_insert(door);
                    }
                }
            }
        }
    }
    if doors.is_empty() && skipped.is_empty() {
        skipped.push("no listener of its Gateways serves one of its hosts".to_owned());
    }
    doors
}

/// The listeners that a route is attached to by one of its references.
fn listeners<'a>(
    route: &Route<'_>,
    parent: &ParentRef,
    view: &'a View,
) -> Result<Vec<&'a Listener>, String> {
    if !matches!(parent.kind.as_str(), "" | "Gateway") {
        let kind = kuma_core::observation::bounded(parent.kind.clone(), 40);
        return Err(format!("it is attached to a {kind}, which is nothing to ask from outside"));
    }
    let own = &route.found.name.namespace;
    let namespace = if parent.namespace.is_empty() { own } else { parent.namespace.as_str() };
    let name = ObjectName::new(namespace, parent.name.as_str());
    let said = route.accepted.iter().find(|said| same(&said.parent, parent, own));
    if let Some(refusal) = said.and_then(|said| said.refusal.as_ref()) {
        return Err(format!("Gateway {name} has not taken it: {refusal}"));
    }
    let Some(gateway) = view.get(Resource::Gateway, &name) else {
        return Err(format!("there is no Gateway {name}, so nothing says whether it is https"));
    };
    let Body::Gateway(spec) = &gateway.body else {
        return Err(format!("Gateway {name} cannot be read"));
    };
    let fits = |listener: &&Listener| {
        (parent.section_name.is_empty() || parent.section_name == listener.name)
            && parent.port.is_none_or(|port| port == listener.port)
    };
    let found: Vec<_> = spec.listeners.iter().filter(fits).collect();
    if found.is_empty() {
        let section = &parent.section_name;
        return Err(format!("Gateway {name} has no listener {section}").trim_end().to_owned());
    }
    Ok(found)
}

/// Whether two references mean the same; a controller may repeat the defaults that a route leaves out.
fn same(one: &ParentRef, other: &ParentRef, own: &str) -> bool {
    let namespace = |it: &ParentRef| {
        if it.namespace.is_empty() { own.to_owned() } else { it.namespace.clone() }
    };
    one.name == other.name
        && namespace(one) == namespace(other)
        && one.section_name == other.section_name
        && one.port == other.port
}

/// The hosts that a route has at a listener: those of both, the narrower one where one is a wildcard.
fn hosts(route: &[String], listener: &str) -> Vec<String> {
    let listener = listener.to_ascii_lowercase();
    if route.is_empty() {
        return vec![listener];
    }
    let at = |host: &String| {
        let host = host.to_ascii_lowercase();
        if listener.is_empty() || within(&host, &listener) {
            Some(host)
        } else if within(&listener, &host) {
            Some(listener.clone())
        } else {
            None
        }
    };
    route.iter().filter_map(at).collect()
}

/// Whether a host is one that another, perhaps a wildcard, means. In the Gateway API a wildcard means
/// one label or more.
fn within(host: &str, of: &str) -> bool {
    match of.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => host == of,
    }
}

fn paths(spec: &RouteSpec, wish: &Wish, health_path: &str, skipped: &mut Vec<String>) -> Vec<Path> {
    if let Some(path) = &wish.path {
        return vec![Path::root(path.clone())];
    }
    if spec.rules.is_empty() {
        return vec![Path::root(health_path.to_owned())];
    }
    // For each set of Services the shortest path that leads to it.
    let mut shortest: BTreeMap<Vec<&Backend>, (bool, String)> = BTreeMap::new();
    for rule in &spec.rules {
        if rule.redirects() {
            skipped.push("a rule only redirects".to_owned());
            continue;
        }
        for (exact, path) in matches(rule, skipped) {
            let backends = rule.backend_refs.iter().collect();
            let kept = shortest.entry(backends).or_insert_with(|| (exact, path.clone()));
            if (path.len(), &path) < (kept.1.len(), &kept.1) {
                *kept = (exact, path);
            }
        }
    }
    let mut paths: Vec<_> = shortest.into_values().collect();
    paths.sort_by(|one, other| (&one.1, one.0).cmp(&(&other.1, other.0)));
    paths.dedup_by(|one, other| one.1 == other.1);
    paths
        .into_iter()
        .map(
            |(exact, path)| {
                if exact { Path::exact(&path) } else { Path::below(&path, health_path) }
            },
        )
        .collect()
}

/// The paths of a rule that a plain GET reaches; true are exact ones.
fn matches(rule: &RouteRule, skipped: &mut Vec<String>) -> Vec<(bool, String)> {
    if rule.matches.is_empty() {
        return vec![(false, "/".to_owned())];
    }
    let mut paths = Vec::new();
    for matched in &rule.matches {
        match path_of(matched) {
            Ok(path) => paths.push(path),
            Err(why) => skipped.push(why),
        }
    }
    paths
}

fn path_of(matched: &RouteMatch) -> Result<(bool, String), String> {
    let path = matched.path.clone().unwrap_or_default();
    let value = if path.value.is_empty() { "/".to_owned() } else { path.value };
    let shown = kuma_core::observation::bounded(value.clone(), 80);
    if !matched.headers.is_empty() || !matched.query_params.is_empty() {
        return Err(format!(
            "{shown} needs certain headers or parameters; write a Monitor that sends them"
        ));
    }
    if !matches!(matched.method.as_str(), "" | "GET") {
        return Err(format!("{shown} is not for GET; write a Monitor with the method"));
    }
    match path.type_.as_str() {
        "" | "PathPrefix" | "Exact" if is_path(&value) => Ok((path.type_ == "Exact", value)),
        "RegularExpression" => {
            Err(format!("{shown} is a regular expression; add the annotation kubekuma.io/path"))
        }
        _ => Err(format!("{shown} is no path that can be asked")),
    }
}
