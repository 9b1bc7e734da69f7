//! Certificates and keys from PEM in Secrets.

use kuma_core::reason::Reason;
use kuma_core::secret::SecretRef;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::trust::Trust;
use crate::fault::Fault;

/// Authorities trusted instead of the system's.
pub(super) fn bundle(text: &str, at: &SecretRef) -> Result<Trust, Fault> {
    let certificates = certificates(text, at)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    Ok(Trust::pinned(roots, certificates))
}

/// Our certificate chain and its key.
pub(super) fn identity(
    text: &str,
    at: &SecretRef,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Fault> {
    let chain = certificates(text, at)?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| unusable(at, "holds no PEM private key"))?;
    Ok((chain, key))
}

/// A Secret that is there but does not hold what it should. The value is not shown.
pub(super) fn unusable(at: &SecretRef, what: &str) -> Fault {
    Fault::target(
        Reason::TargetInvalid,
        format!("entry `{}` of Secret `{}` {what}", at.key, at.name),
    )
}

fn certificates(text: &str, at: &SecretRef) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| unusable(at, "holds a PEM certificate that cannot be read"))?;
    if found.is_empty() {
        return Err(unusable(at, "holds no PEM certificate"));
    }
    Ok(found)
}
