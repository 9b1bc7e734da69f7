//! Alerts as Alertmanager has them: labels that identify, annotations that tell, and when it
//! began and ends.

use std::collections::BTreeMap;
use std::time::Duration;

use kuma_core::event::Event;
use kuma_core::ports::{Earlier, Standing};
use kuma_core::time::{Timestamp, plus};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::condition::{Condition, is_over};
use crate::human;
use crate::message::{Field, Link, Message};
use crate::rest::{REPEAT, cut};
use crate::text;

/// An incident fires for as long unless it is told again, which happens each minute: when this
/// program is gone, its alerts go on rather than to be taken for over.
const INCIDENT_LASTS: Duration = Duration::from_hours(24);
/// What has no incident is told once, and again only when it changes.
const CONDITION_LASTS: Duration = Duration::from_hours(24 * 30);
/// What nobody tells the end of. Five minutes after a mass outage was told, whatever is still down is
/// told on its own.
const ENDLESS_LASTS: Duration = Duration::from_mins(10);
/// Longest label, in characters.
const LONGEST_LABEL: usize = 1_000;
/// Most labels that come from the monitor.
const MOST_LABELS: usize = 64;
/// Longest annotation, in characters.
const LONGEST_ANNOTATION: usize = 16_000;

type Labels = BTreeMap<String, String>;

/// An alert as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Alert {
    /// The incident, if it is about one.
    incident: Option<i64>,
    labels: Labels,
    annotations: Labels,
    starts: Timestamp,
    /// When it ended, if it has.
    ends: Option<Timestamp>,
    /// Whether nobody will tell its end.
    #[serde(default)]
    endless: bool,
    generator: Option<String>,
}

impl Alert {
    fn new(event: &Event, own: &[(String, String)], annotations: Labels, now: Timestamp) -> Self {
        let condition = Condition::of(event);
        let starts = event.started_at.unwrap_or(event.at);
        let incident = event.incident.filter(|_| condition == Condition::Outage);
        Self {
            incident: incident.map(|incident| incident.0),
            labels: labels(event, condition, own),
            annotations,
            starts,
            ends: is_over(event).then(|| now.max(starts)),
            endless: !condition.has_end(),
            generator: text::links(event).into_iter().last().map(|link| link.url),
        }
    }

    /// An end belongs to its beginning by its labels, so those of the beginning stay, whatever the
    /// monitor and the provider say now.
    pub(super) fn keep_labels(&mut self, earlier: &[Earlier]) {
        let Some(incident) = self.incident else {
            return;
        };
        let first = earlier
            .iter()
            .filter(|earlier| earlier.incident.0 == incident)
            .find_map(|earlier| labels_in(&earlier.receipt, incident));
        self.labels = first.unwrap_or_else(|| std::mem::take(&mut self.labels));
    }

    /// As Alertmanager takes it (`postableAlert` of its `openapi.yaml`).
    pub(super) fn json(&self, now: Timestamp, may_be_repeat: bool) -> Value {
        let lasts = match (self.incident, self.endless) {
            (Some(_), _) => INCIDENT_LASTS,
            (None, true) => ENDLESS_LASTS,
            (None, false) => CONDITION_LASTS,
        };
        let mut alert = json!({
            "labels": self.labels,
            "annotations": self.annotations,
            "startsAt": human::rfc3339(self.starts),
            "endsAt": human::rfc3339(self.ends.unwrap_or_else(|| plus(now, lasts))),
        });
        if let Some(generator) = &self.generator {
            alert["generatorURL"] = generator.clone().into();
        }
        if may_be_repeat {
            alert["annotations"]["repeat"] = REPEAT.into();
        }
        alert
    }
}

/// The alerts of a message: one for each thing that it tells.
pub(super) fn of_message(message: &Message, own: &[(String, String)]) -> Vec<Alert> {
    if let [event] = message.events.as_slice() {
        let told = annotations(&message.title, &message.plain_text(), &message.links);
        return vec![Alert::new(event, own, told, message.at)];
    }
    message.events.iter().map(|event| in_default_words(event, own, message.at)).collect()
}

/// The alert of what was told before, with the labels that it had then.
pub(super) fn of_standing(standing: &Standing, own: &[(String, String)], now: Timestamp) -> Alert {
    let event = &standing.row.event;
    let mut alert = in_default_words(event, own, now);
    if is_over(event) {
        alert.ends = Some(event.ended_at.unwrap_or(event.at).max(alert.starts));
    }
    if let (Some(incident), Some(receipt)) = (alert.incident, &standing.receipt)
        && let Some(labels) = labels_in(receipt, incident)
    {
        alert.labels = labels;
    }
    alert
}

fn in_default_words(event: &Event, own: &[(String, String)], now: Timestamp) -> Alert {
    let fields = text::fields(event, now);
    let lines: Vec<_> =
        fields.iter().map(|Field { name, value }| format!("{name}: {value}")).collect();
    let description = format!("{}\n\n{}", text::sentences(event, now), lines.join("\n"));
    let told = annotations(&text::title(event, now), &description, &text::links(event));
    Alert::new(event, own, told, now)
}

