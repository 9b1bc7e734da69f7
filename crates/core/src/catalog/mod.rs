//! The immutable snapshot of everything valid, with the indexes that the rest needs. Built from
//! objects, swapped atomically; nothing downstream looks at raw YAML.

mod build;
mod edges;
mod egress;
mod expand;
mod matching;
mod objects;
mod routes;
mod tenants;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{IdMap, MonitorId, ObjectKey, ObjectName};
use crate::maintenance::MaintenanceWindow;
use crate::monitor::Monitor;
use crate::object::{ApiKey, LocalUser, Object, Origin, Problem, StatusPage};
use crate::policy::Policy;
use crate::provider::Provider;
use crate::settings::Settings;
use crate::silence::Silence;

pub use build::{BuildInput, build};

/// Why a route exists.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteVia {
    /// A policy, by `policyRef` or by selector.
    Policy(Arc<Policy>),
    /// The default provider of the namespace: no policy matched.
    DefaultProvider(ObjectName),
}

/// One way messages about a monitor take.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Policy or default provider.
    pub via: RouteVia,
    /// Existing, permitted providers that are told, in order and once each.
    pub providers: Vec<ObjectName>,
}

impl Route {
    /// The stable name of the route, part of every delivery key: the policy's or provider's name.
    pub fn name(&self) -> &ObjectName {
        match &self.via {
            RouteVia::Policy(policy) => &policy.name,
            RouteVia::DefaultProvider(name) => name,
        }
    }

    /// The policy, unless it is the default provider's route.
    pub fn policy(&self) -> Option<&Arc<Policy>> {
        match &self.via {
            RouteVia::Policy(policy) => Some(policy),
            RouteVia::DefaultProvider(_) => None,
        }
    }
}

/// A monitor with everything that refers to it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The surrogate.
    pub id: MonitorId,
    /// The monitor.
    pub monitor: Arc<Monitor>,
    /// Who is told, in order of priority; empty is unrouted.
    pub routes: Vec<Route>,
    /// Monitors whose announced down keeps this one's quiet: `dependsOn` and groups with
    /// `suppressMembers`, without edges of cycles.
    pub parents: Vec<MonitorId>,
    /// The inverse of `parents`.
    pub children: Vec<MonitorId>,
    /// For a group its members.
    pub members: Vec<MonitorId>,
    /// Groups that this monitor is a member of.
    pub groups: Vec<MonitorId>,
    /// Silences whose selector matches, active or not.
    pub silences: Vec<Arc<Silence>>,
    /// Maintenance windows whose selector matches, active or not.
    pub windows: Vec<Arc<MaintenanceWindow>>,
}

/// How an object stands.
#[derive(Debug, Clone)]
pub struct ObjectStatus {
    /// The generation looked at.
    pub generation: i64,
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong with it or worth knowing.
    pub problems: Vec<Problem>,
    /// Whether an older, valid version stays in force instead.
    pub last_valid_in_force: bool,
}

/// The snapshot.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Counts up with every build.
    pub version: u64,
    /// `KUBE_NAMESPACE`.
    pub system_namespace: String,
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// Every monitor that can run, sets expanded, disabled ones included.
    pub monitors: BTreeMap<ObjectName, Arc<Entry>>,
    /// The same by surrogate: every attempt asks several times.
    pub by_id: IdMap<Arc<Entry>>,
    /// Providers by name.
    pub providers: BTreeMap<ObjectName, Arc<Provider>>,
    /// The provider that hears of our own trouble.
    pub system_provider: Option<ObjectName>,
    /// Policies by name.
    pub policies: BTreeMap<ObjectName, Arc<Policy>>,
    /// Silences by name.
    pub silences: BTreeMap<ObjectName, Arc<Silence>>,
    /// Maintenance windows by name.
    pub windows: BTreeMap<ObjectName, Arc<MaintenanceWindow>>,
    /// Pages by name.
    pub pages: BTreeMap<ObjectName, Arc<StatusPage>>,
    /// Users by name.
    pub users: BTreeMap<ObjectName, Arc<LocalUser>>,
    /// Keys by name.
    pub api_keys: BTreeMap<ObjectName, Arc<ApiKey>>,
    /// Every object seen, valid or not.
    pub objects: BTreeMap<ObjectKey, ObjectStatus>,
    /// The valid objects as written, for the API.
    pub raw: BTreeMap<ObjectKey, Object>,
}

impl Catalog {
    /// The entry of a monitor by surrogate.
    pub fn entry(&self, id: MonitorId) -> Option<&Entry> {
        self.by_id.get(&id).map(|entry| &**entry)
    }
}

/// Port: whoever holds the current snapshot.
pub trait CatalogSource: Send + Sync {
    /// The snapshot in force.
    fn current(&self) -> Arc<Catalog>;
}
