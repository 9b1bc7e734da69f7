//! Admission: what the API server asks before it stores an object. `POST /admission/validate` refuses
//! an object that cannot run, with the words of `kubekuma validate`; `POST /admission/convert` turns
//! objects of one version into those of another.
//!
//! KubeKuma works without either: what nobody refused is judged again when it is read.

mod certificate;
mod convert;
mod neighbours;
mod serve;
#[cfg(test)]
mod tests;
mod validate;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use kuma_api::read::ReadContext;
use kuma_core::catalog::CatalogSource;
use kuma_core::stats::{Counter, Sample, StatKind, Stats};

pub use certificate::{CertificateError, CertificateFiles, Certificates};
pub use convert::{Conversion, ConversionError, Conversions};
pub use serve::serve;
pub use validate::{answer, judge};

/// Where the listener is, unless something else is asked for.
pub const PORT: u16 = 9443;
/// Largest review of one object; the API server takes no larger objects.
const MAX_REVIEW: usize = 3 << 20;
/// Largest review of objects to convert, which may be a page of a list.
const MAX_CONVERSION: usize = 32 << 20;

/// What the answers depend on.
pub struct Webhook {
    context: ReadContext,
    catalog: Option<Arc<dyn CatalogSource>>,
    conversions: Conversions,
    allowed: Counter,
    denied: Counter,
    broken: Counter,
}

impl Webhook {
    /// Judges objects alone, and with a catalog beside what is in force. Converts as the table says.
    pub fn new(
        system_namespace: &str,
        catalog: Option<Arc<dyn CatalogSource>>,
        conversions: Conversions,
    ) -> Arc<Self> {
        Arc::new(Self {
            context: ReadContext { default_namespace: system_namespace.to_owned() },
            catalog,
            conversions,
            allowed: Counter::default(),
            denied: Counter::default(),
            broken: Counter::default(),
        })
    }
}

/// The routes.
pub fn router(webhook: Arc<Webhook>) -> Router {
    let validate = post(validate_review).layer(DefaultBodyLimit::max(MAX_REVIEW));
    let convert = post(convert_review).layer(DefaultBodyLimit::max(MAX_CONVERSION));
    Router::new()
        .route("/admission/validate", validate)
        .route("/admission/convert", convert)
        .with_state(webhook)
}

async fn validate_review(State(webhook): State<Arc<Webhook>>, body: Bytes) -> Response {
    let shared = Arc::clone(&webhook);
    let answered = move || {
        let catalog = shared.catalog.as_ref().map(|catalog| catalog.current());
        answer(&body, &shared.context, catalog.as_deref())
    };
    // A set of a thousand items takes a while to judge.
    match tokio::task::spawn_blocking(answered).await {
        Ok(Ok(review)) => {
            let allowed = review.response.as_ref().is_some_and(|response| response.allowed);
            if allowed {
                webhook.allowed.inc();
            } else {
                webhook.denied.inc();
            }
            axum::Json(review).into_response()
        }
        Ok(Err(why)) => {
            webhook.broken.inc();
            (StatusCode::BAD_REQUEST, why).into_response()
        }
        Err(_) => {
            webhook.broken.inc();
            tracing::error!("judging an object ended in a panic; the API server lets it through");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn convert_review(State(webhook): State<Arc<Webhook>>, body: Bytes) -> Response {
    let answered = move || webhook.conversions.answer(&body);
    match tokio::task::spawn_blocking(answered).await {
        Ok(Ok(review)) => axum::Json(review).into_response(),
        Ok(Err(why)) => (StatusCode::BAD_REQUEST, why).into_response(),
        Err(_) => {
            tracing::error!("converting objects ended in a panic");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Stats for Webhook {
    fn samples(&self) -> Vec<Sample> {
        let sample = |verdict: &str, counter: &Counter| Sample {
            name: "admission_reviews",
            help: "Objects that the API server asked about, by verdict.",
            kind: StatKind::Counter,
            labels: vec![("verdict", verdict.to_owned())],
            value: counter.get() as f64,
        };
        vec![
            sample("allowed", &self.allowed),
            sample("denied", &self.denied),
            sample("broken", &self.broken),
        ]
    }
}
