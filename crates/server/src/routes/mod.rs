//! One file per route group; [`all`] is the registry.

mod discovery;
mod health;
mod incidents;
mod metrics;
mod monitors;
mod probe;
mod push;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get};
use http::StatusCode;

pub(crate) use health::{Health, Ready};

use crate::problem::Problem;
use crate::{Context, gate, page_hosts};

/// Every route. What is not listed is a 404 problem.
pub(crate) fn all(context: Context) -> Router {
    let api = Router::new()
        .route("/api/v1/monitors", get(monitors::list))
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/discovery/suggestions", get(discovery::suggestions))
        .route("/probe", get(probe::probe))
        .layer(middleware::from_fn_with_state(context.gate, gate::guard));
    Router::new()
        .route("/", get(health::index))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/push/{token}", any(push::push))
        .route("/api/push/{token}", any(push::uptime_kuma))
        .merge(api)
        .fallback(metrics::at_configured_path)
        .layer(middleware::from_fn_with_state(context.catalog.clone(), page_hosts::guard))
        .with_state(context)
}

/// The answer to a path that does not exist.
pub(crate) fn not_found(path: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing at this path").detail(format!(
        "`{path}` is not served. There are /health, /ready, the metrics path of the settings, \
         /push/<token>, /probe, /api/v1/monitors, /api/v1/incidents and \
         /api/v1/discovery/suggestions."
    ))
}
