//! The listener as the API server meets it: TLS, certificates that change, bodies that are too large.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::conversions::table;
use super::{conversions, verdicts};
use crate::admission::{CertificateFiles, Certificates, Webhook, router, serve};

const NAME: &str = "kubekuma-webhook.kubekuma.svc";
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Writes a new certificate as a mounted Secret is written, and says how to trust it.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    made.cert.der().clone()
}

struct Running {
    address: SocketAddr,
    certificates: Arc<Certificates>,
    folder: tempfile::TempDir,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::new(CertificateFiles::in_folder(folder.path()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let router = router(Webhook::new("kubekuma", None, table()));
    let (fresh, served) = (Arc::clone(&certificates), Arc::clone(&certificates));
    let (one, other) = (stop.clone(), stop.clone());
    tokio::spawn(async move { fresh.keep_fresh(LOOK_EVERY, one).await });
    let served = tokio::spawn(async move { serve(listener, served, router, other).await.unwrap() });
    Running { address, certificates, folder, stop, served }
}

/// The answer to a request; none if the handshake fails.
async fn post(
    running: &Running,
    trusted: &CertificateDer<'static>,
    path: &str,
    body: &[u8],
) -> Option<(u16, String)> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(running.address).await.ok()?;
    let name = ServerName::try_from(NAME).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {NAME}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    // A body that is too large need not be read to its end.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    Some((status, body.unwrap_or_default()))
}

/// Asks until the certificate is the one that is in use.
async fn ask(
    running: &Running,
    trusted: &CertificateDer<'static>,
    path: &str,
    body: &Value,
) -> Value {
    let body = body.to_string();
    let asked = async {
        loop {
            if let Some(answer) = post(running, trusted, path, body.as_bytes()).await {
                return answer;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let (status, text) = tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn reviews_are_answered_over_tls() {
    let running = start().await;
    assert!(!running.certificates.is_ready());
    let trusted = issue(running.folder.path());
    let object = verdicts::monitor("ftp://shop", 60);
    let review = verdicts::review("CREATE", &object, &Value::Null);
    let answer = ask(&running, &trusted, "/admission/validate", &review).await;
    assert_eq!(answer["response"]["allowed"], json!(false));
    assert!(
        answer["response"]["status"]["message"].as_str().unwrap().contains("spec.target.http.url")
    );
    let review = conversions::review("monitoring.kubekuma.io/v2test", &[object]);
    let answer = ask(&running, &trusted, "/admission/convert", &review).await;
    assert_eq!(answer["response"]["convertedObjects"][0]["spec"]["every"], "60s");
}

#[tokio::test]
async fn a_renewed_certificate_is_in_use_without_a_restart_and_a_broken_one_is_not() {
    let running = start().await;
    let first = issue(running.folder.path());
    let review = verdicts::review("CREATE", &verdicts::monitor("http://shop", 60), &Value::Null);
    ask(&running, &first, "/admission/validate", &review).await;
    std::fs::write(running.folder.path().join("tls.crt"), "nonsense").unwrap();
    ask(&running, &first, "/admission/validate", &review).await;
    let second = issue(running.folder.path());
    let answer = ask(&running, &second, "/admission/validate", &review).await;
    assert_eq!(answer["response"]["allowed"], json!(true));
    let body = review.to_string();
    assert_eq!(post(&running, &first, "/admission/validate", body.as_bytes()).await, None);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_review_is_refused() {
    let running = start().await;
    let trusted = issue(running.folder.path());
    let review = verdicts::review("CREATE", &verdicts::monitor("http://shop", 60), &Value::Null);
    ask(&running, &trusted, "/admission/validate", &review).await;
    let large = vec![b' '; (3 << 20) + 1];
    let (status, _) = post(&running, &trusted, "/admission/validate", &large).await.unwrap();
    assert_eq!(status, 413);
    let (status, why) = post(&running, &trusted, "/admission/validate", b"{}").await.unwrap();
    assert!(status == 400 && why.contains("this is no AdmissionReview"), "{status} {why}");
    let (status, _) = post(&running, &trusted, "/admission/nothing", b"{}").await.unwrap();
    assert_eq!(status, 404);
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let mut running = start().await;
    running.stop.cancel();
    let served = &mut running.served;
    tokio::time::timeout(Duration::from_secs(10), served).await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}
