//! From events to a [`Message`]: the policy's templates, or the default texts.

use kuma_core::event::Event;
use kuma_core::policy::Policy;
use kuma_core::ports::Claim;
use kuma_core::time::{Timestamp, to_ms};
use kuma_expr::{ExprError, Template};
use serde_json::{Value, json};

use crate::human;
use crate::message::{Message, Severity};
use crate::text;

/// Longest text that a template may lead to, in characters.
const LONGEST_TEXT: usize = 20_000;
/// Longest title, in characters.
const LONGEST_TITLE: usize = 300;

/// What a message is made of.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// The message's key.
    pub key: &'a str,
    /// What happened: one event, several for a digest.
    pub events: &'a [Event],
    /// Whose templates are used.
    pub policy: Option<&'a Policy>,
    /// When it is rendered; "for 3 min" is counted up to it.
    pub now: Timestamp,
}

/// The events that a claim tells: an up that was merged into its down stands for both.
pub(crate) fn events_of(claim: &Claim) -> Vec<Event> {
    let mut events: Vec<_> = claim.rows.iter().map(|row| row.event.clone()).collect();
    let Some(up) = &claim.merged_up else {
        return events;
    };
    // In a group the up belongs to the row of its own incident, else of its monitor.
    let of_monitor = |event: &Event| event.monitor == up.monitor;
    let own = events
        .iter()
        .position(|event| of_monitor(event) && event.incident == up.incident)
        .or_else(|| events.iter().position(of_monitor));
    if let Some(down) = events.get_mut(own.unwrap_or_default()) {
        let note = "the message about the outage had not been delivered before it was over";
        *down = Event {
            started_at: up.started_at.or(down.started_at),
            ended_at: up.ended_at.or(Some(up.at)),
            note: Some(match &up.note {
                Some(earlier) => format!("{earlier}; {note}"),
                None => note.to_owned(),
            }),
            ..up.clone()
        };
    }
    events
}

/// Renders a message. A template that fails gives the default text and says what went wrong.
pub fn render(input: RenderInput<'_>) -> Option<Message> {
    let first = input.events.first()?;
    let severity = input
        .events
        .iter()
        .map(|event| Severity::of(event.kind))
        .max_by_key(|severity| severity.rank())?;
    let single = input.events.len() == 1;
    let mut message = Message {
        key: input.key.to_owned(),
        title: default_title(input),
        text: default_text(input),
        fields: Vec::new(),
        links: Vec::new(),
        severity,
        at: input.now,
        kind: first.kind,
        events: input.events.to_vec(),
        template_error: None,
    };
    if single {
        message.fields = text::fields(first, input.now);
        message.links = text::links(first);
    }
    if let Some(policy) = input.policy {
        apply_templates(&mut message, policy, input);
    }
    message.title = one_line(&message.title);
    Some(message)
}

fn default_title(input: RenderInput<'_>) -> String {
    match input.events {
        [event] => text::title(event, input.now),
        events => text::digest_title(events),
    }
}

fn default_text(input: RenderInput<'_>) -> String {
    match input.events {
        [event] => text::sentences(event, input.now),
        events => text::digest(events, input.now),
    }
}

fn apply_templates(message: &mut Message, policy: &Policy, input: RenderInput<'_>) {
    let mut failed = Vec::new();
    if let (Some(template), [event]) = (&policy.title, input.events) {
        match template.render(&values(event, input.now)) {
            Ok(title) if !title.trim().is_empty() => message.title = title,
            Ok(_) => {}
            Err(error) => failed.push(complaint("title", policy, &error)),
        }
    }
    if let Some(template) = &policy.body {
        match render_each(template, input) {
            Ok(body) => {
                message.text = human::shorten(&body, LONGEST_TEXT);
                message.fields.clear();
            }
            Err(error) => failed.push(complaint("body", policy, &error)),
        }
    }
    message.template_error = (!failed.is_empty()).then(|| failed.join(" "));
}

fn render_each(template: &Template, input: RenderInput<'_>) -> Result<String, ExprError> {
    let parts: Result<Vec<_>, _> =
        input.events.iter().map(|event| template.render(&values(event, input.now))).collect();
    Ok(parts?.join("\n\n"))
}

fn complaint(which: &str, policy: &Policy, error: &ExprError) -> String {
    format!(
        "The {which} template of NotificationPolicy {} failed, so this is the default text: {error}.",
        policy.name
    )
}

/// Titles travel in headers and headings, so they are one line without control characters.
fn one_line(title: &str) -> String {
    let words: Vec<_> = title
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    human::shorten(&words.join(" "), LONGEST_TITLE)
}

/// The variables of templates (`kuma_expr::EVENT_VARIABLES`). Absent values are left out.
pub(crate) fn values(event: &Event, now: Timestamp) -> Value {
    let mut values = json!({
        "monitorId": event.monitor.to_string(),
        "monitorNamespace": event.monitor.namespace,
        "monitorName": event.monitor.name,
        "previousState": event.previous_state,
        "currentState": event.current_state,
        "state": event.current_state,
        "timestamp": human::rfc3339(event.at),
        "isStateChange": event.previous_state != event.current_state,
        "labels": event.labels,
        "annotations": event.annotations,
        "url": event.target,
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let (Some(map), Some(value)) = (values.as_object_mut(), value) {
            map.insert(name.to_owned(), value);
        }
    };
    set("reason", event.reason.clone().map(Value::from));
    set("message", event.message.clone().map(Value::from));
    set("latencyMs", event.latency_ms.map(Value::from));
    set("latency", event.latency_ms.map(|ms| Value::from(format!("{ms} ms"))));
    set("duration", event.duration(now).map(|span| human::duration(span).into()));
    set("incidentId", event.incident.map(|id| Value::from(id.0)));
    values
}

/// The variables for one template that stands for the whole message: those of the event; for a
/// digest those of the first, with the digest as `message`.
pub(crate) fn message_values(message: &Message) -> Value {
    let Some(first) = message.events.first() else {
        return json!({});
    };
    let mut values = values(first, message.at);
    if message.events.len() > 1 {
        values["message"] = message.text.clone().into();
    }
    values
}

/// An event as the documented JSON of a webhook (`docs/providers/webhook.md`).
pub(crate) fn event_json(event: &Event, now: Timestamp) -> Value {
    json!({
        "event": event.kind,
        "timestamp": human::rfc3339(event.at),
        "monitor": {
            "id": event.monitor.to_string(),
            "namespace": event.monitor.namespace,
            "name": event.monitor.name,
            "type": event.check_type,
            "target": event.target,
            "labels": event.labels,
            "annotations": event.annotations,
            "tags": event.tags,
        },
        "state": event.current_state,
        "previousState": event.previous_state,
        "reason": event.reason,
        "message": event.message,
        "latencyMs": event.latency_ms,
        "attempts": event.attempts,
        "certDays": event.cert_days,
        "note": event.note,
        "incident": event.incident.map(|id| json!({
            "id": id.0,
            "startedAt": event.started_at.map(human::rfc3339),
            "endedAt": event.ended_at.map(human::rfc3339),
            "durationSeconds": event.duration(now).map(|span| span.as_secs()),
        })),
    })
}

/// Milliseconds since the epoch at which the message was rendered, for frozen dates.
pub(crate) fn rendered_ms(message: &Message) -> i64 {
    to_ms(message.at)
}

#[cfg(test)]
pub(crate) mod tests;
