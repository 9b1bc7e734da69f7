//! Building the snapshot: every rule about more than one object is applied here.
//!
//! Guarantees: the same input gives the same catalog; a bad object costs itself and nothing else;
//! what is wrong stands in [`Catalog::objects`] under the object that can mend it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::edges::{Edges, connect};
use super::egress;
use super::expand::{Expanded, expand};
use super::matching::{MatchIndex, Permissions};
use super::objects;
use super::routes::{self, Router};
use super::tenants;
use super::{Catalog, Entry, ObjectStatus};
use crate::id::{Kind, MonitorId, ObjectKey, ObjectName};
use crate::object::{Body, Object, Problem};
use crate::provider::Provider;
use crate::settings::Settings;

/// The only name a settings object may have.
const SETTINGS_NAME: &str = "kubekuma";

/// What a catalog is built from.
#[derive(Clone, Copy)]
pub struct BuildInput<'a> {
    /// The objects in force: each one's current version, or its last valid one.
    pub objects: &'a BTreeMap<ObjectKey, Object>,
    /// What loading found: objects that are invalid, with or without a last valid version in
    /// `objects`, and warnings about valid ones.
    pub reports: &'a BTreeMap<ObjectKey, ObjectStatus>,
    /// `KUBE_NAMESPACE`.
    pub system_namespace: &'a str,
    /// The surrogates of monitors.
    pub ids: &'a dyn Fn(&ObjectName) -> MonitorId,
    /// Counts up with every build.
    pub version: u64,
}

/// What is wrong, by the object that can mend it.
#[derive(Debug, Default)]
pub(super) struct Problems(BTreeMap<ObjectKey, Vec<Problem>>);

impl Problems {
    pub(super) fn add(&mut self, object: &ObjectKey, problem: Problem) {
        self.0.entry(object.clone()).or_default().push(problem);
    }
}

/// Builds the snapshot.
pub fn build(input: BuildInput<'_>) -> Catalog {
    let mut problems = Problems::default();
    let settings = settings(input.objects, &mut problems);
    let mut catalog = Catalog {
        version: input.version,
        system_namespace: input.system_namespace.to_owned(),
        settings,
        ..Catalog::default()
    };
    collect(&mut catalog, input.objects);
    let permissions =
        Permissions::new(input.objects, input.system_namespace, catalog.settings.tenancy_isolated);
    let mut expanded = expand(&input, &catalog.settings, &mut problems);
    objects::restrict(&mut expanded, &permissions, &mut problems);
    let index = MatchIndex::new(&expanded, permissions);
    let rules = &catalog.settings.networking.egress;
    egress::warn(&expanded, rules, &mut problems);
    egress::warn_providers(&catalog.providers, rules, &mut problems);
    let edges = connect(&expanded, &index, &mut problems);
    let defaults = default_providers(&mut catalog, &mut problems);
    routes::check_providers(&catalog, &index, &mut problems);
    tenants::check_selectors(&catalog, &index, &mut problems);
    check_pages(&mut catalog, &index, &mut problems);
    tenants::restrict(&mut catalog, &index);
    catalog.monitors = entries(&catalog, expanded, &edges, &index, &defaults, &mut problems);
    catalog.by_id = catalog.monitors.values().map(|entry| (entry.id, Arc::clone(entry))).collect();
    catalog.objects = statuses(&input, problems);
    catalog
}

fn settings(objects: &BTreeMap<ObjectKey, Object>, problems: &mut Problems) -> Arc<Settings> {
    let mut found = None;
    for (key, object) in objects {
        let Body::Settings(settings) = &object.body else {
            continue;
        };
        if &*key.name.name == SETTINGS_NAME {
            found = Some(Arc::clone(settings));
        } else {
            problems.add(
                key,
                Problem::warning(
                    "metadata.name",
                    "only the settings object named kubekuma is read",
                )
                .with_value(&*key.name.name),
            );
        }
    }
    let mut found = found.unwrap_or_default();
    let egress = egress::of_namespaces(objects);
    if !egress.is_empty() {
        Arc::make_mut(&mut found).networking.egress.namespaces = egress;
    }
    found
}

/// Files the objects that need no further rule.
fn collect(catalog: &mut Catalog, objects: &BTreeMap<ObjectKey, Object>) {
    for (key, object) in objects {
        let name = key.name.clone();
        match &object.body {
            Body::Provider(it) => drop(catalog.providers.insert(name, Arc::clone(it))),
            Body::Policy(it) => drop(catalog.policies.insert(name, Arc::clone(it))),
            Body::StatusPage(it) => drop(catalog.pages.insert(name, Arc::clone(it))),
            Body::MaintenanceWindow(it) => drop(catalog.windows.insert(name, Arc::clone(it))),
            Body::Silence(it) => drop(catalog.silences.insert(name, Arc::clone(it))),
            Body::LocalUser(it) => drop(catalog.users.insert(name, Arc::clone(it))),
            Body::ApiKey(it) => drop(catalog.api_keys.insert(name, Arc::clone(it))),
            // Secrets stay with the secret source.
            Body::Secret(_) => continue,
            Body::Monitor(_) | Body::MonitorSet(_) | Body::Settings(_) | Body::Namespace { .. } => {
            }
        }
        catalog.raw.insert(key.clone(), object.clone());
    }
}

