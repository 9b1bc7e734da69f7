//! Which addresses may be asked (`networking.egress`, `docs/egress.md`): a monitor or a notification
//! provider is written by somebody who need not be allowed to reach everything that this host can
//! reach.
//!
//! The rules look at addresses, and are asked about the very address that is dialled. An address
//! that carries another one (IPv4-mapped, NAT64, 6to4, …) has to be permitted as both.

mod forms;
mod providers;
mod special;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

pub use providers::ProviderRules;
pub use special::is_metadata_name;
use special::{Special, special};

/// The annotation of a Namespace that replaces `allow` for its monitors and limits its providers.
pub const ALLOW_ANNOTATION: &str = "kubekuma.io/egress-allow";
/// The annotation of a Namespace that adds to `deny` for its monitors and providers.
pub const DENY_ANNOTATION: &str = "kubekuma.io/egress-deny";

/// `networking.egress`. Link-local addresses and those of cloud metadata are refused unless
/// `allow_link_local` or an entry of `allow` that names them; `deny` beats `allow`; an empty
/// `allow` means everything else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct EgressSettings {
    /// If not empty, only these.
    pub allow: Vec<IpNet>,
    /// Never these.
    pub deny: Vec<IpNet>,
    /// Whether link-local and cloud metadata addresses may be asked.
    pub allow_link_local: bool,
    /// What Namespaces say about their own monitors and providers.
    pub namespaces: BTreeMap<String, NamespaceEgress>,
}

/// What a Namespace's annotations say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum NamespaceEgress {
    /// Nothing: the settings hold.
    #[default]
    Unset,
    /// Its own lists.
    Lists {
        /// In place of the settings' `allow`, if not empty.
        allow: Vec<IpNet>,
        /// Beside the settings' `deny`.
        deny: Vec<IpNet>,
    },
    /// They cannot be read. Nothing may be asked then: a typing error must open nothing.
    Unreadable,
}

/// Where a rule is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In the settings.
    Settings,
    /// In annotations of the Namespace.
    Namespace,
}

/// The rule that refuses an address or a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A link-local address that nothing allows.
    LinkLocal,
    /// An address or name of a cloud's metadata that nothing allows.
    Metadata,
    /// An entry of a deny list.
    Denied(IpNet, Scope),
    /// An allow list without this address.
    NotAllowed(Scope),
    /// The Namespace's annotations cannot be read.
    Unreadable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkLocal => f.write_str(
                "it is link-local, and neither `networking.egress.allowLinkLocal` nor an allow \
                 list permits it",
            ),
            Self::Metadata => f.write_str(
                "it is a cloud's metadata service, and neither \
                 `networking.egress.allowLinkLocal` nor an allow list permits it",
            ),
            Self::Denied(net, Scope::Settings) => {
                write!(f, "`networking.egress.deny` has {net}")
            }
            Self::Denied(net, Scope::Namespace) => {
                write!(f, "`{DENY_ANNOTATION}` of the Namespace has {net}")
            }
            Self::NotAllowed(Scope::Settings) => {
                f.write_str("`networking.egress.allow` does not have it")
            }
            Self::NotAllowed(Scope::Namespace) => {
                write!(f, "`{ALLOW_ANNOTATION}` of the Namespace does not have it")
            }
            Self::Unreadable => write!(
                f,
                "`{ALLOW_ANNOTATION}` or `{DENY_ANNOTATION}` of the Namespace cannot be read"
            ),
        }
    }
}

/// Whose connections are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Monitor,
    /// The settings' `allow` says what monitors may ask, and keeps no provider from its vendor.
    Provider,
}

impl Asker {
    /// Whether an address has to be on an allow list of this scope.
    fn is_limited_by(self, scope: Scope) -> bool {
        self == Self::Monitor || scope == Scope::Namespace
    }
}

impl EgressSettings {
    /// Whether monitors of a namespace may ask an address.
    pub fn permits(&self, namespace: &str, address: IpAddr) -> Result<(), Refusal> {
        self.judge(self.own(namespace), Asker::Monitor, address)
    }

    /// Whether a proxy may be asked to connect to a host whose name it resolves itself: what the
    /// name stands for is out of our sight, so what can be known from the text is refused, and
    /// everything where only listed addresses may be asked.
    pub fn permits_by_proxy(&self, namespace: &str, host: &str) -> Result<(), Refusal> {
        self.judge_by_proxy(self.own(namespace), Asker::Monitor, host)
    }

    fn own(&self, namespace: &str) -> &NamespaceEgress {
        self.namespaces.get(namespace).unwrap_or(&NamespaceEgress::Unset)
    }

    /// The allow list that counts, and where it is written.
    fn allowing<'a>(&'a self, own: &'a NamespaceEgress) -> (&'a [IpNet], Scope) {
        match own {
            NamespaceEgress::Lists { allow, .. } if !allow.is_empty() => (allow, Scope::Namespace),
            _ => (&self.allow, Scope::Settings),
        }
    }

    fn judge(&self, own: &NamespaceEgress, asker: Asker, address: IpAddr) -> Result<(), Refusal> {
        let own_deny: &[IpNet] = match own {
            NamespaceEgress::Unset => &[],
            NamespaceEgress::Lists { deny, .. } => deny,
            NamespaceEgress::Unreadable => return Err(Refusal::Unreadable),
        };
        let (allow, scope) = self.allowing(own);
        for form in forms::of(address) {
            for (list, scope) in [(&self.deny[..], Scope::Settings), (own_deny, Scope::Namespace)] {
                if let Some(net) = list.iter().find(|net| net.contains(&form)) {
                    return Err(Refusal::Denied(*net, scope));
                }
            }
            if let Some((net, kind)) = special(form)
                && !self.allow_link_local
                && !allow.iter().any(|entry| net.contains(entry) && entry.contains(&form))
            {
                return Err(match kind {
                    Special::LinkLocal => Refusal::LinkLocal,
                    Special::Metadata => Refusal::Metadata,
                });
            }
        }
        if allow.is_empty()
            || !asker.is_limited_by(scope)
            || forms::of(address).any(|form| contains(allow, form))
        {
            Ok(())
        } else {
            Err(Refusal::NotAllowed(scope))
        }
    }

    fn judge_by_proxy(
        &self,
        own: &NamespaceEgress,
        asker: Asker,
        host: &str,
    ) -> Result<(), Refusal> {
        let host = host.trim_end_matches('.');
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Some(address) = forms::written(bare) {
            return self.judge(own, asker, address);
        }
        if is_metadata_name(host) && !self.allow_link_local {
            return Err(Refusal::Metadata);
        }
        if *own == NamespaceEgress::Unreadable {
            return Err(Refusal::Unreadable);
        }
        let (allow, scope) = self.allowing(own);
        if allow.is_empty() || !asker.is_limited_by(scope) {
            Ok(())
        } else {
            Err(Refusal::NotAllowed(scope))
        }
    }
}

/// Networks as people write them in a list: `10.0.0.0/8`, or a single address. The error is the
/// entry that is none.
pub fn networks<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Vec<IpNet>, &'a str> {
    entries.into_iter().map(|entry| network(entry).ok_or(entry)).collect()
}

/// One network, or a single address.
pub fn network(entry: &str) -> Option<IpNet> {
    let entry = entry.trim();
    entry.parse().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from))
}

fn contains(list: &[IpNet], address: IpAddr) -> bool {
    list.iter().any(|net| net.contains(&address))
}
