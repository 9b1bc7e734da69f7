//! The demo's web server: a target that can be told to fail, and a webhook receiver.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::inbox::{Inbox, Received};

#[derive(Debug, Clone)]
struct Demo {
    failing: Arc<AtomicBool>,
    inbox: Arc<Inbox>,
}

pub(super) async fn serve(listener: TcpListener, inbox: Arc<Inbox>, stop: CancellationToken) {
    let demo = Demo { failing: Arc::default(), inbox };
    let router = Router::new()
        .route("/", get(index))
        .route("/health", get(health))
        .route("/status.json", get(status))
        .route("/fail", post(fail))
        .route("/recover", post(recover))
        .route("/webhook", post(webhook))
        .route("/inbox", get(inbox_page))
        .with_state(demo);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "the demo's web server ended");
    }
}

async fn index() -> &'static str {
    "KubeKuma demo target\n\n\
     GET  /health       200 while well, 503 while failing\n\
     GET  /status.json  a JSON document\n\
     POST /fail         start failing\n\
     POST /recover      be well again\n\
     POST /webhook      receives notifications\n\
     GET  /inbox        what was received\n"
}

async fn health(State(demo): State<Demo>) -> (StatusCode, &'static str) {
    if demo.failing.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "the demo target was told to fail\n")
    } else {
        (StatusCode::OK, "all systems go\n")
    }
}

async fn status(State(demo): State<Demo>) -> axum::Json<serde_json::Value> {
    let failing = demo.failing.load(Ordering::Relaxed);
    axum::Json(serde_json::json!({
        "status": if failing { "failing" } else { "ok" },
        "queue": { "depth": if failing { 5000 } else { 3 } },
    }))
}

async fn fail(State(demo): State<Demo>) -> &'static str {
    demo.failing.store(true, Ordering::Relaxed);
    tracing::info!("demo target fails from now on");
    "failing; POST /recover ends it\n"
}

async fn recover(State(demo): State<Demo>) -> &'static str {
    demo.failing.store(false, Ordering::Relaxed);
    tracing::info!("demo target is well again");
    "well again\n"
}

async fn webhook(State(demo): State<Demo>, body: String) -> StatusCode {
    let title = serde_json::from_str::<serde_json::Value>(&body)
        .ok()
        .and_then(|json| json.get("title")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| body.lines().next().unwrap_or_default().to_owned());
    demo.inbox.add(Received { channel: "webhook", title, text: body });
    StatusCode::NO_CONTENT
}

async fn inbox_page(State(demo): State<Demo>) -> String {
    let mut page = String::new();
    for message in demo.inbox.all() {
        // Writing into a string cannot fail.
        let _ = writeln!(page, "== {}: {}\n{}\n", message.channel, message.title, message.text);
    }
    if page.is_empty() { "nothing received yet\n".to_owned() } else { page }
}
