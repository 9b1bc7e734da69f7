//! What can only be said beside the other objects: limits of the settings, names and slugs that are
//! taken. References are left out: what they name is often applied right after.

use std::collections::BTreeMap;
use std::sync::Arc;

use kuma_core::catalog::{BuildInput, Catalog, build};
use kuma_core::id::{Kind, MonitorId, ObjectKey};
use kuma_core::monitor::MonitorOrigin;
use kuma_core::object::{Body, Object, Problem, ProblemClass};

/// What is wrong with an object beside those in force. Builds a catalog of the few objects that
/// matter, so that a thousand applied at once cost a thousand small ones.
pub(super) fn beside(catalog: &Catalog, object: &Object) -> Vec<Problem> {
    let mut problems = match &object.body {
        Body::Monitor(_) | Body::MonitorSet(_) => together(catalog, object),
        _ => Vec::new(),
    };
    match &object.body {
        Body::StatusPage(page) => {
            let same = |other: &&Arc<kuma_core::object::StatusPage>| {
                other.slug == page.slug && other.name != page.name
            };
            if let Some(other) = catalog.pages.values().find(same) {
                let why = format!("the slug is taken by {}", other.name);
                let problem = Problem::semantic("spec.slug", why)
                    .with_value(page.slug.as_str())
                    .with_fix("choose another slug");
                problems.push(problem);
            }
        }
        Body::Monitor(monitor) => {
            let there = catalog.monitors.get(&monitor.name).map(|entry| &entry.monitor.origin);
            if let Some(MonitorOrigin::Set { set, .. }) = there {
                let why = format!("the item of this name in MonitorSet {set} gives way to it");
                problems.push(Problem::warning("metadata.name", why));
            }
        }
        _ => {}
    }
    problems
}

fn together(catalog: &Catalog, object: &Object) -> Vec<Problem> {
    let mut objects: BTreeMap<ObjectKey, Object> = BTreeMap::new();
    let mut take = |key: &ObjectKey| {
        if let Some(object) = catalog.raw.get(key) {
            objects.insert(key.clone(), object.clone());
        }
    };
    let settings = |key: &&ObjectKey| key.kind == Kind::KubeKumaSettings;
    catalog.raw.keys().rev().filter(settings).for_each(&mut take);
    if let Body::MonitorSet(set) = &object.body {
        for item in &set.monitors {
            take(&ObjectKey { kind: Kind::Monitor, name: item.name.clone() });
        }
    }
    objects.insert(object.key.clone(), object.clone());
    let built = build(BuildInput {
        objects: &objects,
        reports: &BTreeMap::new(),
        system_namespace: &catalog.system_namespace,
        ids: &|_| MonitorId(1),
        version: 0,
    });
    let status = built.objects.get(&object.key);
    let problems = status.map(|status| status.problems.clone()).unwrap_or_default();
    problems.into_iter().filter(|problem| problem.class != ProblemClass::Reference).collect()
}
