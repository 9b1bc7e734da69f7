//! What is wrong with a certificate or its chain, named precisely: which certificate it is, and
//! what would be right. The verdict is rustls's; this only finds words and a reason for it.

use kuma_core::reason::Reason;
use kuma_core::time::Timestamp;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error};
use x509_parser::prelude::X509Certificate;

use super::facts::rsa_bits;
use super::names;
use super::path::{Ending, Path};
use super::trust::Trust;
use super::verifier::Shown;

/// Shortest RSA key that is accepted, in bits.
const MIN_RSA_BITS: usize = 2048;

/// A certificate that is refused.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// What rustls is told.
    pub(super) error: Error,
    /// Why, as a code.
    pub(super) reason: Reason,
    /// Why, as a sentence.
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(error: impl Into<Error>, reason: Reason, message: impl Into<String>) -> Self {
        Self { error: error.into(), reason, message: message.into() }
    }
}

/// Names what rustls found.
pub(super) fn name(error: &Error, shown: &Shown<'_>, trust: &Trust) -> Problem {
    let path = Path::of(shown, trust);
    let (reason, message) = match error {
        Error::InvalidCertificate(inner) => words(inner, shown, &path),
        other => (Reason::TlsInvalid, format!("the certificate cannot be used: {other}")),
    };
    Problem::new(error.clone(), reason, message)
}

fn words(error: &CertificateError, shown: &Shown<'_>, path: &Path<'_>) -> (Reason, String) {
    let invalid = |message: String| (Reason::TlsInvalid, message);
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (Reason::TlsExpired, expired(path, shown.now))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (Reason::TlsNotYetValid, not_yet_valid(path, shown.now))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (Reason::TlsNameMismatch, names::mismatch(shown))
        }
        CertificateError::UnknownIssuer => (Reason::TlsUntrusted, untrusted(path)),
        CertificateError::Revoked => (Reason::TlsRevoked, "the certificate is revoked".to_owned()),
        CertificateError::BadEncoding => {
            invalid("the certificate cannot be read (broken, or of version 1)".to_owned())
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            invalid(names::purposes(path.certificates.first()))
        }
        CertificateError::BadSignature => {
            invalid(weak(path).unwrap_or_else(|| bad_signature(path)))
        }
        other => {
            let other = format!("{other:?}");
            if other.contains("CaUsedAsEndEntity") && path.is_self_signed() {
                return (Reason::TlsUntrusted, untrusted(path));
            }
            invalid(further(&other, path))
        }
    }
}

/// Problems that rustls passes on from its verifier without a variant of their own.
fn further(error: &str, path: &Path<'_>) -> String {
    let has = |name: &str| error.contains(name);
    if has("UnsupportedSignatureAlgorithm") {
        return weak(path).unwrap_or_else(|| {
            "a signature of the certificate chain is of a kind that is not supported".to_owned()
        });
    }
    if has("CaUsedAsEndEntity") {
        return "the server shows an authority's certificate as its own".to_owned();
    }
    if has("NameConstraintViolation") {
        return "an authority of the chain may not issue certificates for this name (name \
                constraints)"
            .to_owned();
    }
    if has("PathLenConstraintViolated") {
        return "the chain is longer than one of its authorities allows (path length)".to_owned();
    }
    if has("EndEntityUsedAsCa") {
        let culprit = path.certificates.iter().skip(1).find(|it| !it.is_ca());
        return match culprit {
            Some(it) => {
                format!("{} issued a certificate of the chain and is no authority", it.subject())
            }
            None => "a certificate of the chain may not issue others".to_owned(),
        };
    }
    if has("Maximum") {
        return "the certificate chain is too long or too tangled to be verified".to_owned();
    }
    if has("UnsupportedCertVersion") {
        return "the certificate is not of version 3".to_owned();
    }
    if has("UnsupportedCriticalExtension") {
        return "a certificate of the chain has a critical extension that is not known here"
            .to_owned();
    }
    format!("the certificate is invalid: {error}")
}

fn expired(path: &Path<'_>, now: UnixTime) -> String {
    let seconds = seconds(now);
    let over = |it: &&X509Certificate<'_>| it.validity().not_after.timestamp() < seconds;
    let end = |it: &X509Certificate<'_>| instant(it.validity().not_after.timestamp());
    match (path.certificates.first(), path.certificates.iter().find(over)) {
        (Some(leaf), Some(it)) if it != leaf => format!(
            "the certificate of the intermediate {} expired on {}; the server's own lasts until {}",
            it.subject(),
            end(it),
            end(leaf)
        ),
        (Some(leaf), _) => format!("the certificate expired on {}", end(leaf)),
        (None, _) => "the certificate has expired".to_owned(),
    }
}

fn not_yet_valid(path: &Path<'_>, now: UnixTime) -> String {
    let seconds = seconds(now);
    let early = |it: &&X509Certificate<'_>| it.validity().not_before.timestamp() > seconds;
    let Some(it) = path.certificates.iter().find(early) else {
        return "the certificate is not valid yet".to_owned();
    };
    let whose = match path.certificates.first() {
        Some(leaf) if leaf == it => "the certificate".to_owned(),
        _ => format!("the certificate of the intermediate {}", it.subject()),
    };
    format!(
        "{whose} is not valid before {}; this host's clock says {}",
        instant(it.validity().not_before.timestamp()),
        instant(seconds)
    )
}

