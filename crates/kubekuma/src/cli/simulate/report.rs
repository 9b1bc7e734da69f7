//! What a replay would have told, for people and for programs.

use kuma_core::catalog::Catalog;
use kuma_core::engine::Replay;
use kuma_core::event::EventKind;
use kuma_core::id::{IncidentId, ObjectName};
use kuma_core::ports::{Incident, OutboxRow, SuppressedRow};
use kuma_core::time::{Timestamp, between};
use serde::Serialize;

use super::history::Heard;
use crate::terminal::paint::paint;
use crate::terminal::table::{duration, plain, shorten};

/// The result of `kubekuma simulate`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Simulation {
    /// The first result played; the engine knows nothing before it.
    from: Option<Timestamp>,
    /// The last.
    until: Timestamp,
    /// Results played.
    results: u64,
    /// Monitors that they are of.
    monitors: usize,
    /// Monitors of the folder that have no result in the span.
    without_history: Vec<ObjectName>,
    /// Errors of the folder; what is wrong takes no part.
    configuration_errors: usize,
    /// Who would have been told what.
    told: Vec<Message>,
    /// What would have been said to nobody, and why.
    not_told: Vec<Message>,
    /// Events that no route takes.
    unrouted: u32,
    /// Outages as they were in the end.
    incidents: Vec<Incident>,
}

/// One message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    /// When it was decided.
    time: Timestamp,
    /// When it would have been sent, if it waits for others (`groupBy`).
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
    event: EventKind,
    /// When what it tells happened.
    happened: Timestamp,
    monitor: ObjectName,
    /// None is the default provider's route.
    policy: Option<ObjectName>,
    provider: ObjectName,
    reason: Option<String>,
    message: Option<String>,
    note: Option<String>,
    incident: Option<IncidentId>,
    /// Why nobody was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Message {
    fn told(time: Timestamp, row: OutboxRow) -> Self {
        Self {
            time,
            due: (row.not_before > time).then_some(row.not_before),
            event: row.event.kind,
            happened: row.event.at,
            monitor: row.event.monitor,
            policy: row.policy,
            provider: row.provider,
            reason: row.event.reason,
            message: row.event.message,
            note: row.event.note,
            incident: row.event.incident,
            why: None,
        }
    }

    fn not_told(time: Timestamp, unsaid: SuppressedRow) -> Self {
        Self { why: Some(unsaid.why), ..Self::told(time, unsaid.row) }
    }

    /// Why it is told now, else what it says.
    fn words(&self) -> String {
        let said = [&self.note, &self.message, &self.reason];
        said.into_iter().flatten().next().cloned().unwrap_or_default()
    }

    fn via(&self) -> String {
        self.policy.as_ref().map_or_else(|| "default provider".to_owned(), ToString::to_string)
    }
}

impl Simulation {
    pub(super) fn new(
        catalog: &Catalog,
        replay: Replay,
        heard: &Heard,
        until: Timestamp,
        configuration_errors: usize,
    ) -> Self {
        let entries = catalog.monitors.values();
        let silent = entries.filter(|entry| !heard.monitors.contains(&entry.id));
        Self {
            from: heard.first,
            until,
            results: heard.results,
            monitors: heard.monitors.len(),
            without_history: silent.map(|entry| entry.monitor.name.clone()).collect(),
            configuration_errors,
            told: replay.told.into_iter().map(|(at, row)| Message::told(at, row)).collect(),
            not_told: replay
                .unsaid
                .into_iter()
                .map(|(at, row)| Message::not_told(at, row))
                .collect(),
            unrouted: replay.unrouted,
            incidents: replay.incidents,
        }
    }
}

