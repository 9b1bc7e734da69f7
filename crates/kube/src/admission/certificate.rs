//! The certificate of the listener, from files that a Secret is mounted as, read again when they
//! change: whoever renews it restarts nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain as PEM, the listener's own certificate first.
    pub certificate: PathBuf,
    /// The key as PEM.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// `tls.crt` and `tls.key` of a folder, as a Secret of type `kubernetes.io/tls` has them.
    pub fn in_folder(folder: &Path) -> Self {
        Self { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error(
        "{path} cannot be read: {why}; mount the Secret with the certificate of the webhook there"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A file holds something else.
    #[error("{path} does not hold {what} as PEM: {why}")]
    NotPem {
        /// The file.
        path: String,
        /// What it should hold.
        what: &'static str,
        /// Why it does not.
        why: String,
    },
    /// Certificate and key are of different pairs, or of a kind that is not supported.
    #[error("certificate {certificate} and key {key} cannot be used together: {why}")]
    Mismatch {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
        /// Why.
        why: String,
    },
}

/// The certificate in use.
pub struct Certificates {
    files: CertificateFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Option<Arc<CertifiedKey>>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What the files held when they were read, so that the same is not parsed again.
#[derive(Default, PartialEq, Eq)]
struct Bytes {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Certificates {
    /// None is in use before [`Self::keep_fresh`] has read one; until then handshakes fail.
    pub fn new(files: CertificateFiles) -> Arc<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Arc::new(Self { files, provider, current: RwLock::default() })
    }

    /// The cryptography that the certificate is used with.
    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        Arc::clone(&self.provider)
    }

    /// Whether there is a certificate.
    pub fn is_ready(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Reads the files again every so often until it is told to stop. A certificate that cannot be
    /// used leaves the last good one in use, and is said once.
    pub async fn keep_fresh(&self, every: Duration, stop: CancellationToken) {
        let mut seen = Bytes::default();
        let mut said = None;
        loop {
            match self.read_again(&mut seen).await {
                Ok(changed) => {
                    if changed {
                        tracing::info!(file = %self.files.certificate.display(), "the webhook's certificate is in use");
                    }
                    said = None;
                }
                Err(error) => {
                    if said.as_ref() != Some(&error) {
                        tracing::warn!(%error, "the webhook's certificate cannot be used; the last good one stays");
                        said = Some(error);
                    }
                }
            }
            if stop.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
                return;
            }
        }
    }

    /// Reads the files, and takes what they hold into use if it is new. True if it is.
    async fn read_again(&self, seen: &mut Bytes) -> Result<bool, CertificateError> {
        let certificate = read(&self.files.certificate).await?;
        let key = zeroize::Zeroizing::new(read(&self.files.key).await?);
        let bytes = Bytes { certificate, key };
        if bytes == *seen {
            return Ok(false);
        }
        // The two files of a Secret change together, but an own pair of files may not: a mismatch is
        // looked at again.
        let certified = self.parse(&bytes)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certified));
        *seen = bytes;
        Ok(true)
    }

    fn parse(&self, bytes: &Bytes) -> Result<CertifiedKey, CertificateError> {
        let (certificate, key) =
            (self.files.certificate.display().to_string(), self.files.key.display().to_string());
        let not_pem = |path: &str, what, why: String| CertificateError::NotPem {
            path: path.to_owned(),
            what,
            why,
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes.certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| not_pem(&certificate, "a certificate", error.to_string()))?;
        if chain.is_empty() {
            return Err(not_pem(&certificate, "a certificate", "there is none".to_owned()));
        }
        let private = PrivateKeyDer::from_pem_slice(&bytes.key)
            .map_err(|error| not_pem(&key, "a private key", error.to_string()))?;
        CertifiedKey::from_der(chain, private, &self.provider).map_err(|error| {
            CertificateError::Mismatch { certificate, key, why: error.to_string() }
        })
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable =
        |why: String| CertificateError::Unreadable { path: path.display().to_string(), why };
    let file = tokio::fs::File::open(path).await.map_err(|error| unreadable(error.to_string()))?;
    let mut bytes = Vec::new();
    let mut bounded = file.take(MAX_BYTES + 1);
    bounded.read_to_end(&mut bytes).await.map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(format!("it is larger than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
