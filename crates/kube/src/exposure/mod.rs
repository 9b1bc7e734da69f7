//! Exposure: the way from outside to a status page. With `manage: true` we make the Ingress or
//! HTTPRoute, and take it away when it is not wanted any more; without we say what is missing.
//!
//! [`expose`] is pure; [`Exposer`] runs it on the instance that is the coordinator.

mod check;
mod made;
mod options;
mod runner;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use kuma_core::catalog::Catalog;
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::{ExposureMode, StatusPage};

use crate::owned::{Desired, Live, Plan, Target, plan};
use crate::surroundings::{Found, Resource, View};

pub use options::{GatewayName, Options};
pub use runner::{Exposer, ExposureReport};
pub use standing::{Reason, Standing};

/// The value of our label on what exposure makes.
pub const WRITER: &str = "exposure";
/// What exposure makes.
const MADE: [Resource; 2] = [Resource::Ingress, Resource::HttpRoute];

/// What exposure found and what it would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposures {
    /// How each page stands that says how it is exposed, by name.
    pub standings: BTreeMap<ObjectName, Standing>,
    /// What is to be written.
    pub plan: Plan,
}

/// What leads to a page of a mode; none for those that people see to.
const fn resource(mode: ExposureMode) -> Option<Resource> {
    match mode {
        ExposureMode::Manual => None,
        ExposureMode::Ingress => Some(Resource::Ingress),
        ExposureMode::GatewayApi => Some(Resource::HttpRoute),
    }
}

/// What has to be watched for the pages of a catalog.
pub fn wanted(catalog: &Catalog) -> BTreeSet<Resource> {
    let mut wanted: BTreeSet<Resource> =
        catalog.pages.values().filter_map(|page| resource(page.exposure.mode)).collect();
    if !wanted.is_empty() {
        wanted.insert(Resource::StatusPage);
    }
    wanted
}

/// Looks at every page. Never panics, whatever the objects hold.
pub fn expose(catalog: &Catalog, view: &View, options: &Options) -> Exposures {
    let live = live(view);
    let mut standings = BTreeMap::new();
    let mut desired = Vec::new();
    for (name, page) in &catalog.pages {
        let Some(resource) = resource(page.exposure.mode) else { continue };
        let standing = if !page.published {
            Standing::new(
                page,
                Reason::Unpublished,
                "the page is not published, so nothing leads to it",
            )
        } else if !view.complete.contains(&resource) {
            let why = match view.remarks.get(&resource) {
                Some(remark) => remark.clone(),
                None => format!("not all {} have been seen yet", resource.plural()),
            };
            Standing::new(page, Reason::Pending, why)
        } else if page.exposure.manage {
            managed(page, resource, view, options, &live, &mut desired)
        } else {
            check::standing(page, resource, view, options)
        };
        standings.insert(name.clone(), standing);
    }
    let taken = |target: &Target| view.get(target.resource, &target.name).is_some();
    let plan = plan(&desired, &live, taken, |target, live| may_go(catalog, view, target, live));
    for clash in &plan.clashes {
        let owner = ObjectName::new(clash.target.name.namespace.clone(), clash.owner.name.as_str());
        if let Some(page) = catalog.pages.get(&owner) {
            let why = format!(
                "{} is somebody else's; rename it, or set manage to false and see to the way yourself",
                clash.target
            );
            standings.insert(owner, Standing::new(page, Reason::NameTaken, why));
        }
    }
    Exposures { standings, plan }
}

/// What exposure has made.
fn live(view: &View) -> BTreeMap<Target, Live> {
    let read = |found: &Found| {
        let target = Target { resource: found.resource, name: found.name.clone() };
        Some((target, Live::read(found, WRITER, &["StatusPage"])?))
    };
    MADE.iter().flat_map(|resource| view.of(*resource)).filter_map(|found| read(found)).collect()
}

/// Whether what was made for a page and is not wanted any more may go: the page is gone, or it is in
/// force and wants something else. What a page that cannot be used as it is written wants is not
/// known, so what it has stays.
fn may_go(catalog: &Catalog, view: &View, target: &Target, live: &Live) -> bool {
    let name = ObjectName::new(target.name.namespace.clone(), live.owner.name.as_str());
    let key = ObjectKey { kind: Kind::StatusPage, name: name.clone() };
    let known = catalog.pages.contains_key(&name) || !catalog.objects.contains_key(&key);
    known && view.complete.contains(&target.resource)
}

/// A page for which we make the object.
fn managed(
    page: &StatusPage,
    resource: Resource,
    view: &View,
    options: &Options,
    live: &BTreeMap<Target, Live>,
    desired: &mut Vec<Desired>,
) -> Standing {
    let Some(found) = view.get(Resource::StatusPage, &page.name).filter(|found| !found.leaving)
    else {
        return Standing::new(page, Reason::Pending, "the page has not been seen by its watch yet");
    };
    match made::desired(page, resource, found, options) {
        Err(standing) => standing,
        Ok(object) => {
            let standing = made::standing(page, &object.target, view, live);
            desired.push(object);
            standing
        }
    }
}
