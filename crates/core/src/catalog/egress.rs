//! Egress rules of more than one object: Namespaces' own, and monitors and providers that can never
//! ask because of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::build::Problems;
use super::expand::Expanded;
use crate::egress::{EgressSettings, NamespaceEgress};
use crate::id::{Kind, ObjectKey, ObjectName};
use crate::object::{Body, Object, Problem};
use crate::provider::Provider;

/// What Namespaces say, without those that say nothing.
pub(super) fn of_namespaces(
    objects: &BTreeMap<ObjectKey, Object>,
) -> BTreeMap<String, NamespaceEgress> {
    objects
        .iter()
        .filter_map(|(key, object)| match &object.body {
            Body::Namespace { egress, .. } if *egress != NamespaceEgress::Unset => {
                Some((key.name.name.to_string(), egress.clone()))
            }
            _ => None,
        })
        .collect()
}

/// Tells the authors of monitors whose target is written as an address that may not be asked.
/// Names are judged by what they stand for when they are asked.
pub(super) fn warn(expanded: &Expanded, egress: &EgressSettings, problems: &mut Problems) {
    for drafted in &expanded.monitors {
        let Some(address) = drafted.monitor.check.host().as_deref().and_then(literal) else {
            continue;
        };
        if let Err(refusal) = egress.permits(&drafted.monitor.name.namespace, address) {
            let problem = Problem::warning(
                drafted.path("target"),
                format!("the address may not be asked, so the monitor stays unknown: {refusal}"),
            )
            .with_value(address.to_string())
            .with_fix("ask another address, or change the rule; see docs/egress.md");
            problems.add(&drafted.object, problem);
        }
    }
}

/// Tells the authors of providers the same.
pub(super) fn warn_providers(
    providers: &BTreeMap<ObjectName, Arc<Provider>>,
    egress: &EgressSettings,
    problems: &mut Problems,
) {
    for (name, provider) in providers {
        let rules = egress.for_providers(&name.namespace);
        for (field, asked) in provider.config.asked() {
            let Some(address) = host(asked).and_then(literal) else { continue };
            if let Err(refusal) = rules.permits(address) {
                let problem = Problem::warning(
                    format!("spec.config.{field}"),
                    format!("the address may not be asked, so no message is sent there: {refusal}"),
                )
                .with_value(address.to_string())
                .with_fix("send to another address, or change the rule; see docs/egress.md");
                let key = ObjectKey { kind: Kind::NotificationProvider, name: name.clone() };
                problems.add(&key, problem);
            }
        }
    }
}

/// The host of an URL, or the text itself; none where a Secret may be a part of it.
fn host(asked: &str) -> Option<&str> {
    let authority = asked.split_once("://").map_or(asked, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!host.contains('$')).then_some(host)
}

fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok().or_else(|| host.parse::<SocketAddr>().ok().map(|address| address.ip()))
}
