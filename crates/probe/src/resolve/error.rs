//! Why a name has no address, and what that says about the target.

use std::net::SocketAddr;

use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;

use super::control::Trouble;

/// A name without an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    outcome: Outcome,
    message: String,
}

impl ResolveError {
    pub(crate) fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into() }
    }

    /// How an attempt that needed the address ends.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }
}

/// What one question, or all questions for a name together, came to instead of an address. The
/// order is how much each tells about the name, the least first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The name does not exist.
    NxDomain,
    /// The name exists, but has no address of the family.
    NoData,
    /// No server answered.
    Silent(String),
    /// Our host could not even ask.
    Ours(Reason, String),
    /// A server refuses to answer us.
    Refused(SocketAddr),
    /// A server answered with another error.
    ServFail {
        /// Who.
        server: SocketAddr,
        /// Its answer.
        code: String,
    },
}

impl Fault {
    /// Whether it is an answer about the name, not about the way to it.
    pub(crate) const fn is_verdict(&self) -> bool {
        matches!(self, Self::NxDomain | Self::NoData)
    }

    /// What may be the resolver's fault, see [`super::control::blame`].
    pub(crate) const fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Silent(_) => Some(Trouble::Silence),
            Self::ServFail { .. } => Some(Trouble::ServFail),
            _ => None,
        }
    }

    /// The error for `host`; `resolver_down` says why the resolver is to blame, where it is.
    pub(crate) fn into_error(
        self,
        host: &str,
        family: &str,
        resolver_down: Option<&str>,
    ) -> ResolveError {
        let (reason, message) = match self {
            Self::NxDomain => (Reason::DnsNxdomain, format!("{host} does not exist")),
            Self::NoData => {
                (Reason::DnsNoData, format!("{host} exists but has no {family} address"))
            }
            Self::Refused(server) => {
                (Reason::DnsRefused, format!("{server} refuses to look up {host}"))
            }
            Self::ServFail { server, code } => {
                (Reason::DnsServfail, format!("{server} could not look up {host}: {code}"))
            }
            Self::Silent(why) => {
                (Reason::DnsTimeout, format!("{host} could not be looked up: {why}"))
            }
            Self::Ours(reason, why) => {
                return ResolveError::new(
                    Outcome::Indeterminate(reason),
                    format!("{host} could not be looked up: {why}"),
                );
            }
        };
        if let Some(why) = resolver_down {
            return ResolveError::new(
                Outcome::Indeterminate(Reason::ResolverDown),
                format!("{message}; {why}"),
            );
        }
        ResolveError::new(Outcome::Failure(reason), message)
    }
}
