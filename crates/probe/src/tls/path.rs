//! The chain as a person would follow it: from the server's certificate to the issuer by name, as
//! far as the certificates at hand lead.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::trust::Trust;
use super::verifier::Shown;

/// Longest way followed.
const MAX_CERTIFICATES: usize = 12;

/// Where the way ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// At an issuer that is trusted.
    Trusted,
    /// At a certificate that names itself as its issuer and is not trusted.
    SelfSigned,
    /// At an issuer of which there is no certificate.
    Missing,
}

/// The way.
pub(super) struct Path<'a> {
    /// From the server's own certificate on, without the authority that is trusted.
    pub(super) certificates: Vec<X509Certificate<'a>>,
    /// Where it ends.
    pub(super) ending: Ending,
    /// Name and end of validity of the authority, when the bundle holds its certificate.
    pub(super) anchor_end: Option<(String, i64)>,
}

impl<'a> Path<'a> {
    /// Follows the issuers' names.
    pub(super) fn of(shown: &'a Shown<'_>, trust: &'a Trust) -> Self {
        let sent: Vec<_> = shown.rest.iter().filter_map(read).collect();
        let mut path = Self::alone(shown);
        while let Some(last) = path.certificates.last() {
            if trust.knows(content(last.issuer().as_raw())) {
                path.ending = Ending::Trusted;
                path.anchor_end = trust
                    .bundle()
                    .filter_map(read)
                    .find(|it| it.subject() == last.issuer())
                    .map(|it| (it.subject().to_string(), it.validity().not_after.timestamp()));
                break;
            }
            if same(last.subject(), last.issuer()) {
                path.ending = Ending::SelfSigned;
                break;
            }
            let next = sent.iter().find(|it| same(it.subject(), last.issuer()));
            match next {
                Some(next) if path.certificates.len() < MAX_CERTIFICATES => {
                    path.certificates.push(next.clone());
                }
                _ => break,
            }
        }
        path
    }

    /// Whether the server's own certificate names itself as its issuer.
    pub(super) fn is_self_signed(&self) -> bool {
        self.certificates.first().is_some_and(|leaf| same(leaf.subject(), leaf.issuer()))
    }

    /// The server's own certificate and nothing else.
    pub(super) fn alone(shown: &'a Shown<'_>) -> Self {
        Self {
            certificates: read(shown.leaf).into_iter().collect(),
            ending: Ending::Missing,
            anchor_end: None,
        }
    }
}

fn read<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

fn same(a: &X509Name<'_>, b: &X509Name<'_>) -> bool {
    a.as_raw() == b.as_raw()
}

/// What a DER value holds, without its tag and length.
pub(super) fn content(der: &[u8]) -> &[u8] {
    match der {
        [_, length, rest @ ..] if *length < 0x80 => rest,
        [_, length, rest @ ..] => rest.get(usize::from(*length & 0x7f)..).unwrap_or_default(),
        _ => &[],
    }
}
