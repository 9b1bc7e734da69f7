//! Whom a verifier trusts: authorities, and what a configured bundle holds besides.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Authorities, and the certificates of a configured bundle.
pub(super) struct Trust {
    roots: Arc<RootCertStore>,
    /// The bundle, with the end of each one's validity in seconds since 1970. What is trusted of
    /// the system has none: systems take away what has expired.
    pinned: Vec<(CertificateDer<'static>, i64)>,
}

impl Trust {
    /// Authorities alone.
    pub(super) fn new(roots: Arc<RootCertStore>) -> Self {
        Self { roots, pinned: Vec::new() }
    }

    /// A bundle that somebody configured. Its certificates are trusted also when a server shows
    /// one of them as its own.
    pub(super) fn pinned(roots: RootCertStore, bundle: Vec<CertificateDer<'static>>) -> Self {
        let pinned = bundle.into_iter().map(|der| {
            let end = X509Certificate::from_der(&der)
                .map_or(i64::MAX, |(_, it)| it.validity().not_after.timestamp());
            (der, end)
        });
        Self { roots: Arc::new(roots), pinned: pinned.collect() }
    }

    /// All authorities, expired or not.
    pub(super) const fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// The authorities that have not expired. rustls itself asks no authority for its validity;
    /// OpenSSL and Go do.
    pub(super) fn valid_roots(&self, now: UnixTime) -> Arc<RootCertStore> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if self.pinned.iter().all(|(_, end)| *end >= now) {
            return Arc::clone(&self.roots);
        }
        let mut valid = RootCertStore::empty();
        let current = self.pinned.iter().filter(|(_, end)| *end >= now).map(|(der, _)| der.clone());
        valid.add_parsable_certificates(current);
        Arc::new(valid)
    }

    /// Whether these are all authorities there are.
    pub(super) fn all_valid(&self, roots: &Arc<RootCertStore>) -> bool {
        Arc::ptr_eq(&self.roots, roots)
    }

    /// Whether the bundle holds this very certificate.
    pub(super) fn pins(&self, certificate: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|(pinned, _)| pinned == certificate)
    }

    /// The certificates of the bundle.
    pub(super) fn bundle(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.pinned.iter().map(|(der, _)| der)
    }

    /// Whether there is an authority of this name (DER, without its outer header).
    pub(super) fn knows(&self, subject: &[u8]) -> bool {
        self.roots.roots.iter().any(|anchor| anchor.subject.as_ref() == subject)
    }
}