fn untrusted(path: &Path<'_>) -> String {
    let leaf = path.certificates.first();
    let last = path.certificates.last();
    match (&path.ending, leaf, last) {
        (Ending::SelfSigned, Some(leaf), Some(last)) if leaf == last => {
            format!("the certificate is self-signed ({}) and not trusted here", leaf.subject())
        }
        (Ending::SelfSigned, _, Some(last)) => {
            format!("the chain ends in {}, an authority that is not trusted here", last.subject())
        }
        (Ending::Missing, _, Some(last)) => format!(
            "the chain is incomplete: {} was issued by {}, whose certificate the server does not \
             send and which is not trusted here",
            last.subject(),
            last.issuer()
        ),
        (Ending::Trusted, _, Some(last)) => format!(
            "{} is trusted here, but did not sign the certificate of {} with the key that is known",
            last.issuer(),
            last.subject()
        ),
        _ => "the certificate's issuer is not trusted here".to_owned(),
    }
}

fn bad_signature(path: &Path<'_>) -> String {
    match (&path.ending, path.certificates.last()) {
        (Ending::Trusted, Some(last)) if path.certificates.len() == 1 => format!(
            "the certificate names {} as its issuer, but is not signed with its key",
            last.issuer()
        ),
        _ => "a signature in the certificate chain is wrong".to_owned(),
    }
}

/// A key or signature of the chain that nobody accepts any more.
fn weak(path: &Path<'_>) -> Option<String> {
    const OUTDATED: [(&str, &str); 5] = [
        ("1.2.840.113549.1.1.5", "SHA-1"),
        ("1.2.840.10045.4.1", "SHA-1"),
        ("1.2.840.10040.4.3", "SHA-1"),
        ("1.2.840.113549.1.1.4", "MD5"),
        ("1.2.840.113549.1.1.2", "MD2"),
    ];
    path.certificates.iter().find_map(|it| {
        let algorithm = it.signature_algorithm.algorithm.to_id_string();
        if let Some((_, hash)) = OUTDATED.iter().find(|(oid, _)| *oid == algorithm) {
            return Some(format!(
                "the certificate of {} is signed with {hash}, which is no longer accepted",
                it.subject()
            ));
        }
        rsa_bits(it)
            .filter(|bits| (1..MIN_RSA_BITS).contains(bits))
            .map(|bits| short_key(&format!("the key of {}", it.subject()), bits))
    })
}

fn short_key(whose: &str, bits: usize) -> String {
    format!("{whose} is RSA with {bits} bits; at least {MIN_RSA_BITS} are accepted")
}

/// The server's own key, which rustls judges only after the chain.
pub(super) fn weak_key(shown: &Shown<'_>) -> Result<(), Problem> {
    match shown.facts.and_then(|facts| facts.rsa_bits) {
        Some(bits) if (1..MIN_RSA_BITS).contains(&bits) => Err(Problem::new(
            CertificateError::ApplicationVerificationFailure,
            Reason::TlsInvalid,
            short_key("the certificate's key", bits),
        )),
        _ => Ok(()),
    }
}

/// A certificate that the bundle itself holds: its validity and purpose still count.
pub(super) fn of_pinned(shown: &Shown<'_>) -> Result<(), Problem> {
    let path = Path::alone(shown);
    let Some(leaf) = path.certificates.first() else {
        let message = "the certificate cannot be read";
        return Err(Problem::new(CertificateError::BadEncoding, Reason::TlsInvalid, message));
    };
    let now = seconds(shown.now);
    let (error, reason, message) = if now > leaf.validity().not_after.timestamp() {
        (CertificateError::Expired, Reason::TlsExpired, expired(&path, shown.now))
    } else if now < leaf.validity().not_before.timestamp() {
        (CertificateError::NotValidYet, Reason::TlsNotYetValid, not_yet_valid(&path, shown.now))
    } else if names::is_for_servers(leaf) {
        return Ok(());
    } else {
        (CertificateError::InvalidPurpose, Reason::TlsInvalid, names::purposes(Some(leaf)))
    };
    Err(Problem::new(error, reason, message))
}

/// A chain that is good but for the validity of an authority of the bundle.
pub(super) fn expired_authority(shown: &Shown<'_>, trust: &Trust, error: Error) -> Problem {
    let message = match Path::of(shown, trust).anchor_end {
        Some((subject, end)) => format!(
            "the authority {subject} in the configured CA bundle expired on {}; clients refuse \
             what it issued",
            instant(end)
        ),
        None => "an authority in the configured CA bundle has expired".to_owned(),
    };
    Problem::new(error, Reason::TlsExpired, message)
}

/// The name that was asked for, as people write it.
pub(super) fn asked(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn instant(seconds: i64) -> Timestamp {
    super::facts::instant(seconds)
}
