//! What an Ingress shows: for each host and each Service behind it the shortest path.

use std::collections::BTreeMap;

use kuma_core::check::CheckType;

use super::annotations::Wish;
use super::draft::{Draft, is_dns_name, joined};
use crate::surroundings::{Found, IngressPath, IngressRule, IngressSpec};

/// Most addresses that one object gives; the rest is counted.
pub(super) const MOST: usize = 50;

/// Addresses, and what was left out and why.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) drafts: Vec<Draft>,
    pub(super) skipped: Vec<String>,
}

impl Shown {
    /// Keeps what is left out in bounds too.
    pub(super) fn bounded(mut self) -> Self {
        if self.drafts.len() > MOST {
            let more = self.drafts.len() - MOST;
            self.drafts.truncate(MOST);
            self.skipped.push(format!("{more} more addresses; only {MOST} of one object are read"));
        }
        self.skipped.sort_unstable();
        self.skipped.dedup();
        self.skipped.truncate(MOST);
        self
    }
}

/// Reads an Ingress.
pub(super) fn drafts(found: &Found, spec: &IngressSpec, wish: &Wish, health_path: &str) -> Shown {
    let mut shown = Shown::default();
    if spec.rules.is_empty() {
        let why = if spec.default_backend.is_some() {
            "its default backend answers for every host, so there is no host name to ask"
        } else {
            "it has no rules"
        };
        shown.skipped.push(why.to_owned());
    }
    for rule in &spec.rules {
        let host = rule.host.to_ascii_lowercase();
        if let Some(why) = unusable_host(&host) {
            shown.skipped.push(why);
            continue;
        }
        let secure = is_secure(spec, &host);
        let why = format!(
            "{} leads from {}://{host}",
            found.title(),
            if secure { "https" } else { "http" }
        );
        for path in paths(rule, &host, wish, health_path, &mut shown.skipped) {
            let part = match path.part.as_str() {
                "" => host.clone(),
                part => format!("{host}{part}"),
            };
            shown.drafts.push(at_host(&host, secure, part, path.path, wish, why.clone()));
        }
    }
    // Rules of one host may be spread over an Ingress.
    shown.drafts.sort_by(|one, other| one.part.cmp(&other.part));
    shown.drafts.dedup_by(|one, other| one.part == other.part);
    shown.bounded()
}

/// An address of a host that is seen from outside.
pub(super) fn at_host(
    host: &str,
    secure: bool,
    part: String,
    path: String,
    wish: &Wish,
    why: String,
) -> Draft {
    let named = wish.ports.first().and_then(|port| port.parse().ok());
    Draft {
        check: wish.check.unwrap_or(CheckType::Http),
        host: host.to_owned(),
        port: named.unwrap_or(if secure { 443 } else { 80 }),
        secure,
        path,
        part,
        why,
    }
}

/// Why a host cannot be asked; none if it can.
pub(super) fn unusable_host(host: &str) -> Option<String> {
    if host.is_empty() {
        Some("a rule is for every host, so there is no host name to ask".to_owned())
    } else if host.contains('*') {
        Some(format!("{host} stands for many hosts; write a Monitor for one of them"))
    } else if is_dns_name(host) {
        None
    } else {
        Some(format!("{} is no host name", kuma_core::observation::bounded(host.to_owned(), 80)))
    }
}

/// Whether a host is https: named by an entry of `tls`, by a wildcard of one level, or by an entry
/// without hosts, which is for all of them.
fn is_secure(spec: &IngressSpec, host: &str) -> bool {
    let covers = |name: &String| match name.strip_prefix("*.") {
        Some(domain) => {
            host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain))
        }
        None => name.eq_ignore_ascii_case(host),
    };
    spec.tls.iter().any(|tls| tls.hosts.is_empty() || tls.hosts.iter().any(covers))
}

/// A path, and what of it belongs into the name.
pub(super) struct Path {
    pub(super) path: String,
    pub(super) part: String,
}

impl Path {
    /// The root's own health path; nothing of it is in the name.
    pub(super) fn root(path: String) -> Self {
        Self { path, part: String::new() }
    }

    /// The health path below a prefix.
    pub(super) fn below(prefix: &str, health_path: &str) -> Self {
        let part = prefix.trim_end_matches('/').to_owned();
        Self { path: joined(prefix, health_path), part }
    }

    /// Exactly this one.
    pub(super) fn exact(path: &str) -> Self {
        let part = if path == "/" { String::new() } else { path.to_owned() };
        Self { path: path.to_owned(), part }
    }
}

fn paths(
    rule: &IngressRule,
    host: &str,
    wish: &Wish,
    health_path: &str,
    skipped: &mut Vec<String>,
) -> Vec<Path> {
    if let Some(path) = &wish.path {
        return vec![Path::root(path.clone())];
    }
    if rule.paths().is_empty() {
        return vec![Path::root(health_path.to_owned())];
    }
    let mut shortest: BTreeMap<&str, &IngressPath> = BTreeMap::new();
    for path in rule.paths() {
        if let Some(why) = unusable_path(path, host) {
            skipped.push(why);
            continue;
        }
        let kept = shortest.entry(path.backend.service_name()).or_insert(path);
        if (path.path.len(), &path.path) < (kept.path.len(), &kept.path) {
            *kept = path;
        }
    }
    shortest
        .into_values()
        .map(|path| match path.path_type.as_str() {
            "Exact" => Path::exact(&path.path),
            _ => Path::below(&path.path, health_path),
        })
        .collect()
}

fn unusable_path(path: &IngressPath, host: &str) -> Option<String> {
    let anywhere = matches!(path.path.as_str(), "" | "/");
    let shown = kuma_core::observation::bounded(path.path.clone(), 80);
    match path.path_type.as_str() {
        "Exact" | "Prefix" if is_path(&path.path) => None,
        // Whatever the controller makes of paths, this is every path.
        "ImplementationSpecific" | "" if anywhere => None,
        "Exact" | "Prefix" => Some(format!("{host}: {shown} is no path")),
        "" | "ImplementationSpecific" => Some(format!(
            "{host}{shown} has pathType ImplementationSpecific, so only its controller knows which paths are meant; add the annotation kubekuma.io/path"
        )),
        other => Some(format!(
            "{host}{shown} has an unknown pathType {}",
            kuma_core::observation::bounded(other.to_owned(), 40)
        )),
    }
}

/// Whether a text can stand in an address as its path.
pub(super) fn is_path(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '#' | '?');
    text.starts_with('/') && text.len() <= 1024 && !text.contains(odd)
}
