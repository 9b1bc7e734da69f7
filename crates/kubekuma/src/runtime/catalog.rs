//! The catalog in force, and how it comes from a snapshot of the source.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kuma_core::catalog::{
    BuildInput, Catalog, CatalogSource, ObjectStatus, build as build_catalog,
};
use kuma_core::id::{MonitorId, ObjectKey, ObjectName};
use kuma_core::object::Body;
use kuma_core::source::Snapshot;
use tokio::sync::watch;

/// Builds the catalog of a snapshot.
pub fn build(
    snapshot: &Snapshot,
    system_namespace: &str,
    ids: &dyn Fn(&ObjectName) -> MonitorId,
    version: u64,
) -> Catalog {
    let mut reports: BTreeMap<ObjectKey, ObjectStatus> = BTreeMap::new();
    for (key, problems) in &snapshot.warnings {
        let Some(object) = snapshot.objects.get(key) else { continue };
        let status = ObjectStatus {
            generation: object.meta.generation,
            origin: object.origin.clone(),
            problems: problems.clone(),
            last_valid_in_force: false,
        };
        reports.insert(key.clone(), status);
    }
    for (key, invalid) in &snapshot.invalid {
        let in_force = || snapshot.objects.get(key).map(|object| object.meta.generation);
        let status = ObjectStatus {
            generation: invalid.generation.or_else(in_force).unwrap_or_default(),
            origin: invalid.origin.clone(),
            problems: invalid.problems.clone(),
            last_valid_in_force: invalid.last_valid_in_force,
        };
        reports.insert(key.clone(), status);
    }
    build_catalog(BuildInput {
        objects: &snapshot.objects,
        reports: &reports,
        system_namespace,
        ids,
        version,
    })
}

/// The names of all monitors of a snapshot, sets expanded, for the store to give surrogates.
pub fn monitor_names(snapshot: &Snapshot) -> Vec<ObjectName> {
    let mut names = Vec::new();
    for object in snapshot.objects.values() {
        match &object.body {
            Body::Monitor(monitor) => names.push(monitor.name.clone()),
            Body::MonitorSet(set) => {
                names.extend(set.monitors.iter().map(|monitor| monitor.name.clone()));
            }
            _ => {}
        }
    }
    names
}

/// Surrogates that are known already.
pub type Surrogates = HashMap<ObjectName, MonitorId>;

/// Holds the catalog in force.
#[derive(Debug, Clone)]
pub struct Holder(watch::Sender<Arc<Catalog>>);

impl Holder {
    /// Holds an empty catalog.
    pub fn empty() -> Self {
        Self(watch::Sender::new(Arc::default()))
    }

    /// The catalog in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.borrow().clone()
    }

    /// Puts a catalog in force.
    pub fn set(&self, catalog: Arc<Catalog>) {
        self.0.send_replace(catalog);
    }
}

impl CatalogSource for Holder {
    fn current(&self) -> Arc<Catalog> {
        self.catalog()
    }
}
