//! `GET /api/v1/discovery/suggestions`: what a cluster shows and no monitor checks, all of it, with
//! what was left out and why. The status of the settings has the beginning of the same.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::problem::Problem;
use crate::{Context, Discovered};

/// The report; a problem where nobody looks.
pub(crate) async fn suggestions(State(context): State<Context>) -> Response {
    let Some(suggestions) = &context.suggestions else {
        return Problem::new(StatusCode::NOT_FOUND, "There is nothing to discover here")
            .detail(
                "Suggestions come from the Services, Ingresses and HTTPRoutes of a cluster, and \
                 KubeKuma runs on a folder.",
            )
            .into_response();
    };
    match suggestions.discovered() {
        Discovered::Report(report) => Json(report).into_response(),
        Discovered::Elsewhere => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Another replica looks")
                .detail(
                    "Of several replicas one does what is not about single monitors. Ask each of \
                     them, or read status.discovery of the KubeKumaSettings.",
                )
                .into_response()
        }
    }
}
