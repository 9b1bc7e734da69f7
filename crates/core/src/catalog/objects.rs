//! What `kubernetes` monitors look at: who may (`crds.md`, Selector), and all of it together, so
//! that exactly that is watched.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Catalog;
use super::build::Problems;
use super::expand::Expanded;
use super::matching::Permissions;
use super::tenants::grant;
use crate::check::Check;
use crate::check::kubernetes::{ObjectAccess, ObjectQuery};
use crate::id::MonitorId;
use crate::object::Problem;

/// Takes from monitors what `tenancy.isolated` forbids them to look at. They stay, and are
/// `unknown`.
pub(super) fn restrict(
    expanded: &mut Expanded,
    permissions: &Permissions,
    problems: &mut Problems,
) {
    for drafted in &mut expanded.monitors {
        let Check::Kubernetes(check) = &drafted.monitor.check else {
            continue;
        };
        let own = Arc::clone(&drafted.monitor.name.namespace);
        let access = if !permissions.permits(&own, &check.namespace) {
            let why = format!("namespace {} does not grant {own} its objects", check.namespace);
            let path = drafted.path("target.kubernetes.namespace");
            let fix = grant(&own, &check.namespace);
            problems.add(&drafted.object, Problem::missing_reference(path, why).with_fix(fix));
            ObjectAccess::Denied
        } else if permissions.permits_cluster(&own) {
            continue;
        } else {
            ObjectAccess::Namespaced
        };
        if let Check::Kubernetes(check) = &mut Arc::make_mut(&mut drafted.monitor).check {
            check.access = access;
        }
    }
}

impl Catalog {
    /// The objects that enabled monitors look at, and which monitors those are.
    pub fn object_queries(&self) -> BTreeMap<ObjectQuery, Vec<MonitorId>> {
        let mut queries: BTreeMap<ObjectQuery, Vec<MonitorId>> = BTreeMap::new();
        for entry in self.monitors.values().filter(|entry| entry.monitor.enabled) {
            if let Check::Kubernetes(check) = &entry.monitor.check
                && check.access != ObjectAccess::Denied
            {
                queries.entry(check.query()).or_default().push(entry.id);
            }
        }
        queries
    }
}
