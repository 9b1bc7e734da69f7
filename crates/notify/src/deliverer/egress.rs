//! Providers under different egress rules share no connection: one that stands was vetted by the
//! rules of whoever had it opened.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use kuma_core::catalog::Catalog;
use kuma_core::egress::ProviderRules;
use kuma_core::id::ObjectName;

use super::Deliverer;
use crate::channel::Transports;

/// What is sent with, by the rules in force.
pub(super) struct ByRules {
    base: Transports,
    under: Mutex<HashMap<ProviderRules, Arc<Transports>>>,
}

impl ByRules {
    pub(super) fn new(base: Transports) -> Self {
        Self { base, under: Mutex::default() }
    }
}

impl Deliverer {
    /// What messages of a provider are sent with.
    pub(super) fn transports(&self, provider: &ObjectName, catalog: &Catalog) -> Arc<Transports> {
        let egress = &catalog.settings.networking.egress;
        let rules = egress.for_providers(&provider.namespace);
        let mut under = self.transports.under.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = under.get(&rules) {
            return Arc::clone(known);
        }
        // Rules changed: what no provider is under any more goes, with its connections.
        let in_force: HashSet<_> =
            catalog.providers.keys().map(|name| egress.for_providers(&name.namespace)).collect();
        under.retain(|rules, _| in_force.contains(rules));
        let made = Arc::new(self.transports.base.under(rules.clone()));
        under.insert(rules, Arc::clone(&made));
        made
    }
}
