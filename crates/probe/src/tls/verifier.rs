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

use super::facts::FactsCache;
use super::fault::problem;

/// Whom a verifier trusts.
pub(super) struct Trust {
    roots: Arc<RootCertStore>,
    /// Certificates of a configured bundle, trusted also when the server shows one of them as its
    /// own: self-signed certificates are often marked as authorities, which no chain may end in.
    pinned: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Authorities alone.
    pub(super) fn new(roots: Arc<RootCertStore>) -> Self {
        Self { roots, pinned: Vec::new() }
    }

    /// A bundle that somebody configured.
    pub(super) fn pinned(roots: Arc<RootCertStore>, pinned: Vec<CertificateDer<'static>>) -> Self {
        Self { roots, pinned }
    }
}

/// What a handshake showed.
pub(super) struct Recorded {
    facts: Option<Arc<Certificate>>,
    /// What is wrong with it.
    pub(super) verdict: Result<(), Error>,
}

impl Recorded {
    /// The facts with the verdict; `asked` is the name that was verified.
    pub(super) fn certificate(&self, asked: &str) -> Certificate {
        let mut certificate = self.facts.as_deref().cloned().unwrap_or_else(unreadable);
        certificate.valid = self.verdict.is_ok();
        certificate.problem =
            self.verdict.as_ref().err().map(|error| problem(error, &certificate, asked).1);
        certificate
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
    }
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

    fn verdict(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        facts: Option<&Certificate>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let chain = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.trust.roots,
            rest,
            now,
            self.algorithms.all,
        );
        match chain {
            Err(error) if !is_about_time(&error) && self.trust.pinned.contains(leaf) => {
                within_validity(facts, now)?;
            }
            other => other?,
        }
        verify_server_name(&parsed, name)
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

const fn is_about_time(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

fn within_validity(facts: Option<&Certificate>, now: UnixTime) -> Result<(), Error> {
    let facts = facts.ok_or(CertificateError::BadEncoding)?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if seconds > facts.expires_at.as_second() {
        return Err(CertificateError::Expired.into());
    }
    if seconds < facts.not_before.as_second() {
        return Err(CertificateError::NotValidYet.into());
    }
    Ok(())
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
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let facts = self.facts.read(end_entity, intermediates);
        let verdict = self.verdict(end_entity, intermediates, server_name, facts.as_deref(), now);
        let answer = match &verdict {
            Err(error) if self.enforce => Err(error.clone()),
            _ => Ok(ServerCertVerified::assertion()),
        };
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Recorded { facts, verdict });
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
