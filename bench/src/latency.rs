//! From the end of the last failing attempt to the webhook: how long a person waits for us.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kuma_core::time::{Clock, Timestamp};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::clock::SystemClock;
use crate::folder::{self, Monitors};
use crate::product::Product;
use crate::report::{Report, quantile};
use crate::target::until;

/// From outage to webhook.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Monitors, each with one outage and its end.
    #[arg(long, default_value_t = 100)]
    monitors: u32,
    /// Milliseconds between two outages; 0 means all at once, within one interval.
    #[arg(long, default_value_t = 100)]
    every_ms: u64,
}

/// The target that can be switched and the receiver of messages, in one server.
struct Server {
    clock: SystemClock,
    /// Monitors below this number fail …
    failing: AtomicU32,
    /// … unless they are below this one.
    recovered: AtomicU32,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When the target last answered a monitor, since the start, and how.
    answered: HashMap<String, (Duration, bool)>,
    /// Messages: state, time since the target's answer, time since the body's `timestamp`.
    arrived: Vec<Arrival>,
}

struct Arrival {
    down: bool,
    since_answer_ms: f64,
    since_timestamp_ms: f64,
}

impl Server {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let server = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let server = server.clone();
                    async move { Ok::<_, Infallible>(server.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                // A connection that ends early is the client's choice.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().trim_start_matches('/').to_owned();
        if path == "hook" {
            let received = self.clock.now();
            let since_start = self.clock.elapsed();
            if let Ok(body) = request.into_body().collect().await {
                self.message(&body.to_bytes(), received.wall, since_start);
            }
            return Response::new(Full::default());
        }
        let number: u32 = path.trim_start_matches(['m', '0']).parse().unwrap_or(0);
        let fails = number < self.failing.load(Ordering::Relaxed)
            && number >= self.recovered.load(Ordering::Relaxed);
        let mut response = Response::new(Full::from("all systems go\n"));
        if fails {
            *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        }
        let mut seen = self.seen();
        // The first answer of a kind is the one that decides.
        let changed = seen.answered.get(&path).is_none_or(|(_, failed)| *failed != fails);
        if changed {
            seen.answered.insert(path, (self.clock.elapsed(), fails));
        }
        response
    }

    fn message(&self, body: &[u8], received: Timestamp, since_start: Duration) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let down = match text("type") {
            "monitor.down" => true,
            "monitor.up" => false,
            _ => return,
        };
        let name = body["monitor"]["name"].as_str().unwrap_or_default().to_owned();
        let mut seen = self.seen();
        let Some((answered, _)) = seen.answered.get(&name).copied() else {
            return;
        };
        let timestamp = text("timestamp").parse::<Timestamp>().unwrap_or(received);
        let since = received.duration_since(timestamp).as_secs_f64();
        seen.arrived.push(Arrival {
            down,
            since_answer_ms: since_start.saturating_sub(answered).as_secs_f64() * 1e3,
            since_timestamp_ms: since * 1e3,
        });
    }
}

pub(crate) async fn measure(
    arguments: &Arguments,
    binary: &Path,
    clock: SystemClock,
) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let server = Arc::new(Server {
        clock,
        failing: AtomicU32::new(0),
        recovered: AtomicU32::new(0),
        seen: Mutex::default(),
    });
    let serving = tokio::spawn(server.clone().serve(listener));
    let config = scratch.path().join("latency");
    let url = |number| format!("http://{address}/{}", folder::name(number));
    let webhook = Some(format!("http://{address}/hook"));
    folder::write(
        &config,
        &Monitors { count: arguments.monitors, interval_seconds: 1, url: &url, ca: None, webhook },
    )?;
    let mut product = Product::start(binary, &config)?;
    product.ready(Duration::from_secs(20)).await?;
    let within = Duration::from_secs(30);
    let count = arguments.monitors as usize;
    until(within, "not every monitor was checked", async || server.seen().answered.len() == count)
        .await?;
    for (switch, messages) in [(&server.failing, 1), (&server.recovered, 2)] {
        tokio::time::sleep(Duration::from_secs(2)).await;
        for number in 1..=arguments.monitors {
            switch.store(number, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(arguments.every_ms)).await;
        }
        until(within, "not every message came", async || {
            server.seen().arrived.len() >= messages * count
        })
        .await?;
    }
    product.process.stop();
    serving.abort();
    let seen = server.seen();
    let mut report = Report::default();
    let name = if arguments.every_ms == 0 { "latencyBurst" } else { "latency" };
    for (kind, down) in [("down", true), ("up", false)] {
        let of = |value: fn(&Arrival) -> f64| {
            seen.arrived.iter().filter(|it| it.down == down).map(value).collect::<Vec<_>>()
        };
        let mut answer = of(|it| it.since_answer_ms);
        let mut stamp = of(|it| it.since_timestamp_ms);
        report.low(format!("{name}.{kind}.p50"), quantile(&mut answer, 0.5), "ms");
        report.low(format!("{name}.{kind}.p99"), quantile(&mut answer, 0.99), "ms");
        report.low(format!("{name}.{kind}.worst"), quantile(&mut answer, 1.0), "ms");
        report.low(format!("{name}.{kind}.timestampP99"), quantile(&mut stamp, 0.99), "ms");
        report.note(format!("{name}.{kind}.messages"), answer.len() as f64, "messages");
    }
    Ok(report)
}
