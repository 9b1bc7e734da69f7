//! Monitors as the statuses of their objects tell it: Monitors, and the items of MonitorSets. Pure
//! but for the fetching.

use kuma_api::kinds::monitor::MonitorStatus;
use kuma_api::kinds::monitor_set::MonitorSetStatus;
use kuma_api::kinds::{Monitor, MonitorSet, common::Condition};
use kuma_core::id::ObjectName;
use kuma_core::state::MonitorState;
use kuma_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cluster::Cluster;

/// One monitor.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) monitor: ObjectName,
    #[serde(rename = "type")]
    pub(super) check_type: Option<String>,
    /// None until KubeKuma has looked at it.
    pub(super) state: Option<MonitorState>,
    /// Since when it is in that state.
    pub(super) since: Option<Timestamp>,
    pub(super) checked_at: Option<Timestamp>,
    pub(super) latency_ms: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    /// Per cent of the known time.
    pub(super) uptime24h: Option<f64>,
    /// Why it cannot run as it is written.
    pub(super) problem: Option<String>,
}

impl Row {
    /// What stands in the column of states.
    pub(super) fn state_text(&self) -> &'static str {
        match (self.state, &self.problem) {
            (Some(state), _) => state.as_str(),
            (None, Some(_)) => "invalid",
            (None, None) => "",
        }
    }

    /// Reason and message of the last result, or what is wrong with the object.
    pub(super) fn result_text(&self) -> String {
        if let Some(problem) = &self.problem {
            return format!("invalid: {problem}");
        }
        let words = [self.reason.as_deref(), self.message.as_deref()];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// All monitors of a namespace, or of all, by name.
pub(super) async fn fetch(
    cluster: &Cluster,
    all_namespaces: bool,
    labels: Option<&str>,
) -> anyhow::Result<Vec<Row>> {
    let namespace = (!all_namespaces).then_some(cluster.namespace.as_str());
    let monitors = cluster.list::<Monitor>(namespace, labels).await?;
    let sets = cluster.list::<MonitorSet>(namespace, labels).await?;
    Ok(rows(&monitors, &sets))
}

/// What the statuses say, by name.
pub(super) fn rows(monitors: &[Value], sets: &[Value]) -> Vec<Row> {
    let mut rows: Vec<_> =
        monitors.iter().map(of_monitor).chain(sets.iter().flat_map(of_set)).collect();
    rows.sort_by(|a, b| a.monitor.cmp(&b.monitor));
    rows
}

/// The name of an object.
pub(super) fn name(object: &Value) -> ObjectName {
    let text = |field| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
    ObjectName::new(text("/metadata/namespace"), text("/metadata/name"))
}

fn of_monitor(object: &Value) -> Row {
    let status: MonitorStatus = status(object);
    let last = status.last_result.unwrap_or_default();
    Row {
        monitor: name(object),
        check_type: object.pointer("/spec/type").and_then(Value::as_str).map(str::to_owned),
        state: state(last.state.as_deref()),
        since: instant(last.since.as_deref()),
        checked_at: instant(last.checked_at.as_deref()),
        latency_ms: last.latency_ms,
        reason: last.reason,
        message: last.message,
        uptime24h: status.uptime.and_then(|uptime| uptime.last24h),
        problem: invalid(status.conditions.as_deref().unwrap_or_default()),
    }
}

fn of_set(object: &Value) -> Vec<Row> {
    let (set, status) = (name(object), status::<MonitorSetStatus>(object));
    let items = object.pointer("/spec/items").and_then(Value::as_array);
    let type_of = |item: &str| {
        let named = |it: &&Value| it.get("name").and_then(Value::as_str) == Some(item);
        items.into_iter().flatten().find(named)?.get("type")?.as_str().map(str::to_owned)
    };
    let items = status.item_statuses.unwrap_or_default();
    let row = |item: kuma_api::kinds::monitor_set::ItemStatus| {
        let broken = item.ready == Some(false) && item.state.is_none();
        let (message, problem) = if broken { (None, item.message) } else { (item.message, None) };
        Row {
            monitor: ObjectName::new(&*set.namespace, format!("{}-{}", set.name, item.name)),
            check_type: type_of(&item.name),
            state: state(item.state.as_deref()),
            since: None,
            checked_at: None,
            latency_ms: None,
            reason: None,
            message,
            uptime24h: None,
            problem,
        }
    };
    items.into_iter().map(row).collect()
}

/// A status is what a controller of any version wrote: what cannot be read is as if it were not there.
fn status<T: DeserializeOwned + Default>(object: &Value) -> T {
    let status = object.get("status").cloned().unwrap_or_default();
    serde_json::from_value(status).unwrap_or_default()
}

fn state(text: Option<&str>) -> Option<MonitorState> {
    MonitorState::ALL.into_iter().find(|state| Some(state.as_str()) == text)
}

fn instant(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

fn invalid(conditions: &[Condition]) -> Option<String> {
    let valid = conditions.iter().find(|condition| condition.type_ == "Valid")?;
    let why = || valid.message.clone().or_else(|| valid.reason.clone()).unwrap_or_default();
    (valid.status == "False").then(why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn monitors_and_items_of_sets_stand_side_by_side() {
        let monitor = json!({
            "metadata": {"namespace": "shop", "name": "web"},
            "spec": {"type": "http"},
            "status": {
                "conditions": [{"type": "Valid", "status": "True"}],
                "lastResult": {
                    "state": "down", "reason": "TIMEOUT", "message": "no answer",
                    "since": "2026-03-01T10:00:00Z", "checkedAt": "2026-03-01T10:05:00Z",
                },
                "uptime": {"last24h": 99.5},
            },
        });
        let set = json!({
            "metadata": {"namespace": "shop", "name": "api"},
            "spec": {"items": [{"name": "cart", "type": "tcp"}, {"name": "pay"}]},
            "status": {"itemStatuses": [
                {"name": "cart", "ready": true, "state": "up"},
                {"name": "pay", "ready": false, "message": "type: is required"},
            ]},
        });
        let rows = rows(&[monitor], &[set]);
        let seen: Vec<_> = rows
            .iter()
            .map(|row| format!("{} {} {}", row.monitor, row.state_text(), row.result_text()))
            .collect();
        assert_eq!(
            seen,
            [
                "shop/api-cart up ",
                "shop/api-pay invalid invalid: type: is required",
                "shop/web down TIMEOUT no answer",
            ]
        );
        assert_eq!(rows[0].check_type.as_deref(), Some("tcp"));
        assert_eq!(rows[2].since.unwrap().to_string(), "2026-03-01T10:00:00Z");
    }

    #[test]
    fn an_object_nobody_looked_at_or_with_an_odd_status_is_listed_all_the_same() {
        let new = json!({"metadata": {"namespace": "a", "name": "new"}, "spec": {"type": "dns"}});
        let odd = json!({
            "metadata": {"namespace": "a", "name": "odd"},
            "status": {"lastResult": [], "conditions": 7},
        });
        let bad = json!({
            "metadata": {"namespace": "a", "name": "bad"},
            "status": {"conditions": [{"type": "Valid", "status": "False", "message": "no"}]},
        });
        let rows = rows(&[new, odd, bad], &[]);
        let seen: Vec<_> = rows.iter().map(|row| (&*row.monitor.name, row.state_text())).collect();
        assert_eq!(seen, [("bad", "invalid"), ("new", ""), ("odd", "")]);
    }
}
