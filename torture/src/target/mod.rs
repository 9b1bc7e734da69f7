//! What the product watches in a run: one entry for each type of check, with a target of its own
//! that fails, recovers and misbehaves as told.

mod docker;
mod grpc;
mod http;
mod names;
pub(crate) mod others;
mod socket;
mod steam;
mod tls;
mod websocket;
mod wire;

use std::sync::Arc;

use kuma_fixture::authority::Authority;
use kuma_fixture::names::NameServer;
use serde_json::{Value, json};

use crate::evidence::Certainty;

/// What targets are made of.
pub(crate) struct World {
    /// Issues certificates; the product trusts it.
    pub(crate) authority: Authority,
    /// The server that the product resolves names with.
    pub(crate) resolver: Arc<NameServer>,
    /// Where the product listens.
    pub(crate) port: u16,
}

/// Makes a target well, or bad in one of its ways.
type Act = Box<dyn FnMut(Option<usize>) + Send>;

/// A monitor and the target behind it.
pub(crate) struct Target {
    /// Name of the monitor, which no other text of a message holds.
    pub(crate) name: String,
    /// `spec` of the monitor.
    pub(crate) spec: Value,
    /// The ways in which it can be bad; none for a group, which follows its members.
    pub(crate) hows: Vec<(&'static str, Certainty)>,
    /// Names of a group's members.
    pub(crate) members: Vec<String>,
    /// See [`Watched`](crate::evidence::Watched), in ms.
    pub(crate) found_within: i64,
    /// The same.
    pub(crate) lag: i64,
    pub(crate) act: Act,
}

/// Starts a target.
type Start = fn(&World) -> Target;

/// Every type of check. `kubernetes` needs a cluster.
pub(crate) const KINDS: &[(&str, Start)] = &[
    ("http", http::plain),
    ("keyword", http::keyword),
    ("jsonQuery", http::json_query),
    ("tcp", socket::banner),
    ("tls", tls::certificate),
    ("dns", names::records),
    ("ping", names::ping),
    ("websocket", websocket::echo),
    ("steam", steam::server),
    ("grpc", grpc::health),
    ("docker", docker::container),
    ("push", others::push),
    ("group", others::group),
];

/// A monitor that runs each second and gives an attempt as long.
fn spec(check: &str, target: &Value, more: Option<(&str, Value)>) -> Value {
    let mut spec = json!({
        "type": check,
        "schedule": { "intervalSeconds": 1, "timeoutSeconds": 1 },
        "target": { check: target },
    });
    if let Some((key, value)) = more {
        spec[key] = value;
    }
    spec
}

fn target(check: &str, spec: Value, hows: Vec<(&'static str, Certainty)>, act: Act) -> Target {
    Target {
        name: name(check),
        spec,
        hows,
        members: Vec::new(),
        found_within: 4_000,
        lag: 3_000,
        act,
    }
}

/// The name of the monitor of a type.
pub(crate) fn name(check: &str) -> String {
    format!("{}site", check.to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kuma_core::check::CheckType;

    use super::KINDS;

    #[test]
    fn every_type_of_check_but_the_one_that_needs_a_cluster_has_a_target() {
        let ours: BTreeSet<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        let all = CheckType::ALL.iter().filter(|check| **check != CheckType::Kubernetes);
        assert_eq!(ours, all.map(|check| check.as_str()).collect());
        assert_eq!(ours.len(), KINDS.len(), "none twice");
    }
}
