//! What went wrong in a handshake, in words that a person understands.

use std::io;

use kuma_core::observation::Certificate;
use kuma_core::reason::Reason;
use rustls::{AlertDescription, CertificateError, Error};

use super::verifier::Recorded;
use crate::fault::Fault;
use crate::net::exchange_fault;
use crate::words;

const DURING: &str = "during the TLS handshake";

/// Explains a failed handshake. `recorded` is what the server showed, `asked` the name verified.
pub(super) fn explain(error: &io::Error, recorded: Option<&Recorded>, asked: &str) -> Fault {
    let Some(tls) = inner(error) else {
        return exchange_fault(error, DURING);
    };
    if let (Error::InvalidCertificate(_), Some(recorded)) = (tls, recorded) {
        let certificate = recorded.certificate(asked);
        let (reason, message) = problem(tls, &certificate, asked);
        return Fault::target(reason, message).with_all(facts(&certificate));
    }
    protocol(tls)
}

/// The fault of a TLS alert that came after the handshake, such as TLS 1.3's "certificate
/// required"; none if the error holds none.
pub(crate) fn alert_in(error: &io::Error) -> Option<Fault> {
    inner(error).map(protocol)
}

fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// A certificate's problem as a reason and a sentence.
pub(super) fn problem(error: &Error, certificate: &Certificate, asked: &str) -> (Reason, String) {
    let Error::InvalidCertificate(error) = error else {
        return (Reason::TlsInvalid, format!("the certificate cannot be used: {error}"));
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (Reason::TlsExpired, expired(error, certificate))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            Reason::TlsNotYetValid,
            format!("the certificate is not valid before {}", certificate.not_before),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            Reason::TlsNameMismatch,
            format!(
                "the certificate is not for {asked}; its names: {}",
                words::list(&certificate.names, 5)
            ),
        ),
        CertificateError::UnknownIssuer if certificate.subject == certificate.issuer => {
            self_signed(certificate)
        }
        CertificateError::UnknownIssuer => (
            Reason::TlsUntrusted,
            format!("the certificate's issuer is not trusted here: {}", certificate.issuer),
        ),
        CertificateError::Revoked => (Reason::TlsRevoked, "the certificate is revoked".to_owned()),
        CertificateError::BadSignature => {
            (Reason::TlsInvalid, "a signature in the certificate chain is wrong".to_owned())
        }
        CertificateError::BadEncoding => (
            Reason::TlsInvalid,
            "the certificate cannot be read (broken, or of version 1)".to_owned(),
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            Reason::TlsInvalid,
            "the certificate is not meant for servers (extended key usage)".to_owned(),
        ),
        CertificateError::Other(inner) => further(&inner.to_string(), certificate),
        other => (Reason::TlsInvalid, format!("the certificate is invalid: {other}")),
    }
}

/// Problems that rustls passes on from its verifier without a variant of their own.
fn further(error: &str, certificate: &Certificate) -> (Reason, String) {
    let invalid = |message: &str| (Reason::TlsInvalid, message.to_owned());
    if error.contains("CaUsedAsEndEntity") {
        if certificate.subject == certificate.issuer {
            return self_signed(certificate);
        }
        return invalid("the server shows an authority's certificate as its own");
    }
    if error.contains("NameConstraintViolation") {
        return invalid("an authority of the chain may not issue certificates for this name");
    }
    if error.contains("UnsupportedCertVersion") {
        return invalid("the certificate is not of version 3");
    }
    if error.contains("EndEntityUsedAsCa") || error.contains("PathLenConstraintViolated") {
        return invalid("a certificate of the chain may not issue others");
    }
    (Reason::TlsInvalid, format!("the certificate is invalid: {error}"))
}

fn self_signed(certificate: &Certificate) -> (Reason, String) {
    (
        Reason::TlsUntrusted,
        format!("the certificate is self-signed ({}) and not trusted here", certificate.subject),
    )
}

fn expired(error: &CertificateError, certificate: &Certificate) -> String {
    if let CertificateError::ExpiredContext { not_after, .. } = error {
        let leaf = u64::try_from(certificate.expires_at.as_second()).unwrap_or(0);
        if not_after.as_secs() != leaf {
            return format!(
                "a certificate of the chain expired on {}; the server's own lasts until {}",
                certificate.chain_expires_at, certificate.expires_at
            );
        }
    }
    format!("the certificate expired on {}", certificate.expires_at)
}

/// Faults of the protocol itself.
fn protocol(error: &Error) -> Fault {
    match error {
        Error::AlertReceived(alert) => alerted(*alert),
        Error::PeerIncompatible(what) => Fault::target(
            Reason::TlsUnsupported,
            format!("the server offers only what this program does not speak ({what:?})"),
        ),
        Error::InvalidMessage(_) => {
            Fault::target(Reason::TlsHandshake, "what answered does not speak TLS on this port")
                .with("tls error", error.to_string())
        }
        Error::NoCertificatesPresented => {
            Fault::target(Reason::TlsHandshake, "the server showed no certificate")
        }
        Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => {
            Fault::ours(Reason::Internal, error.to_string())
        }
        other => Fault::target(Reason::TlsHandshake, format!("the TLS handshake failed: {other}")),
    }
}

fn alerted(alert: AlertDescription) -> Fault {
    let (reason, message) = match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            (Reason::TlsClientCert, "the server wants a client certificate".to_owned())
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => (
            Reason::TlsClientCert,
            format!("the server does not accept our client certificate ({alert:?})"),
        ),
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => (
            Reason::TlsUnsupported,
            format!("the server does not speak the TLS versions or ciphers asked for ({alert:?})"),
        ),
        AlertDescription::UnrecognisedName => {
            (Reason::TlsHandshake, "the server does not know the name asked for (SNI)".to_owned())
        }
        AlertDescription::NoApplicationProtocol => {
            (Reason::TlsHandshake, "the server does not speak the asked protocol (ALPN)".to_owned())
        }
        AlertDescription::HandshakeFailure => (
            Reason::TlsHandshake,
            "the server refused the handshake (no cipher in common, or it wants a client \
             certificate)"
                .to_owned(),
        ),
        other => (
            Reason::TlsHandshake,
            format!("the server ended the handshake with the alert {other:?}"),
        ),
    };
    Fault::target(reason, message).with("tls alert", format!("{alert:?}"))
}

fn facts(certificate: &Certificate) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    vec![
        fact("certificate subject", certificate.subject.clone()),
        fact("certificate issuer", certificate.issuer.clone()),
        fact("certificate names", words::list(&certificate.names, 20)),
        fact(
            "certificate validity",
            format!("{} to {}", certificate.not_before, certificate.expires_at),
        ),
        fact("certificate sha256", certificate.fingerprint.clone()),
    ]
}
