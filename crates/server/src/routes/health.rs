//! `GET /health` (liveness) and `GET /ready` (may traffic and trust be put on us).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use kuma_core::time::Timestamp;
use serde::Serialize;

use crate::{Context, ReadyCheck};

#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    timestamp: Timestamp,
}

impl Health {
    /// Alive.
    pub(crate) const fn at(timestamp: Timestamp) -> Self {
        Self { status: "ok", timestamp }
    }
}

/// What is served, for whoever opens the address in a browser; the dashboard comes here.
pub(crate) async fn index(State(context): State<Context>) -> String {
    let catalog = context.catalog.current();
    let metrics = catalog.settings.public.metrics_path.as_deref().unwrap_or("(metrics are off)");
    format!(
        "KubeKuma {}: {} monitors\n\n\
         /api/v1/monitors    every monitor and what it is right now\n\
         /api/v1/incidents   outages, newest first\n\
         /health  /ready     for probes\n\
         {metrics:<19} for Prometheus\n\
         /push/<token>       heartbeats of push monitors\n",
        context.version,
        catalog.monitors.len(),
    )
}

/// Alive as long as the process serves requests.
pub(crate) async fn health(State(context): State<Context>) -> Json<Health> {
    Json(Health::at(context.clock.now().wall))
}

#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    ready: bool,
    timestamp: Timestamp,
    checks: BTreeMap<&'static str, ReadyCheck>,
}

impl Ready {
    /// Ready if every check holds.
    pub(crate) fn of(checks: BTreeMap<&'static str, ReadyCheck>, timestamp: Timestamp) -> Self {
        Self { ready: checks.values().all(|check| check.ok), timestamp, checks }
    }
}

/// Ready when the source has synced, the store answers and the lock rule holds.
pub(crate) async fn ready(State(context): State<Context>) -> (StatusCode, Json<Ready>) {
    let mut checks = context.runtime.ready();
    let store = match context.store.ping().await {
        Ok(()) => ReadyCheck { ok: true, message: None },
        Err(error) => ReadyCheck { ok: false, message: Some(error.to_string()) },
    };
    checks.insert("store", store);
    let ready = Ready::of(checks, context.clock.now().wall);
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready))
}
