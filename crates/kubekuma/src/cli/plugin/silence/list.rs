//! `kubectl kuma silence list`.

use kuma_api::kinds::Silence;
use kuma_core::id::ObjectName;
use kuma_core::time::{Timestamp, between};
use serde::Serialize;
use serde_json::Value;

use super::super::cluster::Cluster;
use super::super::{Listing, Shared, monitors};
use crate::cli::output;
use crate::terminal::table::{duration, plain, shorten};

/// A silence as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    pub(super) silence: ObjectName,
    pub(super) active: bool,
    pub(super) starts_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) affected: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) created_by: Option<String>,
}

impl View {
    /// Judged by the clock: whether it is in force does not wait for anybody to write a status.
    pub(super) fn of(object: &Value, now: Timestamp) -> Self {
        let text = |path| object.pointer(path).and_then(Value::as_str);
        let instant = |path| text(path).and_then(|text| text.parse::<Timestamp>().ok());
        let starts_at = instant("/spec/startsAt");
        let expires_at = instant("/spec/expiresAt").or_else(|| instant("/spec/endsAt"));
        Self {
            silence: monitors::name(object),
            active: starts_at.is_none_or(|start| start <= now)
                && expires_at.is_some_and(|end| now < end),
            starts_at,
            expires_at,
            affected: object.pointer("/status/affectedCount").and_then(Value::as_i64),
            reason: text("/spec/reason").map(str::to_owned),
            created_by: text("/spec/createdBy").map(str::to_owned),
        }
    }

    fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    fn when(&self, now: Timestamp) -> String {
        let apart = |from, to| duration(between(from, to).as_secs());
        match (self.starts_at, self.expires_at) {
            (Some(start), _) if start > now => format!("begins in {}", apart(now, start)),
            (_, Some(end)) if end <= now => format!("ended {} ago", apart(end, now)),
            (_, Some(end)) => format!("{} left", apart(now, end)),
            (_, None) => String::new(),
        }
    }
}

pub(super) async fn run(
    shared: &Shared,
    listing: &Listing,
    expired: bool,
    now: Timestamp,
) -> anyhow::Result<()> {
    let cluster = Cluster::connect(shared).await?;
    let namespace = (!listing.all_namespaces).then_some(cluster.namespace.as_str());
    let objects = cluster.list::<Silence>(namespace, None).await?;
    let mut views: Vec<_> = objects.iter().map(|object| View::of(object, now)).collect();
    views.retain(|view| expired || !view.expired(now));
    views.sort_by(|a, b| a.expires_at.cmp(&b.expires_at).then_with(|| a.silence.cmp(&b.silence)));
    output::show(listing.output, &views, |views| render(views, now))
}

fn render(views: &[View], now: Timestamp) -> String {
    if views.is_empty() {
        return "no silences\n".to_owned();
    }
    let mut table = plain(&["silence", "active", "when", "monitors", "by", "reason"]);
    for view in views {
        table.add_row([
            view.silence.to_string(),
            if view.active { "yes" } else { "no" }.to_owned(),
            view.when(now),
            view.affected.map(|count| count.to_string()).unwrap_or_default(),
            shorten(view.created_by.as_deref().unwrap_or_default(), 30),
            shorten(view.reason.as_deref().unwrap_or_default(), 60),
        ]);
    }
    let lines: Vec<_> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn silences_are_judged_by_the_clock() {
        let now = "2026-03-01T22:00:00Z".parse().unwrap();
        let view = |name: &str, spec: Value| {
            let object = json!({
                "metadata": {"namespace": "shop", "name": name}, "spec": spec,
                "status": {"isActive": false, "affectedCount": 3},
            });
            View::of(&object, now)
        };
        let views = [
            view(
                "on",
                json!({
                    "expiresAt": "2026-03-01T23:30:00Z", "reason": "Migration", "createdBy": "alice",
                }),
            ),
            view(
                "later",
                json!({
                    "startsAt": "2026-03-02T22:00:00Z", "endsAt": "2026-03-03T00:00:00Z",
                }),
            ),
            view("over", json!({"expiresAt": "2026-03-01T21:00:00Z"})),
        ];
        insta::assert_snapshot!(render(&views, now), @"
SILENCE     ACTIVE  WHEN                 MONITORS  BY     REASON
shop/on     yes     1 h 30 min left      3         alice  Migration
shop/later  no      begins in 1 d 0 h    3
shop/over   no      ended 1 h 0 min ago  3
");
        assert_eq!(views.map(|view| view.expired(now)), [false, false, true]);
    }
}