/// The default provider of each namespace; also finds the system provider.
fn default_providers(
    catalog: &mut Catalog,
    problems: &mut Problems,
) -> HashMap<Arc<str>, Arc<Provider>> {
    let mut defaults: HashMap<Arc<str>, Arc<Provider>> = HashMap::new();
    let mut system: Option<ObjectName> = None;
    for (name, provider) in &catalog.providers {
        let key = ObjectKey { kind: Kind::NotificationProvider, name: name.clone() };
        if provider.is_default {
            if let Some(first) = defaults.get(&name.namespace) {
                problems.add(&key, second_of("kubekuma.io/default-provider", &first.name));
            } else {
                defaults.insert(Arc::clone(&name.namespace), Arc::clone(provider));
            }
        }
        if provider.is_system {
            match &system {
                Some(first) => {
                    problems.add(&key, second_of("kubekuma.io/system-provider", first));
                }
                None => system = Some(name.clone()),
            }
        }
    }
    catalog.system_provider = system;
    defaults
}

fn second_of(annotation: &str, first: &ObjectName) -> Problem {
    Problem::warning(
        format!("metadata.annotations[{annotation}]"),
        format!("{first} is marked already and stays the one"),
    )
}

fn entries(
    catalog: &Catalog,
    expanded: Expanded,
    edges: &Edges,
    index: &MatchIndex,
    defaults: &HashMap<Arc<str>, Arc<Provider>>,
    problems: &mut Problems,
) -> BTreeMap<ObjectName, Arc<Entry>> {
    let count = expanded.monitors.len();
    let mut router = Router::new(catalog, index, defaults);
    let mut silences = vec![Vec::new(); count];
    for silence in catalog.silences.values() {
        for monitor in index.select(&silence.selector, &silence.name.namespace) {
            silences[monitor].push(Arc::clone(silence));
        }
    }
    let mut windows = vec![Vec::new(); count];
    for window in catalog.windows.values() {
        for monitor in index.select(&window.selector, &window.name.namespace) {
            windows[monitor].push(Arc::clone(window));
        }
    }
    let ids: Vec<MonitorId> = expanded.monitors.iter().map(|monitor| monitor.id).collect();
    let to_ids = |indices: &[usize]| indices.iter().map(|index| ids[*index]).collect();
    let mut found = Vec::with_capacity(count);
    for (position, drafted) in expanded.monitors.into_iter().enumerate() {
        let routes = router.routes(position, &drafted, problems);
        let entry = Entry {
            id: drafted.id,
            routes,
            parents: to_ids(&edges.parents[position]),
            children: to_ids(&edges.children[position]),
            members: to_ids(&edges.members[position]),
            groups: to_ids(&edges.groups[position]),
            silences: std::mem::take(&mut silences[position]),
            windows: std::mem::take(&mut windows[position]),
            monitor: drafted.monitor,
        };
        found.push((entry.monitor.name.clone(), Arc::new(entry)));
    }
    // Sorted already, so the tree is built in one go.
    found.into_iter().collect()
}

fn check_pages(catalog: &mut Catalog, index: &MatchIndex, problems: &mut Problems) {
    let mut slugs: HashMap<String, ObjectName> = HashMap::new();
    let mut refused = Vec::new();
    for (name, page) in &catalog.pages {
        let key = ObjectKey { kind: Kind::StatusPage, name: name.clone() };
        if let Some(first) = slugs.get(&page.slug) {
            let why = format!("the slug is taken by {first}");
            let problem = Problem::semantic("spec.slug", why)
                .with_value(page.slug.as_str())
                .with_fix("choose another slug");
            problems.add(&key, problem);
            refused.push(name.clone());
            continue;
        }
        slugs.insert(page.slug.clone(), name.clone());
        for (g, group) in page.groups.iter().enumerate() {
            for (m, member) in group.monitors.iter().enumerate() {
                let path = format!("spec.groups[{g}].monitors[{m}].ref");
                // In this order: who has no grant learns nothing of what is there.
                let problem = if !index.permits(&name.namespace, &member.namespace) {
                    tenants::not_granted(path, &name.namespace, &member.namespace)
                } else if index.position(member).is_none() {
                    let why = format!("monitor {member} does not exist; it is shown as unknown");
                    Problem::missing_reference(path, why)
                } else {
                    continue;
                };
                problems.add(&key, problem);
            }
        }
    }
    for name in refused {
        catalog.pages.remove(&name);
    }
}

fn statuses(input: &BuildInput<'_>, problems: Problems) -> BTreeMap<ObjectKey, ObjectStatus> {
    let mut statuses: BTreeMap<ObjectKey, ObjectStatus> = input
        .objects
        .iter()
        .map(|(key, object)| {
            let status = ObjectStatus {
                generation: object.meta.generation,
                origin: object.origin.clone(),
                problems: Vec::new(),
                last_valid_in_force: false,
            };
            (key.clone(), status)
        })
        .collect();
    for (key, report) in input.reports {
        statuses.insert(key.clone(), report.clone());
    }
    for (key, found) in problems.0 {
        if let Some(status) = statuses.get_mut(&key) {
            for problem in found {
                if !status.problems.contains(&problem) {
                    status.problems.push(problem);
                }
            }
        }
    }
    statuses
}
