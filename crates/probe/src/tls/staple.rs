//! The OCSP response that a server staples to its certificate (RFC 6960, RFC 6066, section 8):
//! who signed it, for which certificate it is, and what it says. Nobody is asked for one.

use kuma_core::reason::Reason;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::der::{self, Value};
use super::facts::instant;
use super::path::content;
use super::problem::Problem;
use super::trust::Trust;
use super::verifier::Shown;

/// Largest response looked at, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// How far clocks may differ, in seconds.
const CLOCK_SKEW: i64 = 300;

type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

/// What a stapled response says.
pub(super) enum Staple {
    /// There is none.
    None,
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked(Problem),
    /// It cannot be relied upon, and why.
    Doubtful(String),
}

/// Reads the response to the certificate that is shown with it.
pub(super) fn read(
    response: &[u8],
    shown: &Shown<'_>,
    trust: &Trust,
    algorithms: Algorithms<'_>,
) -> Staple {
    if response.is_empty() {
        return Staple::None;
    }
    judge(response, shown, trust, algorithms)
        .unwrap_or_else(|why| Staple::Doubtful(format!("the stapled OCSP response {why}")))
}

fn judge(
    response: &[u8],
    shown: &Shown<'_>,
    trust: &Trust,
    algorithms: Algorithms<'_>,
) -> Result<Staple, &'static str> {
    const BROKEN: &str = "cannot be read";
    if response.len() > MAX_BYTES {
        return Err("is too large");
    }
    let basic = basic(response).ok_or("holds no answer")?;
    let basic = Basic::read(basic).ok_or(BROKEN)?;
    let (_, leaf) = X509Certificate::from_der(shown.leaf).map_err(|_| BROKEN)?;
    let issuer = Key::of_issuer(&leaf, shown, trust).ok_or("has a signer that is not known")?;
    if !basic.is_signed_by(&issuer, algorithms) && !basic.is_delegated(&issuer, algorithms) {
        return Err("is not signed by the certificate's issuer");
    }
    let single = basic.answer(leaf.raw_serial()).ok_or("is for another certificate")?;
    let now = i64::try_from(shown.now.as_secs()).unwrap_or(i64::MAX);
    if single.this_update > now + CLOCK_SKEW {
        return Err("is of a time that has not come yet");
    }
    match single.status {
        Status::Revoked(at) => Ok(Staple::Revoked(Problem::new(
            CertificateError::Revoked,
            Reason::TlsRevoked,
            format!(
                "the certificate was revoked on {}, says the OCSP response that the server sends",
                instant(at)
            ),
        ))),
        Status::Unknown => Err("says that the certificate is not known to its issuer"),
        Status::Good if single.next_update.is_some_and(|end| end + CLOCK_SKEW < now) => {
            Err("has expired; some clients refuse it")
        }
        Status::Good => Ok(Staple::Good),
    }
}

/// `BasicOCSPResponse` out of a successful `OCSPResponse`.
fn basic(response: &[u8]) -> Option<&[u8]> {
    const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
    let mut outer = der::only(response, 0x30)?.children();
    outer.next().filter(|status| status.tag == 0x0a && status.content == [0])?;
    let bytes = outer.next().filter(|it| it.tag == 0xa0)?;
    let mut bytes = der::only(bytes.content, 0x30)?.children();
    bytes.next().filter(|oid| oid.tag == 0x06 && oid.content == BASIC)?;
    bytes.next().filter(|it| it.tag == 0x04).map(|it| it.content)
}

struct Basic<'a> {
    /// What is signed, with its header.
    data: Value<'a>,
    algorithm: &'a [u8],
    signature: &'a [u8],
    certificates: Vec<&'a [u8]>,
}

