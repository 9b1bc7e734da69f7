//! `GET` at `publicEndpoints.metrics.path`, wherever the settings put it.

use std::fmt;
use std::time::Duration;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use http::{HeaderMap, Method, StatusCode, header};
use kuma_core::catalog::Catalog;
use kuma_core::digest::sha256_hex;
use kuma_core::secret::ExposeSecret;
use kuma_core::settings::MetricsAuth;
use kuma_core::stats::{Sample, StatKind};

use super::not_found;
use crate::metrics;
use crate::problem::Problem;
use crate::{Context, uptime_kuma};

/// A scrape waits no longer for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves metrics when the path is theirs, else says what there is.
pub(crate) async fn at_configured_path(
    State(context): State<Context>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let catalog = context.catalog.current();
    let public = &catalog.settings.public;
    if public.metrics_path.as_deref() != Some(uri.path()) || method != Method::GET {
        return not_found(uri.path()).into_response();
    }
    if let Some(refused) = refusal(&context, &public.metrics_auth, &headers) {
        return refused;
    }
    let mut more = metrics::of_catalog(&catalog);
    more.extend(outbox(&context).await);
    let openmetrics = wants_openmetrics(&headers);
    // With ten thousand monitors this takes long enough to make checks late.
    let rendered = tokio::task::spawn_blocking(move || text(&context, &catalog, more));
    match rendered.await {
        Ok(Ok(text)) if openmetrics => {
            ([(header::CONTENT_TYPE, metrics::OPENMETRICS)], text).into_response()
        }
        Ok(Ok(text)) => {
            ([(header::CONTENT_TYPE, metrics::CLASSIC)], metrics::to_classic(&text)).into_response()
        }
        _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Metrics could not be rendered")
            .into_response(),
    }
}

/// Everything, in the newer form.
fn text(context: &Context, catalog: &Catalog, more: Vec<Sample>) -> Result<String, fmt::Error> {
    let mut text = metrics::render(&context.live, &context.stats, more, context.version)?;
    if catalog.settings.public.uptime_kuma_names {
        let now = context.clock.now().wall;
        let theirs = uptime_kuma::render(catalog, &context.live.ours(), now);
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.insert_str(end, &theirs);
    }
    Ok(text)
}

/// How many messages wait and for how long; nothing when the store does not say in time.
async fn outbox(context: &Context) -> Vec<Sample> {
    let now = context.clock.now().wall;
    let asked = context.store.outbox_backlog(now);
    let Ok(Ok((rows, age))) = tokio::time::timeout(STORE_TIMEOUT, asked).await else {
        return Vec::new();
    };
    let gauge =
        |name, help, value| Sample { name, help, kind: StatKind::Gauge, labels: Vec::new(), value };
    let age = age.unwrap_or_default().as_secs_f64();
    vec![
        gauge("outbox_messages", "Messages that are due and not delivered.", rows as f64),
        gauge("outbox_age_seconds", "Age of the oldest message that is due.", age),
    ]
}

/// The answer to a request without the credentials that the settings ask for.
fn refusal(context: &Context, auth: &MetricsAuth, headers: &HeaderMap) -> Option<Response> {
    let refused = |detail: &'static str| {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "Metrics need credentials");
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"KubeKuma metrics\"")];
        Some((challenge, problem.detail(detail)).into_response())
    };
    let secret = match auth {
        MetricsAuth::Open => return None,
        MetricsAuth::ApiKey => {
            return refused("authMode is `apiKey`, and this build has no API keys yet.");
        }
        MetricsAuth::Basic(at) => {
            context.secrets.get(&context.catalog.current().system_namespace, at)
        }
    };
    let Ok(wanted) = secret else {
        return refused("The Secret with `username:password` is missing or may not be used.");
    };
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded).ok());
    let wanted = wanted.expose_secret().as_bytes();
    // Digests of equal length are compared, so that the time taken says nothing of the value.
    let same = given.is_some_and(|given| sha256_hex(&given) == sha256_hex(wanted));
    if same { None } else { refused("Send them as HTTP Basic authentication.") }
}

fn wants_openmetrics(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"))
}
