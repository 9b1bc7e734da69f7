//! Serving connections so that those who hold many of them open, or send slowly, keep nobody else
//! out: a request's head has to come in time, and where there are too many connections the one
//! that has been idle for longest makes room.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How long the head of a request may take, and how long a connection may lie idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// How long to wait when this host has no file descriptor for a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long running requests may take once the server is to stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// What a server lets others take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// How long the head of a request may take.
    pub(crate) head_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, head_timeout: HEAD_TIMEOUT }
    }
}

/// A connection as the others see it.
#[derive(Default)]
struct Held {
    /// Requests that are being answered.
    busy: AtomicUsize,
    /// Said when it is to make room.
    leave: Notify,
}

/// All connections, the oldest first.
#[derive(Default)]
struct Register(Mutex<(u64, BTreeMap<u64, Arc<Held>>)>);

impl Register {
    /// Adds a connection; where there are too many, the oldest that is idle has to leave. None
    /// when all of them are busy.
    fn enter(&self, most: usize) -> Option<(u64, Arc<Held>)> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.1.len() >= most {
            let idle = |it: &Arc<Held>| it.busy.load(Ordering::Relaxed) == 0;
            let oldest = held.1.iter().find(|(_, it)| idle(it)).map(|(id, _)| *id)?;
            if let Some(leaving) = held.1.remove(&oldest) {
                leaving.leave.notify_one();
            }
        }
        held.0 += 1;
        let (id, entered) = (held.0, Arc::new(Held::default()));
        held.1.insert(id, Arc::clone(&entered));
        Some((id, entered))
    }

    fn leave(&self, id: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&id);
    }
}

/// Serves until `stop` resolves, then lets running requests finish for at most two seconds.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    let graceful = GracefulShutdown::new();
    let register = Arc::new(Register::default());
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some((id, held)) = register.enter(limits.connections) {
                    let connection = Connection { id, held, register: Arc::clone(&register) };
                    connection.spawn(stream, peer, router.clone(), limits, &graceful);
                }
            }
            Err(error) => not_accepted(&error).await,
        }
    }
    drop(listener);
    // Whoever is not done by then is cut off.
    let _ = tokio::time::timeout(STOP_WITHIN, graceful.shutdown()).await;
}

async fn not_accepted(error: &io::Error) {
    use io::ErrorKind;
    let gone = matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    );
    if !gone {
        tracing::warn!(%error, "a connection cannot be accepted");
        tokio::time::sleep(ACCEPT_AGAIN).await;
    }
}

struct Connection {
    id: u64,
    held: Arc<Held>,
    register: Arc<Register>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.register.leave(self.id);
    }
}

/// Counts a request as long as it is being answered.
struct Busy(Arc<Held>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    fn spawn(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
        limits: Limits,
        graceful: &GracefulShutdown,
    ) {
        // Answers are small; waiting to fill a segment only delays them.
        let _ = stream.set_nodelay(true);
        let held = Arc::clone(&self.held);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            held.busy.fetch_add(1, Ordering::Relaxed);
            let busy = Busy(Arc::clone(&held));
            request.extensions_mut().insert(ConnectInfo(peer));
            let answered = TowerToHyperService::new(router.clone()).call(request);
            async move {
                let answered = answered.await;
                drop(busy);
                answered
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                // How a client's connection ends is its own affair.
                _ = connection => {}
                () = self.held.leave.notified() => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    async fn server(limits: Limits) -> (SocketAddr, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router =
            Router::new()
                .route(
                    "/health",
                    get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
                        peer.ip().to_string()
                    }),
                )
                .route("/echo", post(|body: String| async move { body }));
        let router = crate::limited(router, Duration::from_secs(1));
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(async move {
            serve(listener, router, limits, async {
                let _ = stopped.await;
            })
            .await;
        });
        (address, stop)
    }

    /// Sends bytes and reads until the server closes.
    async fn ask(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset ends it too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_thousand_half_open_connections_block_nobody() {
        let (address, _stop) = server(Limits { connections: 200, ..Limits::default() }).await;
        let mut held = Vec::new();
        for _ in 0..400 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /health HTTP/1.1\r\nX-Slow: ").await.unwrap();
            held.push(stream);
        }
        let asked = tokio::time::timeout(Duration::from_secs(5), ask(address, HEALTH));
        let answer = asked.await.expect("an answer in time");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_that_comes_too_slowly_ends_the_connection() {
        let limits = Limits { head_timeout: Duration::from_millis(300), ..Limits::default() };
        let (address, _stop) = server(limits).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let slowly = async {
            for byte in HEALTH.iter().cycle() {
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), slowly).await.expect("cut off");
    }

    #[tokio::test]
    async fn a_body_that_comes_too_slowly_ends_the_request() {
        let (address, _stop) = server(Limits::default()).await;
        let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab";
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head).await.unwrap();
        let mut answer = vec![0; 12];
        let read = stream.read_exact(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
        assert_eq!(answer, b"HTTP/1.1 503");
    }

    #[tokio::test]
    async fn heads_that_are_too_large_are_refused() {
        let (address, _stop) = server(Limits::default()).await;
        let many = "X: y\r\n".repeat(500);
        let large = format!("X: {}\r\n", "y".repeat(200_000));
        for headers in [many, large] {
            let request = format!("GET /health HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            let answer = ask(address, request.as_bytes()).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
        assert!(ask(address, HEALTH).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections_at_once() {
        let (address, stop) = server(Limits::default()).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut some = [0; 64];
        assert!(idle.read(&mut some).await.unwrap() > 0);
        stop.send(()).unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), idle.read_to_end(&mut rest));
        assert!(ended.await.is_ok());
    }
}
