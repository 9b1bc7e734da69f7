//! What monitors check already, so that nothing is suggested twice.

use kuma_core::catalog::Catalog;
use kuma_core::check::Check;
use kuma_core::id::{Kind, ObjectKey, ObjectName};

use super::draft::normal_url;
use super::writing::WRITER;
use crate::owned::LABEL;

/// A name that is taken, with what is checked under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The name.
    pub name: ObjectName,
    /// Whether discovery wrote it.
    pub ours: bool,
    /// What is checked, in the form of suggestions; none if it cannot be used as it is written.
    pub address: Option<String>,
}

/// What the monitors of a catalog check, items of sets included, and the names of those that cannot
/// be used.
pub fn known(catalog: &Catalog) -> Vec<Known> {
    let ours = |name: &ObjectName| {
        let key = ObjectKey { kind: Kind::Monitor, name: name.clone() };
        let label = catalog.raw.get(&key).and_then(|object| object.meta.labels.get(LABEL));
        label.is_some_and(|label| label == WRITER)
    };
    let running = catalog.monitors.iter().map(|(name, entry)| Known {
        name: name.clone(),
        ours: ours(name),
        address: Some(address(&entry.monitor.check)),
    });
    let broken = catalog
        .objects
        .keys()
        .filter(|key| key.kind == Kind::Monitor && !catalog.monitors.contains_key(&key.name))
        .map(|key| Known { name: key.name.clone(), ours: ours(&key.name), address: None });
    running.chain(broken).collect()
}

/// What a check asks, in the form of `Draft::address`.
fn address(check: &Check) -> String {
    match check {
        Check::Http(_) | Check::Keyword(_) | Check::JsonQuery(_) | Check::Websocket(_) => {
            normal_url(&check.target())
        }
        Check::Tls(tls) => format!("tls {}:{}", tls.host, tls.port),
        Check::Grpc(grpc) => format!("grpc {}:{}", grpc.host, grpc.port),
        other => format!("{} {}", other.check_type(), other.target()),
    }
}
