//! The listener, first of all: it answers probes while the rest starts, waits or is another
//! instance's, and shows whatever is there to be shown.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use axum::Router;
use axum::extract::Request;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The listener and what it shows.
pub struct Front {
    /// Where it listens.
    pub address: SocketAddr,
    shown: Arc<RwLock<Router>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Front {
    /// Listens, and shows `first`.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn listen(address: SocketAddr, first: Router) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| {
            let (port, address) = (address.port(), address.ip());
            format!("port {port} on {address} cannot be listened on; name another with --port")
        })?;
        let address = listener.local_addr()?;
        let shown = Arc::new(RwLock::new(first));
        let stop = CancellationToken::new();
        let behind = shown.clone();
        let delegate = Router::new().fallback(move |request: Request| {
            let shown = behind.read().unwrap_or_else(PoisonError::into_inner).clone();
            async move { shown.oneshot(request).await }
        });
        let task =
            tokio::spawn(kuma_server::serve(listener, delegate, stop.clone().cancelled_owned()));
        Ok(Self { address, shown, stop, task })
    }

    /// Shows something else from now on.
    pub fn show(&self, router: Router) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = router;
    }

    /// Stops listening; running requests may finish.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the listener did not end well");
        }
    }
}