/// What is kept of the labels of a message's alerts: by incident, as JSON.
pub(super) fn labels_by_incident(alerts: &[Alert]) -> Option<String> {
    let labels: BTreeMap<String, &Labels> = alerts
        .iter()
        .filter_map(|alert| Some((alert.incident?.to_string(), &alert.labels)))
        .collect();
    if labels.is_empty() { None } else { serde_json::to_string(&labels).ok() }
}

fn labels_in(receipt: &str, incident: i64) -> Option<Labels> {
    let mut labels: BTreeMap<String, Labels> = serde_json::from_str(receipt).ok()?;
    labels.remove(&incident.to_string())
}

/// What the alert is called; rules for routing and inhibition name it.
const fn name(condition: Condition) -> &'static str {
    match condition {
        Condition::Outage => "MonitorDown",
        Condition::Degraded => "MonitorDegraded",
        Condition::Flapping => "MonitorFlapping",
        Condition::Unknown => "MonitorUnknown",
        Condition::Certificate => "MonitorCertificateExpiring",
        Condition::MassOutage => "MonitorsMassOutage",
        Condition::OwnTrouble => "KubeKumaTrouble",
        Condition::Test => "KubeKumaTest",
    }
}

const fn severity(condition: Condition) -> &'static str {
    match condition {
        Condition::Outage | Condition::MassOutage => "critical",
        Condition::Test => "info",
        _ => "warning",
    }
}

/// The alert's own labels win over the provider's, and these over the monitor's.
fn labels(event: &Event, condition: Condition, own: &[(String, String)]) -> Labels {
    let mut labels = Labels::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            labels.insert(label_name(name), cut(value, LONGEST_LABEL));
        }
    };
    for (name, value) in event.labels.iter().take(MOST_LABELS) {
        add(name, value);
    }
    for (name, value) in own {
        add(name, value);
    }
    add("alertname", name(condition));
    add("severity", severity(condition));
    add("namespace", &event.monitor.namespace);
    add("monitor", &event.monitor.name);
    labels
}

/// A name as Prometheus takes it: `app.kubernetes.io/name` becomes `app_kubernetes_io_name`.
fn label_name(name: &str) -> String {
    let mut clean: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if clean.starts_with(|c: char| c.is_ascii_digit()) {
        clean.insert(0, '_');
    }
    clean
}

fn annotations(title: &str, description: &str, links: &[Link]) -> Labels {
    let mut annotations = Labels::new();
    annotations.insert("summary".to_owned(), cut(title, LONGEST_ANNOTATION));
    annotations.insert("description".to_owned(), cut(description, LONGEST_ANNOTATION));
    if let Some(runbook) = links.iter().find(|link| link.title == "Runbook") {
        annotations.insert("runbook_url".to_owned(), runbook.url.clone());
    }
    annotations
}

#[cfg(test)]
mod tests {
    use kuma_core::event::EventKind;
    use kuma_core::id::IncidentId;
    use kuma_core::time::from_ms;

    use super::*;
    use crate::render::tests::event;

    #[test]
    fn label_names_are_those_of_prometheus() {
        assert_eq!(label_name("app.kubernetes.io/name"), "app_kubernetes_io_name");
        assert_eq!(label_name("7days"), "_7days");
    }

    #[test]
    fn what_nobody_tells_the_end_of_ends_by_itself() {
        let now = from_ms(1_700_000_100_000);
        let lasts = |event: &Event| {
            let alert = in_default_words(event, &[], now).json(now, false);
            let ends: Timestamp = alert["endsAt"].as_str().unwrap().parse().unwrap();
            ends.duration_since(now).as_mins()
        };
        let without = |kind| Event { incident: None, ..event(kind) };
        for kind in [EventKind::MassOutage, EventKind::Test] {
            assert_eq!(lasts(&without(kind)), 10, "{kind}");
        }
        assert_eq!(lasts(&without(EventKind::Degraded)), 30 * 24 * 60);
        assert_eq!(lasts(&event(EventKind::Down)), 24 * 60);
    }

    #[test]
    fn an_end_has_the_labels_of_its_beginning() {
        let incident = Some(IncidentId(9));
        let down = Event { incident, ..event(EventKind::Down) };
        let mut up = Event { incident, ..event(EventKind::Up) };
        up.labels.insert("team".to_owned(), "another".to_owned());
        let own = [("cluster".to_owned(), "a".to_owned())];
        let now = from_ms(1_700_000_100_000);
        let first = in_default_words(&down, &own, now);
        let receipt = labels_by_incident(std::slice::from_ref(&first)).unwrap();
        let mut last = in_default_words(&up, &[], now);
        assert_ne!(last.labels, first.labels);
        last.keep_labels(&[Earlier { incident: IncidentId(9), receipt }]);
        assert_eq!(last.labels, first.labels);
        assert_eq!(last.json(now, false)["endsAt"], human::rfc3339(now));
    }
}
