//! What went wrong in a handshake, in words that a person understands.

use std::io;

use kuma_core::check::{TlsOptions, TlsVersion};
use kuma_core::observation::Certificate;
use kuma_core::reason::Reason;
use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use super::verifier::Recorded;
use crate::fault::Fault;
use crate::net::exchange_fault;
use crate::words;

const DURING: &str = "during the TLS handshake";

/// Explains a failed handshake. `recorded` is what the server showed.
pub(super) fn explain(
    error: &io::Error,
    recorded: Option<&Recorded>,
    options: &TlsOptions,
) -> Fault {
    let Some(tls) = inner(error) else {
        return exchange_fault(error, DURING);
    };
    if let (Error::InvalidCertificate(_), Some(recorded)) = (tls, recorded) {
        let certificate = recorded.certificate();
        return match &recorded.verdict {
            Err(problem) => Fault::target(problem.reason, problem.message.clone()),
            Ok(()) => Fault::target(
                Reason::TlsInvalid,
                "the server's signature does not fit the certificate that it shows",
            ),
        }
        .with_all(facts(&certificate));
    }
    if matches!(tls, Error::AlertReceived(AlertDescription::HandshakeFailure))
        && recorded.is_some()
        && options.client_cert.is_none()
    {
        // Versions and ciphers are settled before a certificate is shown (TLS 1.2).
        return Fault::target(
            Reason::TlsClientCert,
            "the server showed its certificate and then refused the handshake: it wants a client \
             certificate",
        );
    }
    protocol(tls, options.min_version, options.client_cert.is_some())
}

/// The fault of a TLS alert that came after the handshake, such as TLS 1.3's "certificate
/// required"; none if the error holds none.
pub(crate) fn alert_in(error: &io::Error) -> Option<Fault> {
    inner(error).map(|error| protocol(error, TlsVersion::default(), false))
}

fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Faults of the protocol itself.
fn protocol(error: &Error, least: TlsVersion, with_certificate: bool) -> Fault {
    match error {
        Error::AlertReceived(alert) => alerted(*alert, least, with_certificate),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Fault::target(Reason::TlsUnsupported, too_old(least)),
        Error::PeerIncompatible(what) => Fault::target(
            Reason::TlsUnsupported,
            format!("the server offers only what this program does not speak ({what:?})"),
        ),
        Error::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge,
        ) => Fault::target(
            Reason::TlsInvalid,
            "the server sends more certificates than a handshake may hold (64 KiB)",
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

fn too_old(least: TlsVersion) -> String {
    match least {
        TlsVersion::V12 => {
            "the server speaks neither TLS 1.2 nor 1.3, and nothing older is spoken here"
        }
        TlsVersion::V13 => "the server does not speak TLS 1.3, and `tls.minVersion` asks for it",
    }
    .to_owned()
}

fn alerted(alert: AlertDescription, least: TlsVersion, with_certificate: bool) -> Fault {
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
            if with_certificate {
                format!("the server does not accept our client certificate ({alert:?})")
            } else {
                format!("the server does not accept us without a client certificate ({alert:?})")
            },
        ),
        AlertDescription::ProtocolVersion => (Reason::TlsUnsupported, too_old(least)),
        AlertDescription::InsufficientSecurity => (
            Reason::TlsUnsupported,
            "the server wants stronger ciphers than those that are offered".to_owned(),
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
