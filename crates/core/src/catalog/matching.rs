//! Which monitors a selector means, without looking at every monitor for every selector.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::expand::Expanded;
use crate::id::{ObjectKey, ObjectName};
use crate::monitor::Monitor;
use crate::object::{Body, Object};
use crate::selector::{Candidate, Scope, Selector};

/// Who may refer to whose objects (`crds.md`, Selector).
pub(super) struct Permissions {
    system: String,
    isolated: bool,
    /// For each namespace those that it grants references to.
    grants: HashMap<Arc<str>, HashSet<String>>,
}

impl Permissions {
    pub(super) fn new(objects: &BTreeMap<ObjectKey, Object>, system: &str, isolated: bool) -> Self {
        let grants = objects.iter().filter_map(|(key, object)| match &object.body {
            Body::Namespace { grant_to, .. } => {
                let to = grant_to.iter().cloned().collect();
                Some((Arc::clone(&key.name.name), to))
            }
            _ => None,
        });
        Self { system: system.to_owned(), isolated, grants: grants.collect() }
    }

    /// Whether objects of `from` may refer to objects of `to`. The system namespace is the
    /// operator's own and may always.
    pub(super) fn permits(&self, from: &str, to: &str) -> bool {
        !self.isolated
            || from == to
            || from == self.system
            || self.grants.get(to).is_some_and(|names| names.contains(from))
    }

    /// Whether objects of `from` may refer to what belongs to no namespace but to the operator.
    pub(super) fn permits_cluster(&self, from: &str) -> bool {
        !self.isolated || from == self.system
    }
}

/// The monitors by what selectors ask for.
pub(super) struct MatchIndex {
    permissions: Permissions,
    monitors: Vec<Arc<Monitor>>,
    by_namespace: HashMap<Arc<str>, Vec<usize>>,
    by_label: HashMap<(String, String), Vec<usize>>,
    by_tag: HashMap<String, Vec<usize>>,
    by_name: HashMap<ObjectName, usize>,
}

impl MatchIndex {
    pub(super) fn new(expanded: &Expanded, permissions: Permissions) -> Self {
        let mut index = Self {
            permissions,
            monitors: Vec::with_capacity(expanded.monitors.len()),
            by_namespace: HashMap::new(),
            by_label: HashMap::new(),
            by_tag: HashMap::new(),
            by_name: expanded.positions.clone(),
        };
        for (position, drafted) in expanded.monitors.iter().enumerate() {
            let monitor = &drafted.monitor;
            let namespace = Arc::clone(&monitor.name.namespace);
            index.by_namespace.entry(namespace).or_default().push(position);
            for (key, value) in &monitor.labels {
                let label = (key.clone(), value.clone());
                index.by_label.entry(label).or_default().push(position);
            }
            for tag in &monitor.tags {
                index.by_tag.entry(tag.clone()).or_default().push(position);
            }
            index.monitors.push(Arc::clone(monitor));
        }
        index
    }

    pub(super) fn permits(&self, from: &str, to: &str) -> bool {
        self.permissions.permits(from, to)
    }

    /// How many monitors there are.
    pub(super) fn len(&self) -> usize {
        self.monitors.len()
    }

    pub(super) fn position(&self, name: &ObjectName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The positions of the monitors meant by a selector of an object in namespace `own`, in
    /// order.
    pub(super) fn select(&self, selector: &Selector, own: &str) -> Vec<usize> {
        let scope = Scope { own, system: &self.permissions.system };
        let fits = |position: &usize| {
            let monitor = &self.monitors[*position];
            let candidate =
                Candidate { name: &monitor.name, labels: &monitor.labels, tags: &monitor.tags };
            self.permits(own, &monitor.name.namespace) && selector.matches(candidate, scope)
        };
        match self.candidates(selector, own) {
            Some(candidates) => candidates.into_iter().filter(|it| fits(it)).collect(),
            None => (0..self.monitors.len()).filter(fits).collect(),
        }
    }

    /// The fewest monitors among which all that match are, in order; none means all.
    fn candidates(&self, selector: &Selector, own: &str) -> Option<Vec<usize>> {
        let mut best: Option<Vec<usize>> = None;
        let mut offer = |found: Vec<usize>| {
            if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                best = Some(found);
            }
        };
        for (key, value) in &selector.labels {
            let label = (key.clone(), value.clone());
            offer(self.by_label.get(&label).cloned().unwrap_or_default());
        }
        if !selector.tags.is_empty() {
            offer(union(selector.tags.iter().filter_map(|tag| self.by_tag.get(tag))));
        }
        if !selector.namespaces.is_empty() {
            let named = selector.namespaces.iter();
            offer(union(named.filter_map(|it| self.by_namespace.get(it.as_str()))));
        } else if own != self.permissions.system
            && selector.names.iter().all(|entry| entry.namespace.is_none())
        {
            offer(self.by_namespace.get(own).cloned().unwrap_or_default());
        }
        best
    }
}

fn union<'a>(lists: impl Iterator<Item = &'a Vec<usize>>) -> Vec<usize> {
    let all: BTreeSet<usize> = lists.flatten().copied().collect();
    all.into_iter().collect()
}
