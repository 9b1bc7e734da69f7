//! The HTTP surface: health, metrics, push, and the first read-only routes of the API.
//!
//! Handlers read the catalog snapshot, the live states and the store; they decide nothing about
//! monitors. Until sign-in exists the API answers only on loopback ([`gate`]).

pub mod blackbox;
pub mod gate;
pub mod histogram;
mod listen;
pub mod live;
pub mod metrics;
pub mod page_hosts;
pub mod problem;
pub mod routes;
mod standby;
pub mod uptime_kuma;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use kuma_core::catalog::CatalogSource;
use kuma_core::id::MonitorId;
use kuma_core::ports::{PushArrival, Store};
use kuma_core::secret::SecretSource;
use kuma_core::stats::Stats;
use kuma_core::time::Clock;
use serde::Serialize;
use tokio::net::TcpListener;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

pub use live::Live;
pub use standby::{Why, standby};

/// Largest request body accepted, in bytes (`design/api.md`).
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Longest a request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// One condition of readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyCheck {
    /// Whether it holds.
    pub ok: bool,
    /// Why not, or what is worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What the running program offers to the routes.
pub trait Runtime: Send + Sync {
    /// The conditions of readiness by name; ready means all of them hold.
    fn ready(&self) -> BTreeMap<&'static str, ReadyCheck>;

    /// The enabled push monitor that a token belongs to.
    fn push_target(&self, token: &str) -> Option<MonitorId>;

    /// Says that a push came and is being stored; [`Runtime::pushed`] or
    /// [`Runtime::push_refused`] follows.
    fn push_comes(&self, monitor: MonitorId);

    /// Says that a push came which the store does not take.
    fn push_refused(&self, monitor: MonitorId);

    /// Hands a stored arrival to the engine.
    fn pushed(&self, arrival: PushArrival);
}

/// What discovery has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Discovered {
    /// The report, as it is answered.
    Report(serde_json::Value),
    /// Another instance looks, and this one knows nothing.
    Elsewhere,
}

/// Whoever knows what could be monitored.
pub trait Suggestions: Send + Sync {
    /// What discovery has to say now.
    fn discovered(&self) -> Discovered;
}

/// What the server is made of.
#[derive(Clone)]
pub struct Context {
    /// The snapshot in force.
    pub catalog: Arc<dyn CatalogSource>,
    /// The live states.
    pub live: Arc<Live>,
    /// History.
    pub store: Arc<dyn Store>,
    /// Credentials of the metrics path.
    pub secrets: Arc<dyn SecretSource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The running program.
    pub runtime: Arc<dyn Runtime>,
    /// Whoever has numbers to show.
    pub stats: Arc<Vec<Arc<dyn Stats>>>,
    /// Attempts that `/probe` asks for.
    pub on_demand: Arc<blackbox::OnDemand>,
    /// What could be monitored; none where there is no cluster to look at.
    pub suggestions: Option<Arc<dyn Suggestions>>,
    /// Who may use the API before sign-in exists.
    pub gate: gate::Gate,
    /// The product's version.
    pub version: &'static str,
}

/// All routes.
pub fn router(context: Context) -> Router {
    limited(routes::all(context), REQUEST_TIMEOUT)
}

/// Routes that read no more than they may, for no longer than they may.
fn limited(routes: Router, timeout: Duration) -> Router {
    routes
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(http::StatusCode::SERVICE_UNAVAILABLE, timeout))
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
}

/// Serves until `stop` resolves, then lets running requests finish for at most two seconds.
/// Clients that are slow or many cannot keep others out (`listen`).
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    listen::serve(listener, router, listen::Limits::default(), stop).await;
}
