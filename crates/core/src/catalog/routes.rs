//! Which ways messages about each monitor take (`engine.md`, "Route").

use std::collections::HashMap;
use std::sync::Arc;

use super::build::Problems;
use super::expand::Drafted;
use super::matching::MatchIndex;
use super::tenants::grant;
use super::{Catalog, Route, RouteVia};
use crate::id::{Kind, ObjectKey, ObjectName};
use crate::object::Problem;
use crate::policy::Policy;
use crate::provider::Provider;

/// Policies by rank, and which of them match which monitor.
pub(super) struct Router<'a> {
    /// By priority, then name.
    ranked: Vec<Route>,
    continues: Vec<bool>,
    rank_of: HashMap<ObjectName, usize>,
    /// Ranks of the policies whose selector matches, by monitor, ascending.
    matching: Vec<Vec<usize>>,
    defaults: &'a HashMap<Arc<str>, Arc<Provider>>,
}

impl<'a> Router<'a> {
    pub(super) fn new(
        catalog: &Catalog,
        index: &MatchIndex,
        defaults: &'a HashMap<Arc<str>, Arc<Provider>>,
    ) -> Self {
        let mut policies: Vec<&Arc<Policy>> = catalog.policies.values().collect();
        policies.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
        let mut router = Self {
            ranked: Vec::with_capacity(policies.len()),
            continues: Vec::with_capacity(policies.len()),
            rank_of: HashMap::with_capacity(policies.len()),
            matching: vec![Vec::new(); index.len()],
            defaults,
        };
        for (rank, policy) in policies.into_iter().enumerate() {
            router.ranked.push(Route {
                via: RouteVia::Policy(Arc::clone(policy)),
                providers: providers_of(policy, catalog),
            });
            router.continues.push(policy.continue_matching);
            router.rank_of.insert(policy.name.clone(), rank);
            for monitor in index.select(&policy.selector, &policy.name.namespace) {
                router.matching[monitor].push(rank);
            }
        }
        router
    }

    /// The routes of one monitor.
    pub(super) fn routes(
        &mut self,
        position: usize,
        drafted: &Drafted,
        problems: &mut Problems,
    ) -> Vec<Route> {
        let mut ranks = std::mem::take(&mut self.matching[position]);
        if let Some(rank) = self.referenced(drafted, problems)
            && let Err(place) = ranks.binary_search(&rank)
        {
            ranks.insert(place, rank);
        }
        let mut routes = Vec::with_capacity(ranks.len());
        for rank in ranks {
            routes.push(self.ranked[rank].clone());
            if !self.continues[rank] {
                break;
            }
        }
        if routes.is_empty()
            && let Some(provider) = self.defaults.get(&drafted.monitor.name.namespace)
        {
            routes.push(Route {
                via: RouteVia::DefaultProvider(provider.name.clone()),
                providers: vec![provider.name.clone()],
            });
        }
        routes
    }

    fn referenced(&self, drafted: &Drafted, problems: &mut Problems) -> Option<usize> {
        let wanted = drafted.monitor.alerting.policy.as_deref()?;
        let namespace = Arc::clone(&drafted.monitor.name.namespace);
        let name = ObjectName::new(namespace, wanted);
        let rank = self.rank_of.get(&name).copied();
        if rank.is_none() {
            let why = format!("policy {name} does not exist");
            let path = drafted.path("alerting.policyRef.name");
            problems.add(&drafted.object, Problem::missing_reference(path, why));
        }
        rank
    }
}

/// The providers of a policy that exist, each once.
fn providers_of(policy: &Policy, catalog: &Catalog) -> Vec<ObjectName> {
    let mut providers: Vec<ObjectName> = Vec::with_capacity(policy.providers.len());
    for provider in &policy.providers {
        if catalog.providers.contains_key(provider) && !providers.contains(provider) {
            providers.push(provider.clone());
        }
    }
    providers
}

/// Warns of the providers of policies that do not exist or may not be used, those of escalations
/// and fallbacks included.
pub(super) fn check_providers(catalog: &Catalog, index: &MatchIndex, problems: &mut Problems) {
    for policy in catalog.policies.values() {
        let key = ObjectKey { kind: Kind::NotificationPolicy, name: policy.name.clone() };
        let own = &policy.name.namespace;
        let mut check = |path: String, provider: &ObjectName| {
            // In this order: who has no grant learns nothing of what is there.
            let problem = if !index.permits(own, &provider.namespace) {
                let to = &provider.namespace;
                let why = format!("namespace {to} does not grant {own} its providers");
                Problem::missing_reference(path, why).with_fix(grant(own, to))
            } else if !catalog.providers.contains_key(provider) {
                let why = format!(
                    "ProviderNotFound: provider {provider} does not exist; the others still send"
                );
                Problem::missing_reference(path, why)
            } else {
                return;
            };
            problems.add(&key, problem);
        };
        for (i, provider) in policy.providers.iter().enumerate() {
            check(format!("spec.routing.providers[{i}].ref"), provider);
        }
        for (i, step) in policy.escalation.iter().enumerate() {
            for (j, provider) in step.providers.iter().enumerate() {
                check(format!("spec.routing.escalation[{i}].providers[{j}]"), provider);
            }
        }
        for (i, provider) in policy.fallback_providers.iter().enumerate() {
            check(format!("spec.routing.fallbackProviders[{i}]"), provider);
        }
    }
}
