//! What a certificate chain says, read once for each chain and kept by its hash.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use kuma_core::observation::{Certificate, bounded};
use kuma_core::time::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Most chains kept; a prober of more distinct certificates reads some of them again.
const MAX_KEPT: usize = 4096;
/// Longest name kept, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Most names kept.
const MAX_NAMES: usize = 20;

type Hash = [u8; digest::SHA256_OUTPUT_LEN];

/// What is read of a chain.
pub(super) struct Facts {
    /// What people are shown; `valid`, `problem` and `warnings` are left for the verdict.
    pub(super) certificate: Certificate,
    /// Bits of the leaf's RSA key; none for other keys.
    pub(super) rsa_bits: Option<usize>,
    /// Whether the leaf demands a stapled OCSP response (RFC 7633).
    pub(super) must_staple: bool,
}

/// The kept chains.
#[derive(Default)]
pub(super) struct FactsCache(Mutex<HashMap<Hash, Arc<Facts>>>);

impl FactsCache {
    /// What a chain says, leaf first. None when the leaf cannot be read.
    pub(super) fn read(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
    ) -> Option<Arc<Facts>> {
        let mut hasher = digest::Context::new(&digest::SHA256);
        for certificate in std::iter::once(leaf).chain(rest) {
            hasher.update(certificate);
        }
        let mut key = Hash::default();
        key.copy_from_slice(hasher.finish().as_ref());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(&key) {
            return Some(Arc::clone(found));
        }
        let read = Arc::new(parse(leaf, rest)?);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&read));
        Some(read)
    }
}

fn parse(leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Option<Facts> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let expires_at = instant(certificate.validity().not_after.timestamp());
    let chain_expires_at = rest
        .iter()
        .filter_map(|der| X509Certificate::from_der(der).ok())
        .map(|(_, issuer)| instant(issuer.validity().not_after.timestamp()))
        .fold(expires_at, Timestamp::min);
    let shown = Certificate {
        fingerprint: hex(digest::digest(&digest::SHA256, leaf).as_ref()),
        subject: bounded(certificate.subject().to_string(), MAX_NAME_BYTES),
        issuer: bounded(certificate.issuer().to_string(), MAX_NAME_BYTES),
        serial: bounded(hex(certificate.raw_serial()), MAX_NAME_BYTES),
        names: names(&certificate),
        not_before: instant(certificate.validity().not_before.timestamp()),
        expires_at,
        chain_expires_at,
        valid: false,
        problem: None,
        warnings: Vec::new(),
    };
    Some(Facts {
        certificate: shown,
        rsa_bits: rsa_bits(&certificate),
        must_staple: must_staple(&certificate),
    })
}

/// Bits of an RSA key.
pub(super) fn rsa_bits(certificate: &X509Certificate<'_>) -> Option<usize> {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Some(key.key_size()),
        _ => None,
    }
}

/// TLS feature (RFC 7633) with `status_request`, which is 5.
fn must_staple(certificate: &X509Certificate<'_>) -> bool {
    const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
    const STATUS_REQUEST: &[u8] = &[2, 1, 5];
    certificate.extensions().iter().any(|extension| {
        extension.oid.to_id_string() == TLS_FEATURE
            && extension.value.windows(STATUS_REQUEST.len()).any(|it| it == STATUS_REQUEST)
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(bounded((*name).to_owned(), MAX_NAME_BYTES)),
            GeneralName::IPAddress(bytes) => address(bytes).map(|ip| ip.to_string()),
            _ => None,
        })
        .take(MAX_NAMES)
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// A point in time that may lie beyond what can be written.
pub(super) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