/// The report for people.
pub(super) fn render(simulation: &Simulation, colour: bool) -> String {
    let mut text = Vec::new();
    head(simulation, &mut text);
    told(&simulation.told, colour, &mut text);
    not_told(simulation, &mut text);
    incidents(simulation, &mut text);
    let text = text.join("\n");
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn head(simulation: &Simulation, text: &mut Vec<String>) {
    let from = simulation.from.unwrap_or(simulation.until);
    text.push(format!(
        "{} of {}, {} to {} UTC; nothing was sent",
        count(simulation.results, "result"),
        count(simulation.monitors as u64, "monitor"),
        clock(from),
        clock(simulation.until)
    ));
    if simulation.configuration_errors > 0 {
        text.push(format!(
            "{} in the folder: what is wrong took no part; `kubekuma validate` lists it",
            count(simulation.configuration_errors as u64, "error")
        ));
    }
    if !simulation.without_history.is_empty() {
        let names: Vec<_> =
            simulation.without_history.iter().take(10).map(ToString::to_string).collect();
        let more = if simulation.without_history.len() > 10 { ", …" } else { "" };
        text.push(format!("no results of {}{more}", names.join(", ")));
    }
}

fn told(messages: &[Message], colour: bool, text: &mut Vec<String>) {
    if messages.is_empty() {
        text.push("\nnobody would have been told anything".to_owned());
        return;
    }
    text.push(format!("\n{} would have been sent", count(messages.len() as u64, "message")));
    let mut table = plain(&["time", "event", "monitor", "policy", "provider", "note"]);
    for message in messages {
        table.add_row([
            clock(message.due.unwrap_or(message.time)),
            message.event.to_string(),
            message.monitor.to_string(),
            message.via(),
            message.provider.to_string(),
            shorten(&message.words(), 70),
        ]);
    }
    let rendered = table.to_string();
    let mut lines = rendered.lines();
    text.extend(lines.next().map(str::to_owned));
    let painted = lines
        .zip(messages)
        .map(|(line, message)| paint(line.trim_end(), shade(message.event), colour));
    text.extend(painted);
}

const fn shade(event: EventKind) -> u8 {
    match event {
        EventKind::Down | EventKind::Resend | EventKind::Escalation | EventKind::MassOutage => 31,
        EventKind::Up => 32,
        EventKind::Degraded | EventKind::Flapping | EventKind::CertExpiring => 33,
        EventKind::Unknown | EventKind::Closed | EventKind::OwnTrouble | EventKind::Test => 90,
    }
}

fn not_told(simulation: &Simulation, text: &mut Vec<String>) {
    let messages = &simulation.not_told;
    if !messages.is_empty() {
        let many = count(messages.len() as u64, "message");
        text.push(format!(
            "\n{many} would have been held back until there was nothing left to say"
        ));
        let mut table = plain(&["time", "event", "monitor", "policy", "provider", "why"]);
        for message in messages {
            table.add_row([
                clock(message.time),
                message.event.to_string(),
                message.monitor.to_string(),
                message.via(),
                message.provider.to_string(),
                message.why.clone().unwrap_or_default(),
            ]);
        }
        text.push(table.to_string());
    }
    if simulation.unrouted > 0 {
        text.push(format!(
            "\n{} would have reached nobody: no policy takes the monitor and its namespace has no default provider",
            count(u64::from(simulation.unrouted), "event")
        ));
    }
}

fn incidents(simulation: &Simulation, text: &mut Vec<String>) {
    if simulation.incidents.is_empty() {
        text.push("\nno incidents".to_owned());
        return;
    }
    text.push(format!("\n{}", count(simulation.incidents.len() as u64, "incident")));
    let mut table = plain(&["monitor", "started", "lasted", "reason", "told"]);
    for incident in &simulation.incidents {
        let end = incident.ended_at.unwrap_or(simulation.until);
        let lasted = duration(between(incident.started_at, end).as_secs());
        let open = if incident.ended_at.is_none() { ", open" } else { "" };
        let told = match (&incident.suppress_reason, incident.suppressed) {
            (Some(why), _) => format!("no: {why}"),
            (None, true) => "no".to_owned(),
            (None, false) => "yes".to_owned(),
        };
        table.add_row([
            incident.monitor_name.to_string(),
            clock(incident.started_at),
            format!("{lasted}{open}"),
            incident.reason.map(|reason| reason.code().to_owned()).unwrap_or_default(),
            told,
        ]);
    }
    text.push(table.to_string());
}

fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn count(many: u64, what: &str) -> String {
    if many == 1 { format!("1 {what}") } else { format!("{many} {what}s") }
}
