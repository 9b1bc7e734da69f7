//! The rules as they hold for the notification providers of one namespace.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Asker, EgressSettings, NamespaceEgress, Refusal};

/// What providers of one namespace may ask: as its monitors, but that the settings' `allow` opens
/// link-local addresses to them without limiting them to itself. The default is what holds where
/// nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ProviderRules {
    /// Without those of Namespaces.
    shared: EgressSettings,
    own: NamespaceEgress,
}

impl EgressSettings {
    /// The rules for providers of a namespace.
    pub fn for_providers(&self, namespace: &str) -> ProviderRules {
        let shared = Self {
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            allow_link_local: self.allow_link_local,
            namespaces: BTreeMap::new(),
        };
        ProviderRules { shared, own: self.own(namespace).clone() }
    }
}

impl ProviderRules {
    /// Whether an address may be asked.
    pub fn permits(&self, address: IpAddr) -> Result<(), Refusal> {
        self.shared.judge(&self.own, Asker::Provider, address)
    }

    /// Whether a proxy may be asked to connect to a host
    /// ([`EgressSettings::permits_by_proxy`]).
    pub fn permits_by_proxy(&self, host: &str) -> Result<(), Refusal> {
        self.shared.judge_by_proxy(&self.own, Asker::Provider, host)
    }

    /// Whether the Namespace has rules of its own, readable or not.
    pub fn has_own(&self) -> bool {
        self.own != NamespaceEgress::Unset
    }
}
