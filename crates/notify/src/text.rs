//! The default texts of every event: what a person who was asleep needs first.

use std::collections::BTreeMap;

use kuma_core::event::{Event, EventKind};
use kuma_core::reason::{Class, Reason};
use kuma_core::state::MonitorState;
use kuma_core::time::Timestamp;

use crate::human;
use crate::message::{Field, Link};

/// Longest sentence of a target that is repeated to people, in characters.
const LONGEST_MESSAGE: usize = 600;
/// Annotations that hold the address of a runbook.
const RUNBOOKS: [&str; 4] = ["runbook", "runbookUrl", "runbook_url", "runbook-url"];
/// Events of a digest that are shown one by one.
const LONGEST_DIGEST: usize = 40;

/// The title of one event.
pub(crate) fn title(event: &Event, now: Timestamp) -> String {
    let monitor = &event.monitor;
    match event.kind {
        EventKind::Down => format!("DOWN: {monitor}{}", code(event)),
        EventKind::Up => recovery_title(event, now),
        EventKind::Closed => format!("NO LONGER MONITORED: {monitor}"),
        EventKind::Degraded => format!("DEGRADED: {monitor}{}", code(event)),
        EventKind::Flapping => format!("FLAPPING: {monitor}"),
        EventKind::Unknown => format!("UNKNOWN: KubeKuma cannot check {monitor}"),
        EventKind::CertExpiring => {
            format!("CERTIFICATE: {monitor} {}", expiry(event.cert_days))
        }
        EventKind::Resend => format!("STILL DOWN{}: {monitor}{}", lasted(event, now), code(event)),
        EventKind::Escalation => {
            format!("ESCALATED, STILL DOWN{}: {monitor}{}", lasted(event, now), code(event))
        }
        EventKind::MassOutage => "MASS OUTAGE: many monitors failed at once".to_owned(),
        EventKind::OwnTrouble if event.ended_at.is_some() => "KubeKuma is well again".to_owned(),
        EventKind::OwnTrouble => "KubeKuma itself is in trouble".to_owned(),
        EventKind::Test => "TEST: KubeKuma can reach you".to_owned(),
    }
}

/// What happened, in sentences.
pub(crate) fn sentences(event: &Event, now: Timestamp) -> String {
    let monitor = &event.monitor;
    let since = since(event, now);
    let message = event
        .message
        .as_deref()
        .map(|text| human::shorten(text.trim(), LONGEST_MESSAGE))
        .filter(|text| !text.is_empty());
    let said = message.map(|text| format!("\n{text}")).unwrap_or_default();
    match event.kind {
        EventKind::Down => format!("{monitor} is down{since}.{said}"),
        EventKind::Up => recovery(event, now, &said),
        EventKind::Closed => format!(
            "{monitor} is no longer monitored{}. It was {} when that happened; whether it is \
             well now is not known.{}",
            closed_because(event),
            event.previous_state,
            was(event, now)
        ),
        EventKind::Degraded => format!("{monitor} answers, but not as well as it should.{said}"),
        EventKind::Flapping => format!(
            "{monitor} goes up and down too often. Nothing more is said about it until it is \
             stable or stays down.{said}"
        ),
        EventKind::Unknown => format!(
            "KubeKuma cannot tell how {monitor} is. This is trouble on KubeKuma's own side and \
             says nothing about the target.{said}"
        ),
        EventKind::CertExpiring => {
            format!("The certificate of {monitor} {}.{said}", expiry(event.cert_days))
        }
        EventKind::Resend => format!("{monitor} is still down{since}.{said}"),
        EventKind::Escalation => {
            format!("{monitor} is still down{since}, and nobody has acknowledged it.{said}")
        }
        EventKind::MassOutage => format!(
            "So many monitors on different networks failed at once that the fault may be on \
             KubeKuma's own side (its network, its host). They still fail after the wait that \
             rules out a short disturbance.{said}"
        ),
        EventKind::OwnTrouble if event.ended_at.is_some() => {
            format!("The trouble on KubeKuma's own side is over.{said}")
        }
        EventKind::OwnTrouble => format!(
            "KubeKuma has trouble of its own. This says nothing about what it watches.{said}"
        ),
        EventKind::Test => format!(
            "This is a test message. Nothing is wrong: it shows that messages reach you.{said}"
        ),
    }
}

/// The facts under the sentences.
pub(crate) fn fields(event: &Event, now: Timestamp) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut add = |name: &'static str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.push(Field { name, value });
        }
    };
    let about_target =
        !matches!(event.kind, EventKind::MassOutage | EventKind::OwnTrouble | EventKind::Test);
    let outage = matches!(event.kind, EventKind::Down | EventKind::Resend | EventKind::Escalation);
    if about_target {
        add("State", Some(states(event)));
        add("Target", Some(target(event)));
    }
    let reason = event.reason.as_deref().map(explained);
    add("Reason", reason.as_ref().map(|(reason, _)| reason.clone()));
    add("Usual fix", reason.and_then(|(_, fix)| fix));
    add("Since", event.started_at.map(human::instant));
    add("Until", event.ended_at.map(human::instant));
    add("Lasted", event.duration(now).map(human::duration));
    if event.started_at.is_none() {
        add("At", Some(human::instant(event.at)));
    }
    add("Attempts", (outage && event.attempts > 0).then(|| event.attempts.to_string()));
    add("Latency", event.latency_ms.map(|ms| format!("{ms} ms")));
    add("Tags", Some(event.tags.join(", ")));
    add("Note", event.note.clone());
    add("Incident", event.incident.map(|id| id.0.to_string()));
    fields
}

