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

/// Alive as long as the process serves requests.
pub(crate) async fn health(State(context): State<Context>) -> Json<Health> {
    Json(Health {
        status: "ok",
        timestamp: context.clock.now().wall,
    })
}

#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    ready: bool,
    timestamp: Timestamp,
    checks: BTreeMap<&'static str, ReadyCheck>,
}

/// Ready when the source has synced, the store answers and the lock rule holds.
pub(crate) async fn ready(State(context): State<Context>) -> (StatusCode, Json<Ready>) {
    let mut checks = context.runtime.ready();
    let store = match context.store.ping().await {
        Ok(()) => ReadyCheck {
            ok: true,
            message: None,
        },
        Err(error) => ReadyCheck {
            ok: false,
            message: Some(error.to_string()),
        },
    };
    checks.insert("store", store);
    let ready = checks.values().all(|check| check.ok);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Ready {
            ready,
            timestamp: context.clock.now().wall,
            checks,
        }),
    )
}
