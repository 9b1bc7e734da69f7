//! What `tenancy.isolated` keeps apart besides what is looked up through the index: references of
//! objects that the rest of the program reads from the objects themselves.

use std::sync::Arc;

use super::Catalog;
use super::build::Problems;
use super::matching::MatchIndex;
use crate::id::{Kind, ObjectKey, ObjectName};
use crate::object::{Problem, StatusPage};
use crate::policy::Policy;
use crate::selector::Selector;

/// A reference that needs a grant which is not there: `from` and `to` are namespaces.
pub(super) fn not_granted(path: String, from: &str, to: &str) -> Problem {
    let why = format!("namespace {to} does not grant {from} references");
    Problem::missing_reference(path, why).with_fix(grant(from, to))
}

/// What makes it a reference that is permitted.
pub(super) fn grant(from: &str, to: &str) -> String {
    format!("list {from} in the annotation kubekuma.io/grant-to of the Namespace {to}")
}

/// Takes from policies and pages what they may not refer to, once it has been told, so that
/// nothing that reads them has to ask again.
pub(super) fn restrict(catalog: &mut Catalog, index: &MatchIndex) {
    for policy in catalog.policies.values_mut() {
        let own = Arc::clone(&policy.name.namespace);
        let refused = |provider: &ObjectName| !index.permits(&own, &provider.namespace);
        if all_providers(policy).any(refused) {
            let policy = Arc::make_mut(policy);
            policy.providers.retain(|it| !refused(it));
            policy.fallback_providers.retain(|it| !refused(it));
            for step in &mut policy.escalation {
                step.providers.retain(|it| !refused(it));
            }
        }
    }
    for page in catalog.pages.values_mut() {
        let own = Arc::clone(&page.name.namespace);
        let refused = |monitor: &ObjectName| !index.permits(&own, &monitor.namespace);
        if all_monitors(page).any(refused) {
            for group in &mut Arc::make_mut(page).groups {
                group.monitors.retain(|it| !refused(it));
            }
        }
    }
}

fn all_providers(policy: &Policy) -> impl Iterator<Item = &ObjectName> {
    let steps = policy.escalation.iter().flat_map(|step| &step.providers);
    policy.providers.iter().chain(&policy.fallback_providers).chain(steps)
}

fn all_monitors(page: &StatusPage) -> impl Iterator<Item = &ObjectName> {
    page.groups.iter().flat_map(|group| &group.monitors)
}

/// Tells of selectors that name namespaces whose grant they lack; they match nothing there.
pub(super) fn check_selectors(catalog: &Catalog, index: &MatchIndex, problems: &mut Problems) {
    let mut check = |kind: Kind, name: &ObjectName, selector: &Selector| {
        let key = ObjectKey { kind, name: name.clone() };
        let own = &*name.namespace;
        let named = selector.names.iter().filter_map(|entry| entry.namespace.as_ref());
        for namespace in selector.namespaces.iter().chain(named) {
            if !index.permits(own, namespace) {
                problems.add(&key, not_granted("spec.match".to_owned(), own, namespace));
            }
        }
    };
    for (name, policy) in &catalog.policies {
        check(Kind::NotificationPolicy, name, &policy.selector);
    }
    for (name, window) in &catalog.windows {
        check(Kind::MaintenanceWindow, name, &window.selector);
    }
    for (name, silence) in &catalog.silences {
        check(Kind::Silence, name, &silence.selector);
    }
}
