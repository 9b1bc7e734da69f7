//! Egress rules for providers (`docs/egress.md`): whoever writes a provider has us open
//! connections for him. A name is looked up once, its addresses are vetted, and one of these is
//! dialled.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::egress::ProviderRules;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::cause;

/// Looks names up.
pub trait Names: fmt::Debug + Send + Sync {
    /// The addresses of a host, which may be one itself; each with the port.
    fn lookup<'a>(&'a self, host: &'a str, port: u16)
    -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// As everything on this host does.
#[derive(Debug)]
struct HostNames;

impl Names for HostNames {
    fn lookup<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// What may not be asked, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

impl From<Refused> for DeliveryError {
    fn from(refused: Refused) -> Self {
        Self::permanent(DeliveryReason::EgressDenied, refused.0)
    }
}

/// The refusal beneath an error of a client library.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<DeliveryError> {
    cause::wrapped::<Refused>(error).cloned().map(DeliveryError::from)
}

/// What connections of one set of rules are vetted by.
#[derive(Debug, Clone)]
pub(crate) struct Egress {
    /// None for what the operator wrote.
    rules: Option<ProviderRules>,
    names: Arc<dyn Names>,
}

impl Default for Egress {
    /// What holds where nothing is said.
    fn default() -> Self {
        Self { rules: Some(ProviderRules::default()), names: Arc::new(HostNames) }
    }
}

impl Egress {
    /// For what only the operator may write.
    pub(crate) fn unlimited() -> Self {
        Self { rules: None, ..Self::default() }
    }

    pub(crate) fn under(&self, rules: ProviderRules) -> Self {
        Self { rules: Some(rules), names: Arc::clone(&self.names) }
    }

    pub(crate) fn with_names(self, names: Arc<dyn Names>) -> Self {
        Self { names, ..self }
    }

    /// Whether the Namespace has rules of its own.
    pub(crate) fn has_own(&self) -> bool {
        self.rules.as_ref().is_some_and(ProviderRules::has_own)
    }

    /// The addresses of a host that may be asked. An error that nothing but a rule made is a
    /// [`refusal`].
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found = self.names.lookup(host, port).await?;
        let mut permitted = Vec::with_capacity(found.len());
        let mut refused = None;
        for address in found {
            match self.vet(address.ip()) {
                Ok(()) => permitted.push(address),
                Err(refusal) => refused = refused.or_else(|| Some((address.ip(), refusal))),
            }
        }
        match refused {
            Some((ip, refusal)) if permitted.is_empty() => {
                let what = if host.parse() == Ok(ip) {
                    format!("{ip} may not be asked")
                } else {
                    // The name may come from a Secret.
                    format!("the receiver is {ip}, which may not be asked")
                };
                Err(io::Error::other(Refused(format!("{what}: {refusal}"))))
            }
            _ => Ok(permitted),
        }
    }

    /// Vets a host that is dialled without being looked up, if it is one: an address.
    pub(crate) fn literal(&self, host: &str) -> Result<(), Refused> {
        let Ok(ip) = bare(host).parse::<IpAddr>() else {
            return Ok(());
        };
        self.vet(ip).map_err(|refusal| Refused(format!("{ip} may not be asked: {refusal}")))
    }

    /// Vets what a proxy is asked for, by its text: the proxy looks names up itself.
    pub(crate) fn by_proxy(&self, host: &str) -> Result<(), Refused> {
        let judged = self.rules.as_ref().map_or(Ok(()), |rules| rules.permits_by_proxy(host));
        judged.map_err(|refusal| {
            Refused(format!("the receiver may not be asked of a proxy: {refusal}"))
        })
    }

    fn vet(&self, ip: IpAddr) -> Result<(), kuma_core::egress::Refusal> {
        self.rules.as_ref().map_or(Ok(()), |rules| rules.permits(ip))
    }
}

impl Resolve for Egress {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.clone();
        Box::pin(async move {
            // Port 0 stands for the one of the URL.
            let found = egress.addresses(name.as_str(), 0).await?;
            Ok::<Addrs, _>(Box::new(found.into_iter()))
        })
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use kuma_core::egress::EgressSettings;

    use super::*;

    #[derive(Debug)]
    struct Fixed(Vec<SocketAddr>);

    impl Names for Fixed {
        fn lookup<'a>(
            &'a self,
            _host: &'a str,
            _port: u16,
        ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            Box::pin(async { Ok(self.0.clone()) })
        }
    }

    fn denying(net: &str) -> Egress {
        let settings =
            EgressSettings { deny: vec![net.parse().unwrap()], ..EgressSettings::default() };
        Egress::default().under(settings.for_providers("shop"))
    }

    #[tokio::test]
    async fn of_a_names_addresses_only_those_are_dialled_that_may_be_asked() {
        let (good, bad) = ("192.0.2.1:25".parse().unwrap(), "169.254.169.254:25".parse().unwrap());
        let both = Egress::default().with_names(Arc::new(Fixed(vec![bad, good])));
        assert_eq!(both.addresses("mail.example", 25).await.unwrap(), [good]);
        let only = Egress::default().with_names(Arc::new(Fixed(vec![bad])));
        let error = only.addresses("mail.example", 25).await.unwrap_err();
        let told = refusal(&error).unwrap();
        assert!(!told.is_retryable());
        assert!(
            told.to_string().starts_with(
                "EGRESS_DENIED: the receiver is 169.254.169.254, which may not be asked: it is a \
                 cloud's metadata service"
            ),
            "{told}"
        );
        let free = Egress::unlimited().with_names(Arc::new(Fixed(vec![bad])));
        assert_eq!(free.addresses("mail.example", 25).await.unwrap(), [bad]);
    }

    #[test]
    fn addresses_that_are_written_are_vetted_without_a_look_up() {
        let egress = denying("192.0.2.0/24");
        for host in ["192.0.2.7", "[::ffff:192.0.2.7]", "[64:ff9b::192.0.2.7]", "169.254.1.1"] {
            assert!(egress.literal(host).is_err(), "{host}");
            assert!(egress.by_proxy(host).is_err(), "{host}");
        }
        for host in ["198.51.100.1", "[2001:db8::1]", "hooks.example"] {
            assert_eq!(egress.literal(host), Ok(()), "{host}");
            assert_eq!(egress.by_proxy(host), Ok(()), "{host}");
        }
        assert!(egress.by_proxy("metadata.google.internal").is_err());
    }
}
