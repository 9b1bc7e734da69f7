//! `GET` at `publicEndpoints.metrics.path`, wherever the settings put it.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use kuma_core::settings::MetricsAuth;

use super::not_found;
use crate::Context;
use crate::metrics;
use crate::problem::Problem;

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
    if public.metrics_auth != MetricsAuth::Open {
        return Problem::new(StatusCode::UNAUTHORIZED, "Metrics need credentials")
            .detail(
                "publicEndpoints.metrics.authMode is not `open`, and this build cannot check \
                 credentials yet, so it serves no metrics.",
            )
            .into_response();
    }
    match metrics::render(&context.live, &context.stats, context.version) {
        Ok(text) if wants_openmetrics(&headers) => {
            ([(header::CONTENT_TYPE, metrics::OPENMETRICS)], text).into_response()
        }
        Ok(text) => (
            [(header::CONTENT_TYPE, metrics::CLASSIC)],
            metrics::to_classic(&text),
        )
            .into_response(),
        Err(_) => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Metrics could not be rendered",
        )
        .into_response(),
    }
}

fn wants_openmetrics(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"))
}
