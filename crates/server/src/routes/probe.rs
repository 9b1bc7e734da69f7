//! `GET /probe?target=&module=&hostname=&debug=`: one attempt now, answered as blackbox_exporter
//! does. `target` is `namespace/name` of a monitor or, where the settings allow it, anything.

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;

use crate::blackbox::module::{self, Asked, Parameters};
use crate::blackbox::{self, text};
use crate::problem::Problem;
use crate::{Context, REQUEST_TIMEOUT, metrics};

/// What the scraper says of its own patience, in seconds.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// Runs the attempt. What is our own fault is 503, so that a scraper sees a failed scrape and not
/// a target that is down.
pub(crate) async fn probe(
    State(context): State<Context>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let first = |wanted: &str| {
        query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let parameters = Parameters {
        target: first("target").unwrap_or_default(),
        module: first("module").filter(|name| !name.is_empty()),
        hostname: first("hostname").filter(|name| !name.is_empty()),
    };
    let catalog = context.catalog.current();
    let asked = module::asked(&catalog, parameters)?;
    let scraper = patience(&headers)?;
    let _slot = context.on_demand.slots.try_acquire().map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Too many probes at once")
            .detail("Ask again later, or let fewer scrapers ask at one time.")
    })?;
    let own = asked.monitor.schedule.timeout(&catalog.settings.scheduler);
    let timeout = blackbox::timeout(own, scraper, REQUEST_TIMEOUT);
    let began = context.clock.now().mono;
    let examined = context.on_demand.examiner.examine(&asked.monitor, &catalog.settings, timeout);
    let (observation, particulars) = examined.await;
    let took = context.clock.now().mono.since(began);
    let seen = text::Seen {
        check: &asked.monitor.check,
        observation: &observation,
        particulars: &particulars,
        took,
        timeout,
    };
    let shown = text::render(seen);
    if first("debug") == Some("true") {
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        return Ok((plain, debug(&asked, &observation, &shown)).into_response());
    }
    if let Outcome::Indeterminate(reason) = observation.outcome {
        return Err(no_verdict(reason, &observation));
    }
    Ok(([(header::CONTENT_TYPE, metrics::CLASSIC)], shown).into_response())
}

fn patience(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(SCRAPE_TIMEOUT) else {
        return Ok(None);
    };
    let seconds = value.to_str().ok().and_then(|text| text.parse::<f64>().ok());
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(patience)) => Ok(Some(patience).filter(|it| !it.is_zero())),
        _ => Err(Problem::bad_parameter(
            "X-Prometheus-Scrape-Timeout-Seconds",
            "is not a number of seconds",
        )),
    }
}

fn no_verdict(reason: Reason, observation: &Observation) -> Problem {
    let status = match reason {
        Reason::EgressDenied => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Problem::new(status, "Nothing can be said about the target").detail(format!(
        "{reason}: {} {}",
        observation.message,
        reason.fix()
    ))
}

/// For a person: what was seen, the metrics, and how it was asked. Secrets are masked in what an
/// attempt says, and a spec only refers to them.
fn debug(asked: &Asked, observation: &Observation, shown: &str) -> String {
    let mut text = String::from("Logs for the probe:\n");
    let mut line = |name: &str, value: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(text, "{name}: {}", value.replace('\n', "\n  "));
    };
    line("monitor", &asked.monitor.name.to_string());
    line("target", &asked.monitor.check.target());
    line(
        "outcome",
        match observation.outcome {
            Outcome::Success => "success",
            Outcome::Failure(_) => "failure",
            Outcome::Indeterminate(_) => "no verdict",
        },
    );
    if let Some(reason) = observation.outcome.reason() {
        line("reason", reason.code());
        line("usual fix", reason.fix());
    }
    line("message", &observation.message);
    for (name, value) in observation.evidence.iter().flat_map(|evidence| evidence.0.iter()) {
        line(name, value);
    }
    let spec = asked.spec.as_ref().map(|spec| format!("{spec:#}")).unwrap_or_default();
    format!(
        "{text}\n\n\nMetrics that would have been returned:\n{shown}\n\n\nModule configuration:\n{spec}\n"
    )
}