impl<'a> Basic<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        const MAX_CERTIFICATES: usize = 4;
        let mut parts = der::only(bytes, 0x30)?.children();
        let data = parts.next().filter(|it| it.tag == 0x30)?;
        let algorithm = parts.next().filter(|it| it.tag == 0x30)?.content;
        let signature = parts.next().filter(|it| it.tag == 0x03)?.content.strip_prefix(&[0])?;
        let certificates = parts
            .next()
            .filter(|it| it.tag == 0xa0)
            .and_then(|it| der::only(it.content, 0x30))
            .map(|list| list.children().take(MAX_CERTIFICATES).map(|it| it.whole).collect())
            .unwrap_or_default();
        Some(Self { data, algorithm, signature, certificates })
    }

    fn is_signed_by(&self, key: &Key<'_>, algorithms: Algorithms<'_>) -> bool {
        key.signed(self.algorithm, self.data.whole, self.signature, algorithms)
    }

    /// A signer whom the issuer has named for it (RFC 6960, section 4.2.2.2).
    fn is_delegated(&self, issuer: &Key<'_>, algorithms: Algorithms<'_>) -> bool {
        self.certificates.iter().any(|certificate| {
            let Ok((_, signer)) = X509Certificate::from_der(certificate) else {
                return false;
            };
            let may_sign = signer
                .extended_key_usage()
                .is_ok_and(|usage| usage.is_some_and(|usage| usage.value.ocsp_signing));
            let Some([data, algorithm, signature]) = der::signed_parts(certificate) else {
                return false;
            };
            may_sign
                && issuer.signed(algorithm, data, signature, algorithms)
                && Key::of(&signer).is_some_and(|key| self.is_signed_by(&key, algorithms))
        })
    }

    /// The answer about a serial number.
    fn answer(&self, serial: &[u8]) -> Option<Single> {
        let singles = self.data.children().find(|it| it.tag == 0x30 && is_list(it))?;
        singles.children().find_map(|single| Single::read(single, serial))
    }
}

/// `responses` is the list of lists; the responder's name is tagged otherwise.
fn is_list(value: &Value<'_>) -> bool {
    value.children().next().is_some_and(|it| it.tag == 0x30)
}

enum Status {
    Good,
    /// Since when, in seconds since 1970.
    Revoked(i64),
    Unknown,
}

struct Single {
    status: Status,
    this_update: i64,
    next_update: Option<i64>,
}

impl Single {
    /// The answer, if it is about this serial number.
    fn read(value: Value<'_>, serial: &[u8]) -> Option<Self> {
        let mut parts = value.children();
        let id = parts.next().filter(|it| it.tag == 0x30)?;
        let named = id.children().last().filter(|it| it.tag == 0x02)?;
        if named.content != serial {
            return None;
        }
        let status = parts.next()?;
        let status = match status.tag {
            0x80 => Status::Good,
            0xa1 => Status::Revoked(der::time(status.children().next()?)?),
            _ => Status::Unknown,
        };
        let this_update = der::time(parts.next()?)?;
        let next_update =
            parts.find(|it| it.tag == 0xa0).and_then(|it| it.children().next()).and_then(der::time);
        Some(Self { status, this_update, next_update })
    }
}

/// A public key as certificates write it.
struct Key<'a> {
    algorithm: &'a [u8],
    bits: &'a [u8],
}

impl<'a> Key<'a> {
    fn of(certificate: &X509Certificate<'a>) -> Option<Self> {
        Self::read(content(certificate.tbs_certificate.subject_pki.raw))
    }

    /// From the content of a `SubjectPublicKeyInfo`.
    fn read(info: &'a [u8]) -> Option<Self> {
        let mut parts = der::children(info);
        let algorithm = parts.next().filter(|it| it.tag == 0x30)?.content;
        let bits = parts.next().filter(|it| it.tag == 0x03)?.content.strip_prefix(&[0])?;
        Some(Self { algorithm, bits })
    }

    /// The key of whoever issued the leaf: sent along, or trusted.
    fn of_issuer(
        leaf: &X509Certificate<'_>,
        shown: &'a Shown<'_>,
        trust: &'a Trust,
    ) -> Option<Self> {
        let sent = shown.rest.iter().find_map(|der: &CertificateDer<'_>| {
            let (_, it) = X509Certificate::from_der(der).ok()?;
            (it.subject().as_raw() == leaf.issuer().as_raw()).then(|| Self::of(&it))?
        });
        sent.or_else(|| {
            let subject = content(leaf.issuer().as_raw());
            let anchor = trust.roots().roots.iter().find(|it| it.subject.as_ref() == subject)?;
            Self::read(anchor.subject_public_key_info.as_ref())
        })
    }

    fn signed(
        &self,
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
        algorithms: Algorithms<'_>,
    ) -> bool {
        algorithms
            .iter()
            .filter(|it| {
                it.signature_alg_id().as_ref() == algorithm
                    && it.public_key_alg_id().as_ref() == self.algorithm
            })
            .any(|it| it.verify_signature(self.bits, message, signature).is_ok())
    }
}
