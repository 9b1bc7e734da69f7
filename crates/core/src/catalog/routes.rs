//! Which ways messages about each monitor take (`engine.md`, "Route").

use std::collections::HashMap;
use std::sync::Arc;

use super::build::Problems;
use super::expand::Drafted;
use super::matching::MatchIndex;
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
        problems: &mut Problems,
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
                providers: providers_of(policy, catalog, index, problems),
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

/// The providers of a policy that exist and may be used, each once; warns of the others, those of
/// escalations and fallbacks included.
fn providers_of(
    policy: &Policy,
    catalog: &Catalog,
    index: &MatchIndex,
    problems: &mut Problems,
) -> Vec<ObjectName> {
    let key = ObjectKey { kind: Kind::NotificationPolicy, name: policy.name.clone() };
    let mut usable = |path: String, provider: &ObjectName| {
        let why = if !catalog.providers.contains_key(provider) {
            format!("ProviderNotFound: provider {provider} does not exist; the others still send")
        } else if !index.permits(&policy.name.namespace, &provider.namespace) {
            format!(
                "ProviderNotFound: namespace {} does not grant {} its providers",
                provider.namespace, policy.name.namespace
            )
        } else {
            return true;
        };
        problems.add(&key, Problem::missing_reference(path, why));
        false
    };
    let mut providers: Vec<ObjectName> = Vec::with_capacity(policy.providers.len());
    for (i, provider) in policy.providers.iter().enumerate() {
        if usable(format!("spec.routing.providers[{i}].ref"), provider)
            && !providers.contains(provider)
        {
            providers.push(provider.clone());
        }
    }
    for (i, step) in policy.escalation.iter().enumerate() {
        for (j, provider) in step.providers.iter().enumerate() {
            usable(format!("spec.routing.escalation[{i}].providers[{j}]"), provider);
        }
    }
    for (i, provider) in policy.fallback_providers.iter().enumerate() {
        usable(format!("spec.routing.fallbackProviders[{i}]"), provider);
    }
    providers
}
