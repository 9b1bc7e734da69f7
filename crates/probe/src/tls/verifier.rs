//! Verifies what the server shows and always records it: the certificate's facts and the verdict,
//! also when verification is off.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use kuma_core::observation::Certificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::facts::{Facts, FactsCache};
use super::problem::{self, Problem};
use super::staple::{self, Staple};
use super::trust::Trust;

/// What a handshake showed.
pub(super) struct Recorded {
    facts: Option<Arc<Facts>>,
    /// What is wrong with it.
    pub(super) verdict: Result<(), Problem>,
    /// What is odd and no reason to refuse it.
    warnings: Vec<String>,
}

impl Recorded {
    /// The facts with the verdict.
    pub(super) fn certificate(&self) -> Certificate {
        let facts = self.facts.as_deref().map(|facts| facts.certificate.clone());
        Certificate {
            valid: self.verdict.is_ok(),
            problem: self.verdict.as_ref().err().map(|problem| problem.message.clone()),
            warnings: self.warnings.clone(),
            ..facts.unwrap_or_else(unreadable)
        }
    }
}

fn unreadable() -> Certificate {
    let never = kuma_core::time::Timestamp::UNIX_EPOCH;
    Certificate {
        fingerprint: String::new(),
        subject: String::new(),
        issuer: String::new(),
        serial: String::new(),
        names: Vec::new(),
        not_before: never,
        expires_at: never,
        chain_expires_at: never,
        valid: false,
        problem: None,
        warnings: Vec::new(),
    }
}

/// What a server shows, and what it is held against.
pub(super) struct Shown<'a> {
    /// Its own certificate.
    pub(super) leaf: &'a CertificateDer<'a>,
    /// The others that it sends.
    pub(super) rest: &'a [CertificateDer<'a>],
    /// The name that was asked for.
    pub(super) name: &'a ServerName<'a>,
    /// What the leaf says; none when it cannot be read.
    pub(super) facts: Option<&'a Facts>,
    /// Our clock.
    pub(super) now: UnixTime,
}

/// The verifier of one handshake.
pub(super) struct Recorder {
    trust: Arc<Trust>,
    facts: Arc<FactsCache>,
    algorithms: WebPkiSupportedAlgorithms,
    enforce: bool,
    recorded: Mutex<Option<Recorded>>,
}

impl Recorder {
    /// A verifier that refuses what is not valid only if `enforce`.
    pub(super) fn new(
        trust: Arc<Trust>,
        facts: Arc<FactsCache>,
        algorithms: WebPkiSupportedAlgorithms,
        enforce: bool,
    ) -> Self {
        Self { trust, facts, algorithms, enforce, recorded: Mutex::new(None) }
    }

    /// What it saw, if the server showed anything.
    pub(super) fn take(&self) -> Option<Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn verdict(&self, shown: &Shown<'_>) -> Result<(), Problem> {
        let refused = |error: Error| problem::name(&error, shown, &self.trust);
        let parsed = ParsedCertificate::try_from(shown.leaf).map_err(refused)?;
        let chain = |roots: &RootCertStore| {
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                roots,
                shown.rest,
                shown.now,
                self.algorithms.all,
            )
        };
        let roots = self.trust.valid_roots(shown.now);
        match chain(&roots) {
            Err(error) if self.trust.pins(shown.leaf) && may_be_pinned(&error) => {
                problem::of_pinned(shown)?;
            }
            Err(error) if !self.trust.all_valid(&roots) && chain(self.trust.roots()).is_ok() => {
                return Err(problem::expired_authority(shown, &self.trust, error));
            }
            other => other.map_err(refused)?,
        }
        problem::weak_key(shown)?;
        verify_server_name(&parsed, shown.name).map_err(refused)
    }

    fn unless_off(
        &self,
        signed: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        match signed {
            // Certificates of version 1 cannot be read here. Whoever turned verification off
            // trusts the path, so the signature adds nothing.
            Err(_) if !self.enforce => Ok(HandshakeSignatureValid::assertion()),
            other => other,
        }
    }
}

/// Whether a certificate of the bundle itself is fine in spite of this: self-signed certificates
/// are often marked as authorities, which rustls lets no chain begin with. OpenSSL, Go and
/// browsers take them.
fn may_be_pinned(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(inner)) => {
            inner.to_string().contains("CaUsedAsEndEntity")
        }
        _ => false,
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let facts = self.facts.read(end_entity, intermediates);
        let shown = Shown {
            leaf: end_entity,
            rest: intermediates,
            name: server_name,
            facts: facts.as_deref(),
            now,
        };
        let mut verdict = self.verdict(&shown);
        let staple = staple::read(ocsp_response, &shown, &self.trust, self.algorithms.all);
        let mut warnings = Vec::new();
        match staple {
            Staple::Revoked(problem) if verdict.is_ok() => verdict = Err(problem),
            Staple::Doubtful(why) => warnings.push(why),
            Staple::None if facts.as_ref().is_some_and(|facts| facts.must_staple) => warnings.push(
                "the certificate demands a stapled OCSP response and the server sends none; some \
                 clients refuse it"
                    .to_owned(),
            ),
            Staple::Good | Staple::None | Staple::Revoked(_) => {}
        }
        let answer = match &verdict {
            Err(problem) if self.enforce => Err(problem.error.clone()),
            _ => Ok(ServerCertVerified::assertion()),
        };
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Recorded { facts, verdict, warnings });
        answer
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.unless_off(verify_tls12_signature(message, cert, dss, &self.algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.unless_off(verify_tls13_signature(message, cert, dss, &self.algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Stands in a configuration until a handshake's own verifier is put there; accepts nothing.
#[derive(Debug)]
pub(super) struct RefuseAll;

impl ServerCertVerifier for RefuseAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Vec::new()
    }
}
