//! TLS to a target: one handshake, the certificate it showed, and in words what was wrong.

mod config;
mod der;
mod facts;
mod fault;
mod names;
mod particulars;
mod path;
mod pem;
mod problem;
mod staple;
mod trust;
mod verifier;

use std::sync::Arc;

use kuma_core::check::TlsOptions;
use kuma_core::reason::Reason;
use kuma_core::time::Clock;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) use config::Alpn;
pub(crate) use fault::alert_in;

use self::config::Configs;
use self::facts::FactsCache;
use self::verifier::Recorder;
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::trace::Stage;

/// What all handshakes share.
pub(crate) struct TlsStack {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    clock: Arc<dyn Clock>,
    configs: Configs,
    facts: Arc<FactsCache>,
}

impl TlsStack {
    /// Loads the authorities.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Result<Self, rustls::Error> {
        let stack = Self {
            provider: Arc::new(config::provider()),
            roots: Arc::new(config::system_roots()),
            clock,
            configs: Configs::default(),
            facts: Arc::default(),
        };
        stack.check()?;
        Ok(stack)
    }
}

/// Speaks TLS on `stream`, which leads to `host` (a name or an address without brackets). Leaves
/// the certificate in the attempt's trace, whether or not the handshake succeeds.
pub(crate) async fn connect<S>(
    attempt: &mut Attempt<'_>,
    stream: S,
    host: &str,
    options: &TlsOptions,
    alpn: Alpn,
) -> Result<TlsStream<S>, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stack = &attempt.shared.tls;
    let settled =
        stack.config(options, alpn, attempt.namespace(), attempt.shared.secrets.as_ref())?;
    let asked = options.sni.as_deref().unwrap_or(host);
    let name = ServerName::try_from(asked.to_owned()).map_err(|_| {
        Fault::target(Reason::TargetInvalid, format!("`{asked}` is no name that TLS can ask for"))
    })?;
    let recorder = Arc::new(Recorder::new(
        Arc::clone(&settled.trust),
        Arc::clone(&stack.facts),
        stack.provider.signature_verification_algorithms,
        options.verify,
    ));
    let mut config = settled.base.clone();
    config.dangerous().set_certificate_verifier(Arc::clone(&recorder) as _);

    attempt.trace.enter(Stage::Tls);
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    attempt.trace.enter(Stage::Idle);
    let recorded = recorder.take();
    if let Some(recorded) = &recorded {
        attempt.trace.certificate = Some(Box::new(recorded.certificate()));
    }
    let stream = shaken.map_err(|error| fault::explain(&error, recorded.as_ref(), options))?;
    if let Some(seen) = &mut attempt.trace.particulars {
        seen.tls = particulars::of(stream.get_ref().1);
    }
    Ok(stream)
}
