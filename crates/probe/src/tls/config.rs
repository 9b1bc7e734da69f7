//! rustls configurations, built once for each set of options and kept while the Secrets in them
//! stay the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use kuma_core::check::{TlsOptions, TlsVersion};
use kuma_core::reason::Reason;
use kuma_core::secret::{ExposeSecret, SecretRef, SecretSource, SecretString};
use kuma_core::time::Clock;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use super::trust::Trust;
use super::verifier::RefuseAll;
use super::{TlsStack, pem};
use crate::fault::Fault;

/// Most configurations kept; more means Secrets by the thousand, and then all are rebuilt.
const MAX_KEPT: usize = 2048;

/// Which protocols are offered by name (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Alpn {
    /// No offer.
    None,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
    /// Both, HTTP/2 preferred.
    Either,
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::None => Vec::new(),
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
            Self::Either => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    alpn: Alpn,
    thirteen_only: bool,
    /// None when no Secret is involved.
    secrets: Option<Box<Places>>,
}

/// Where the Secrets of a configuration are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Places {
    namespace: String,
    ca_bundle: Option<SecretRef>,
    client_cert: Option<SecretRef>,
}

/// A configuration ready to be given a verifier, with what its verifier trusts.
pub(super) struct Settled {
    pub(super) base: ClientConfig,
    pub(super) trust: Arc<Trust>,
    ca_bundle: Option<SecretString>,
    client_cert: Option<SecretString>,
}

impl Settled {
    fn made_of(&self, ca: Option<&SecretString>, client: Option<&SecretString>) -> bool {
        same(self.ca_bundle.as_ref(), ca) && same(self.client_cert.as_ref(), client)
    }
}

fn same(a: Option<&SecretString>, b: Option<&SecretString>) -> bool {
    a.map(ExposeSecret::expose_secret) == b.map(ExposeSecret::expose_secret)
}

/// The kept configurations.
#[derive(Default)]
pub(super) struct Configs(RwLock<HashMap<Key, Arc<Settled>>>);

impl TlsStack {
    /// The configuration for these options, kept or new.
    pub(super) fn config(
        &self,
        options: &TlsOptions,
        alpn: Alpn,
        namespace: &str,
        secrets: &dyn SecretSource,
    ) -> Result<Arc<Settled>, Fault> {
        let read =
            |at: &Option<SecretRef>| at.as_ref().map(|at| secrets.get(namespace, at)).transpose();
        let ca = read(&options.ca_bundle)?;
        let client = read(&options.client_cert)?;
        let key = Key {
            alpn,
            thirteen_only: options.min_version == TlsVersion::V13,
            secrets: (ca.is_some() || client.is_some()).then(|| {
                Box::new(Places {
                    namespace: namespace.to_owned(),
                    ca_bundle: options.ca_bundle.clone(),
                    client_cert: options.client_cert.clone(),
                })
            }),
        };
        let kept = self.configs.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(&key)
            && found.made_of(ca.as_ref(), client.as_ref())
        {
            return Ok(Arc::clone(found));
        }
        drop(kept);
        let made = Arc::new(self.build(options, alpn, ca, client)?);
        let mut kept = self.configs.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&made));
        Ok(made)
    }

    fn build(
        &self,
        options: &TlsOptions,
        alpn: Alpn,
        ca_bundle: Option<SecretString>,
        client_cert: Option<SecretString>,
    ) -> Result<Settled, Fault> {
        let trust = match (&ca_bundle, &options.ca_bundle) {
            (Some(text), Some(at)) => pem::bundle(text.expose_secret(), at)?,
            _ => Trust::new(Arc::clone(&self.roots)),
        };
        let builder = self
            .builder(options.min_version)
            .map_err(|error| Fault::ours(Reason::Internal, error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(RefuseAll));
        let mut base = match (&client_cert, &options.client_cert) {
            (Some(text), Some(at)) => {
                let (chain, key) = pem::identity(text.expose_secret(), at)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    pem::unusable(at, &format!("is no usable client certificate: {error}"))
                })?
            }
            _ => builder.with_no_client_auth(),
        };
        base.alpn_protocols = alpn.protocols();
        base.resumption = Resumption::disabled();
        Ok(Settled { base, trust: Arc::new(trust), ca_bundle, client_cert })
    }

    fn builder(
        &self,
        min: TlsVersion,
    ) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
        let versions: &[&SupportedProtocolVersion] = match min {
            TlsVersion::V12 => &[&version::TLS13, &version::TLS12],
            TlsVersion::V13 => &[&version::TLS13],
        };
        let time = Arc::new(ClockTime(Arc::clone(&self.clock)));
        ClientConfig::builder_with_details(Arc::clone(&self.provider), time)
            .with_protocol_versions(versions)
    }

    /// Whether configurations can be built at all.
    pub(super) fn check(&self) -> Result<(), rustls::Error> {
        self.builder(TlsVersion::V12).map(drop)
    }
}

/// aws-lc-rs. The post-quantum group is offered but its key share is not sent first: a hello of
/// more than one segment breaks old middleboxes and would be a false alarm.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![
            aws_lc_rs::kx_group::X25519,
            aws_lc_rs::kx_group::SECP256R1,
            aws_lc_rs::kx_group::SECP384R1,
            aws_lc_rs::kx_group::X25519MLKEM768,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// The system's authorities, or the compiled-in ones where it has none.
pub(super) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::info!("this host has no certificate authorities; using the compiled-in ones");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Our clock as rustls wants it.
struct ClockTime(Arc<dyn Clock>);

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since = std::time::Duration::try_from(
            self.0.now().wall.duration_since(kuma_core::time::Timestamp::UNIX_EPOCH),
        );
        since.ok().map(UnixTime::since_unix_epoch)
    }
}
