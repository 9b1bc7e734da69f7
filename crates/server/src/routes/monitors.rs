//! `GET /api/v1/monitors`: the documented list, with what each monitor is right now.

use axum::Json;
use axum::extract::{Query, State};
use kuma_core::catalog::{Catalog, Entry};
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::monitor::{Monitor, MonitorOrigin};
use kuma_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Context;
use crate::live::{LiveMonitor, UPTIME_WINDOWS};
use crate::problem::Problem;

/// Most items of one page.
const MAX_LIMIT: usize = 1000;
/// Items of a page unless asked.
const DEFAULT_LIMIT: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    limit: Option<usize>,
    cursor: Option<String>,
    namespace: Option<String>,
    state: Option<String>,
    #[serde(rename = "type")]
    check_type: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    items: Vec<Item>,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    namespace: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<String>,
    labels: std::collections::BTreeMap<String, String>,
    spec: Value,
    status: Status,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_result: Option<Value>,
    uptime: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cert: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run_at: Option<Timestamp>,
}

/// One page, in the order of the names; `cursor` is the `nextCursor` of the page before.
pub(crate) async fn list(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(parameters) = parameters.map_err(|error| Problem::bad_query(&error.body_text()))?;
    let limit = parameters.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::bad_parameter("limit", format!("must be 1 to {MAX_LIMIT}")));
    }
    let cursor = parameters.cursor.as_deref().map(str::parse::<ObjectName>).transpose();
    let cursor = cursor.map_err(|error| Problem::bad_parameter("cursor", error.to_string()))?;
    let catalog = context.catalog.current();
    let now = context.clock.now().wall;
    let fits = |entry: &Entry| {
        let named = parameters.namespace.as_deref();
        let of_type = parameters.check_type.as_deref();
        named.is_none_or(|namespace| *namespace == *entry.monitor.name.namespace)
            && of_type.is_none_or(|wanted| wanted == entry.monitor.check.check_type().as_str())
            && parameters.state.as_deref().is_none_or(|wanted| {
                context.live.get(entry.id).is_some_and(|live| live.state.as_str() == wanted)
            })
    };
    let mut page = Page { items: Vec::with_capacity(limit), total: 0, next_cursor: None };
    for (name, entry) in catalog.monitors.iter().filter(|(_, entry)| fits(entry)) {
        page.total += 1;
        // As names are ordered, which is not how their texts are: `a/b` comes before `a-b/a`.
        let after_cursor = cursor.as_ref().is_none_or(|cursor| name > cursor);
        if after_cursor && page.items.len() < limit {
            page.items.push(item(&catalog, entry, context.live.get(entry.id), now));
        } else if after_cursor && page.next_cursor.is_none() {
            page.next_cursor =
                page.items.last().map(|item| format!("{}/{}", item.namespace, item.name));
        }
    }
    Ok(Json(page))
}

fn item(catalog: &Catalog, entry: &Entry, live: Option<LiveMonitor>, now: Timestamp) -> Item {
    let monitor = &entry.monitor;
    Item {
        namespace: monitor.name.namespace.to_string(),
        name: monitor.name.name.to_string(),
        set: match &monitor.origin {
            MonitorOrigin::Monitor => None,
            MonitorOrigin::Set { set, .. } => Some(set.clone()),
        },
        labels: monitor.labels.clone(),
        spec: spec(catalog, monitor),
        status: status(live, now),
    }
}

/// The spec as written; for an item of a set what it amounts to.
fn spec(catalog: &Catalog, monitor: &Monitor) -> Value {
    let key = ObjectKey { kind: Kind::Monitor, name: monitor.name.clone() };
    match (&monitor.origin, catalog.raw.get(&key)) {
        (MonitorOrigin::Monitor, Some(object)) => object.raw.field("spec").unwrap_or_default(),
        _ => json!({
            "type": monitor.check.check_type().as_str(),
            "enabled": monitor.enabled,
            "schedule": { "intervalSeconds": monitor.schedule.interval.as_secs() },
            "target": { monitor.check.check_type().as_str(): monitor.check.target() },
        }),
    }
}

fn status(live: Option<LiveMonitor>, now: Timestamp) -> Status {
    let Some(live) = live else {
        return Status {
            state: "pending",
            since: None,
            last_result: None,
            uptime: json!({}),
            cert: None,
            next_run_at: None,
        };
    };
    let uptime: serde_json::Map<String, Value> = UPTIME_WINDOWS
        .iter()
        .zip(live.uptime)
        .filter_map(|((window, _), ratio)| {
            Some((format!("last{window}"), json!((ratio? * 10_000.0).round() / 100.0)))
        })
        .collect();
    Status {
        state: live.state.as_str(),
        since: live.since,
        last_result: live.last.map(|last| {
            json!({
                "state": live.state.as_str(),
                "latencyMs": last.latency_us.map(|us| us / 1000),
                "checkedAt": last.at,
                "attempts": last.attempts,
                "reason": last.reason,
                "message": last.message,
            })
        }),
        uptime: Value::Object(uptime),
        cert: live.certificate.map(|certificate| {
            let left = certificate.expires_at.as_second() - now.as_second();
            json!({
                "expiresAt": certificate.expires_at,
                "daysUntilExpiry": left.div_euclid(86_400),
                "valid": certificate.valid,
                "issuer": certificate.issuer,
                "subject": certificate.subject,
            })
        }),
        next_run_at: live.next_run,
    }
}
