//! Arrivals of push monitors: ours at `/push/:token`, and Uptime Kuma's contract at
//! `/api/push/:token`. An arrival is on the disk before it is answered.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kuma_core::id::MonitorId;
use kuma_core::observation::bounded;
use kuma_core::ports::{PushArrival, StoreError};
use serde::Serialize;

use crate::Context;
use crate::problem::Problem;

/// Longest message kept of a job, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;
/// Longest token looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 256;
/// Largest `ping` accepted, in milliseconds (Uptime Kuma's bound).
const MAX_PING_MS: f64 = 1e11;

#[derive(Debug, Serialize)]
struct Accepted {
    ok: bool,
}

#[derive(Debug, Serialize)]
struct Refused {
    ok: bool,
    msg: &'static str,
}

/// `ANY /push/:token?status=up|down&msg=&ping=`: 200, or a problem document.
pub(crate) async fn push(
    State(context): State<Context>,
    Path(token): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let Some(monitor) = target(&context, &token) else {
        return Problem::new(StatusCode::NOT_FOUND, "No push monitor has this token")
            .detail("The monitor is unknown, disabled, or its token is another one.")
            .into_response();
    };
    let arrival = match arrival(monitor, &token, &query, context.clock.now().wall) {
        Ok(arrival) => arrival,
        Err(problem) => return problem.into_response(),
    };
    match record(&context, arrival).await {
        Ok(()) => Json(Accepted { ok: true }).into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Uptime Kuma's contract: `{"ok":true}`, or 404 with `{"ok":false,"msg":…}`.
pub(crate) async fn uptime_kuma(
    State(context): State<Context>,
    Path(token): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let refused = |status, msg| (status, Json(Refused { ok: false, msg })).into_response();
    let Some(monitor) = target(&context, &token) else {
        return refused(StatusCode::NOT_FOUND, "Monitor not found or not active.");
    };
    let Ok(arrival) = arrival(monitor, &token, &query, context.clock.now().wall) else {
        return refused(StatusCode::NOT_FOUND, "Invalid ping value.");
    };
    match record(&context, arrival).await {
        Ok(()) => Json(Accepted { ok: true }).into_response(),
        Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "The store does not answer."),
    }
}

fn target(context: &Context, token: &str) -> Option<MonitorId> {
    (token.len() <= MAX_TOKEN_BYTES).then(|| context.runtime.push_target(token)).flatten()
}

fn arrival(
    monitor: MonitorId,
    token: &str,
    query: &HashMap<String, String>,
    at: kuma_core::time::Timestamp,
) -> Result<PushArrival, Problem> {
    let up = query.get("status").is_none_or(|status| status == "up");
    let message = query.get("msg").map_or("OK", String::as_str);
    let latency = match query.get("ping").map(String::as_str) {
        None | Some("") => None,
        Some(text) => match text.parse::<f64>() {
            Ok(ms) if (0.0..=MAX_PING_MS).contains(&ms) => {
                Some(Duration::from_secs_f64(ms / 1000.0))
            }
            _ => {
                return Err(Problem::bad_parameter(
                    "ping",
                    format!("`{}` is not a number of milliseconds", bounded(text.into(), 40)),
                ));
            }
        },
    };
    // A job that reports its own command line reports its token.
    let message = bounded(message.replace(token, "•••"), MAX_MESSAGE_BYTES);
    Ok(PushArrival { id: 0, monitor, at, up, message, latency })
}

/// Stores an arrival and hands it on, also when the job hangs up meanwhile: what is stored and not
/// handed on would come up at the next start, long out of date. Until then, and when it cannot be
/// stored, the engine knows that the job is not late, we are.
async fn record(context: &Context, arrival: PushArrival) -> Result<(), StoreError> {
    let (store, runtime, monitor) =
        (context.store.clone(), context.runtime.clone(), arrival.monitor);
    let recorded = tokio::spawn(async move {
        runtime.push_comes(monitor);
        match store.push(arrival).await {
            Ok(stored) => {
                runtime.pushed(stored);
                Ok(())
            }
            Err(error) => {
                runtime.push_refused(monitor);
                Err(error)
            }
        }
    });
    let ended = |_| Err(StoreError::Unavailable("the program is stopping".to_owned()));
    recorded.await.unwrap_or_else(ended)
}
