//! What `writeCrds` changes: suggestions become Monitors that their objects own.

use std::collections::{BTreeMap, BTreeSet};

use kuma_core::id::ObjectName;

use super::known::Known;
use super::suggestion::Discovery;
use crate::owned::{Desired, Live, Plan, Target, plan};
use crate::surroundings::{Resource, View};

/// The value of our label on what discovery writes.
pub const WRITER: &str = "discovery";
/// Who may own what discovery writes.
const OWNERS: [&str; 3] = ["Service", "Ingress", "HTTPRoute"];

/// What to write. Nothing as long as not all Monitors of discovery are known; nothing is taken away
/// whose owner's kind is not looked at now, or whose owner cannot be read as it is.
pub fn plan_monitors(
    discovery: &Discovery,
    view: &View,
    known: &[Known],
    looked_at: &BTreeSet<Resource>,
) -> Plan {
    if !view.complete.contains(&Resource::Monitor) {
        return Plan::default();
    }
    let desired: Vec<_> = discovery
        .suggestions
        .iter()
        .filter(|suggestion| suggestion.eligible)
        .map(|suggestion| {
            let target = Target { resource: Resource::Monitor, name: suggestion.name.clone() };
            let origin = suggestion.source.to_string();
            Desired::new(target, WRITER, suggestion.owner.clone(), &origin, &suggestion.spec)
        })
        .collect();
    let theirs: BTreeSet<&ObjectName> =
        known.iter().filter(|known| !known.ours).map(|known| &known.name).collect();
    let seen = seen(view, looked_at);
    let taken = |target: &Target| theirs.contains(&target.name);
    let disposable = |_: &Target, live: &Live| {
        seen.contains(live.owner.kind.as_str()) && !discovery.troubled.contains(&live.owner.uid)
    };
    plan(&desired, &written(view), taken, disposable)
}

/// The Monitors that discovery has written.
pub(super) fn written(view: &View) -> BTreeMap<Target, Live> {
    view.of(Resource::Monitor)
        .filter_map(|found| {
            let target = Target { resource: Resource::Monitor, name: found.name.clone() };
            Some((target, Live::read(found, WRITER, &OWNERS)?))
        })
        .collect()
}

/// The kinds of owners of which everything is known that decides about them.
fn seen(view: &View, looked_at: &BTreeSet<Resource>) -> BTreeSet<&'static str> {
    let complete = |resource| looked_at.contains(&resource) && view.complete.contains(&resource);
    [Resource::Service, Resource::Ingress, Resource::HttpRoute]
        .into_iter()
        .filter(|resource| complete(*resource))
        .filter(|resource| *resource != Resource::HttpRoute || complete(Resource::Gateway))
        .map(Resource::kind)
        .collect()
}
