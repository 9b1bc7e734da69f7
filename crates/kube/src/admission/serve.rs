//! The TLS listener that the API server connects to. It speaks HTTP/2 and keeps its connections; a
//! peer that is silent, slow or one of too many costs nobody else anything.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::certificate::Certificates;

/// Connections at the same time. API servers are few, and each keeps a few open.
const CONNECTIONS: usize = 64;
/// How long a handshake, or the head of a request, may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent connection is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Requests at the same time on one connection.
const STREAMS: u32 = 64;
/// How long to wait when this host has no file descriptor for a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long running requests may take once the listener is to stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Serves until it is told to stop, then lets running requests finish for at most two seconds.
///
/// # Errors
/// The TLS library cannot do what is needed; nothing was served then.
pub async fn serve(
    listener: TcpListener,
    certificates: Arc<Certificates>,
    router: Router,
    stop: CancellationToken,
) -> Result<(), rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(certificates.provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            // One of too many is closed at once; the API server lets its object through then.
            Ok((stream, _)) => {
                if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                    let connection = Connection {
                        acceptor: acceptor.clone(),
                        router: router.clone(),
                        graceful: graceful.watcher(),
                        place,
                    };
                    tokio::spawn(connection.run(stream));
                }
            }
            Err(error) => not_accepted(&error).await,
        }
    }
    drop(listener);
    // Whoever is not done by then is cut off.
    let _ = tokio::time::timeout(STOP_WITHIN, graceful.shutdown()).await;
    Ok(())
}

async fn not_accepted(error: &io::Error) {
    use io::ErrorKind;
    let gone = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    );
    if !gone {
        tracing::warn!(%error, "a connection of the webhook cannot be accepted");
        tokio::time::sleep(ACCEPT_AGAIN).await;
    }
}

struct Connection {
    acceptor: TlsAcceptor,
    router: Router,
    graceful: hyper_util::server::graceful::Watcher,
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, self.acceptor.accept(stream)).await
        else {
            return;
        };
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(HEAD_TIMEOUT)
            .max_concurrent_streams(STREAMS);
        let service = TowerToHyperService::new(self.router);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        // How a peer's connection ends is its own affair.
        let _ = self.graceful.watch(connection).await;
        drop(self.place);
    }
}