/// Where to go next.
pub(crate) fn links(event: &Event) -> Vec<Link> {
    let mut links = Vec::new();
    if let Some(url) = runbook(&event.annotations) {
        links.push(Link { title: "Runbook".to_owned(), url });
    }
    if is_web(&event.target) {
        links.push(Link { title: "Open".to_owned(), url: event.target.clone() });
    }
    links
}

/// The title of several events.
pub(crate) fn digest_title(events: &[Event]) -> String {
    let mut counts: BTreeMap<EventKind, usize> = BTreeMap::new();
    for event in events {
        *counts.entry(event.kind).or_default() += 1;
    }
    let parts: Vec<_> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    format!("{} messages: {}", events.len(), parts.join(", "))
}

/// One line per event.
pub(crate) fn digest(events: &[Event], now: Timestamp) -> String {
    let mut lines: Vec<_> = events
        .iter()
        .take(LONGEST_DIGEST)
        .map(|event| {
            let message = event.message.as_deref().unwrap_or_default().trim();
            let message = human::shorten(message, 120);
            let gap = if message.is_empty() { "" } else { ": " };
            format!("- {}{gap}{message}", title(event, now))
        })
        .collect();
    if events.len() > LONGEST_DIGEST {
        lines.push(format!("- and {} more", events.len() - LONGEST_DIGEST));
    }
    lines.join("\n")
}

fn code(event: &Event) -> String {
    match &event.reason {
        Some(reason) if reason != "DEGRADED" => format!(" ({reason})"),
        _ => String::new(),
    }
}

/// A reason's code with what it means, and what usually mends it.
fn explained(code: &str) -> (String, Option<String>) {
    match code.parse::<Reason>() {
        Ok(reason) if reason.class() != Class::Lifecycle => {
            (format!("{code}: {}", reason.meaning()), Some(reason.fix().to_owned()))
        }
        _ => (code.to_owned(), None),
    }
}

fn states(event: &Event) -> String {
    if event.previous_state == event.current_state {
        event.current_state.to_string()
    } else {
        format!("{} (was {})", event.current_state, event.previous_state)
    }
}

fn target(event: &Event) -> String {
    if event.target.is_empty() {
        event.check_type.clone()
    } else {
        format!("{} ({})", event.target, event.check_type)
    }
}

fn since(event: &Event, now: Timestamp) -> String {
    match (event.started_at, event.duration(now)) {
        (Some(at), Some(span)) => {
            format!(" since {} (for {})", human::instant(at), human::duration(span))
        }
        _ => String::new(),
    }
}

fn lasted(event: &Event, now: Timestamp) -> String {
    match event.duration(now) {
        Some(span) => format!(" for {}", human::duration(span)),
        None => String::new(),
    }
}

/// An up ends an outage, a lesser condition, or the wait for a new certificate.
fn recovery_title(event: &Event, now: Timestamp) -> String {
    let monitor = &event.monitor;
    if event.cert_days.is_some() {
        return format!("CERTIFICATE RENEWED: {monitor}");
    }
    let word = event.current_state.as_str().to_uppercase();
    match event.duration(now) {
        Some(span) => {
            format!("{word}: {monitor} was {} for {}", event.previous_state, human::duration(span))
        }
        None => format!("{word}: {monitor} was {}", event.previous_state),
    }
}

fn recovery(event: &Event, now: Timestamp, said: &str) -> String {
    let monitor = &event.monitor;
    if event.cert_days.is_some() {
        return format!("The certificate of {monitor} was renewed.{said}");
    }
    let now_is = match (event.previous_state, event.current_state) {
        (MonitorState::Unknown, state) => {
            format!("KubeKuma can check {monitor} again: it is {state}.")
        }
        (MonitorState::Down, MonitorState::Up) => format!("{monitor} is up again."),
        (MonitorState::Down, state) => format!("{monitor} is no longer down, but {state}."),
        (before, state) => format!("{monitor} is no longer {before}: it is {state}."),
    };
    format!("{now_is}{}", was(event, now))
}

fn was(event: &Event, now: Timestamp) -> String {
    let state = event.previous_state;
    match (event.started_at, event.ended_at, event.duration(now)) {
        (Some(from), Some(to), Some(span)) => format!(
            " It was {state} for {}, from {} to {}.",
            human::duration(span),
            human::instant(from),
            human::instant(to)
        ),
        (Some(from), None, _) => format!(" It was {state} since {}.", human::instant(from)),
        _ => String::new(),
    }
}

fn closed_because(event: &Event) -> &'static str {
    match event.reason.as_deref() {
        Some("PAUSED") => " because it was disabled",
        Some("DELETED") => " because it was deleted",
        _ => "",
    }
}

fn expiry(days: Option<i64>) -> String {
    match days {
        None => "expires soon".to_owned(),
        Some(days) if days < 0 => format!("expired {} ago", count(-days)),
        Some(0) => "expires within a day".to_owned(),
        Some(days) => format!("expires in {}", count(days)),
    }
}

fn count(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

fn runbook(annotations: &BTreeMap<String, String>) -> Option<String> {
    RUNBOOKS.iter().filter_map(|name| annotations.get(*name)).find(|url| is_web(url)).cloned()
}

fn is_web(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
