//! `GET /api/v1/incidents`: the documented array, newest first; the cursor is in a Link header.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use kuma_core::id::{IncidentId, ObjectName};
use kuma_core::ports::{Incident, IncidentQuery};
use kuma_core::time::{Timestamp, between};
use serde::{Deserialize, Serialize};

use crate::Context;
use crate::problem::Problem;

const MAX_LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Parameters {
    monitor_id: Option<String>,
    state: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
    before: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    id: i64,
    monitor_id: String,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    state: &'static str,
    /// Seconds, so far for an open one.
    duration: u64,
    suppressed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppress_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_reason: Option<&'static str>,
    acknowledged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
}

/// An incident as the API shows it. `state` is `down` for what happened, open or not, as in the
/// documented example; whether it is over says `endedAt`.
pub(crate) fn item(incident: Incident, now: Timestamp) -> Item {
    let (acknowledged_at, acknowledged_by) = incident.acknowledged.unzip();
    Item {
        id: incident.id.0,
        monitor_id: incident.monitor_name.to_string(),
        started_at: incident.started_at,
        ended_at: incident.ended_at,
        state: "down",
        duration: between(incident.started_at, incident.ended_at.unwrap_or(now)).as_secs(),
        suppressed: incident.suppressed,
        suppress_reason: incident.suppress_reason,
        reason: incident.reason.map(kuma_core::reason::Reason::code),
        message: incident.message,
        closed_reason: incident.closed_reason.map(kuma_core::reason::Reason::code),
        acknowledged: acknowledged_at.is_some(),
        acknowledged_at,
        acknowledged_by,
    }
}

/// Newest first. `state` is `down` (open) or `up` (over).
pub(crate) async fn list(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|error| Problem::bad_query(&error.body_text()))?;
    let query = query(&parameters)?;
    let limit = query.limit;
    let incidents = context.store.incidents(query).await?;
    let now = context.clock.now().wall;
    let next = (incidents.len() == limit as usize).then(|| incidents.last().map(|i| i.id.0));
    let items: Vec<_> = incidents.into_iter().map(|incident| item(incident, now)).collect();
    let mut response = Json(items).into_response();
    if let Some(Some(last)) = next {
        let link = format!("</api/v1/incidents?limit={limit}&before={last}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

fn query(parameters: &Parameters) -> Result<IncidentQuery, Problem> {
    let limit = parameters.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_parameter("limit", format!("must be 1 to {MAX_LIMIT}")));
    }
    let open = match parameters.state.as_deref() {
        None => None,
        Some("down") => Some(true),
        Some("up") => Some(false),
        Some(_) => {
            return Err(Problem::bad_parameter("state", "must be `down` (open) or `up` (over)"));
        }
    };
    let monitor = parameters
        .monitor_id
        .as_deref()
        .map(str::parse::<ObjectName>)
        .transpose()
        .map_err(|error| Problem::bad_parameter("monitorId", error.to_string()))?;
    Ok(IncidentQuery {
        monitor,
        open,
        from: parameters.from,
        to: parameters.to,
        before: parameters.before.map(IncidentId),
        limit,
    })
}
