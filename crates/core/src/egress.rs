//! Which addresses may be asked (`networking.egress`, `docs/egress.md`): a monitor is written by
//! somebody who need not be allowed to reach everything that this host can reach.
//!
//! The rules look at addresses, and are asked about the very address that is dialled. An address
//! that carries another one (IPv4-mapped, NAT64, 6to4, …) has to be permitted as both.

mod forms;
mod special;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

pub use special::is_metadata_name;
use special::{Special, special};

/// The annotation of a Namespace that replaces `allow` for its monitors.
pub const ALLOW_ANNOTATION: &str = "kubekuma.io/egress-allow";
/// The annotation of a Namespace that adds to `deny` for its monitors.
pub const DENY_ANNOTATION: &str = "kubekuma.io/egress-deny";

/// `networking.egress`. Link-local addresses and those of cloud metadata are refused unless
/// `allow_link_local` or an entry of `allow` that names them; `deny` beats `allow`; an empty
/// `allow` means everything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressSettings {
    /// If not empty, only these.
    pub allow: Vec<IpNet>,
    /// Never these.
    pub deny: Vec<IpNet>,
    /// Whether link-local and cloud metadata addresses may be asked.
    pub allow_link_local: bool,
    /// What Namespaces say about their own monitors.
    pub namespaces: BTreeMap<String, NamespaceEgress>,
}

/// What a Namespace's annotations say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// In annotations of the monitor's Namespace.
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

impl EgressSettings {
    /// Whether monitors of a namespace may ask an address.
    pub fn permits(&self, namespace: &str, address: IpAddr) -> Result<(), Refusal> {
        let (own_allow, own_deny): (&[IpNet], &[IpNet]) = match self.namespaces.get(namespace) {
            None | Some(NamespaceEgress::Unset) => (&[], &[]),
            Some(NamespaceEgress::Lists { allow, deny }) => (allow, deny),
            Some(NamespaceEgress::Unreadable) => return Err(Refusal::Unreadable),
        };
        let (allow, scope) = if own_allow.is_empty() {
            (self.allow.as_slice(), Scope::Settings)
        } else {
            (own_allow, Scope::Namespace)
        };
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
        if allow.is_empty() || forms::of(address).any(|form| contains(allow, form)) {
            Ok(())
        } else {
            Err(Refusal::NotAllowed(scope))
        }
    }

    /// Whether a proxy may be asked to connect to a host whose name it resolves itself: what the
    /// name stands for is out of our sight, so what can be known from the text is refused, and
    /// everything where only listed addresses may be asked.
    pub fn permits_by_proxy(&self, namespace: &str, host: &str) -> Result<(), Refusal> {
        let host = host.trim_end_matches('.');
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Some(address) = forms::written(bare) {
            return self.permits(namespace, address);
        }
        if is_metadata_name(host) && !self.allow_link_local {
            return Err(Refusal::Metadata);
        }
        match self.namespaces.get(namespace) {
            Some(NamespaceEgress::Unreadable) => Err(Refusal::Unreadable),
            Some(NamespaceEgress::Lists { allow, .. }) if !allow.is_empty() => {
                Err(Refusal::NotAllowed(Scope::Namespace))
            }
            _ if !self.allow.is_empty() => Err(Refusal::NotAllowed(Scope::Settings)),
            _ => Ok(()),
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
