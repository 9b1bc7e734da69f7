//! What an instance shows that does not work yet, or while another one does: probes and the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use kuma_core::time::Clock;

use crate::problem::Problem;
use crate::routes::{Health, Ready};
use crate::{REQUEST_TIMEOUT, ReadyCheck, limited};

/// Says why the instance does not work now, as one sentence.
pub type Why = Arc<dyn Fn() -> String + Send + Sync>;

#[derive(Clone)]
struct Waiting {
    clock: Arc<dyn Clock>,
    why: Why,
}

/// Alive and not ready. Everything else is 503 with the reason, so that whoever asks tries another
/// instance.
pub fn standby(clock: Arc<dyn Clock>, why: Why) -> Router {
    let routes = Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .fallback(unavailable)
        .with_state(Waiting { clock, why });
    limited(routes, REQUEST_TIMEOUT)
}

async fn health(State(waiting): State<Waiting>) -> Json<Health> {
    Json(Health::at(waiting.clock.now().wall))
}

async fn ready(State(waiting): State<Waiting>) -> (StatusCode, Json<Ready>) {
    let check = ReadyCheck { ok: false, message: Some((waiting.why)()) };
    let checks = BTreeMap::from([("standby", check)]);
    let ready = Ready::of(checks, waiting.clock.now().wall);
    (StatusCode::SERVICE_UNAVAILABLE, Json(ready))
}

async fn unavailable(State(waiting): State<Waiting>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "This instance is not working now")
        .detail((waiting.why)())
}
