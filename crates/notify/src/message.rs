//! What a provider is given to show: plain data, rendered once per delivery.

use kuma_core::event::{Event, EventKind};
use kuma_core::id::IncidentId;
use kuma_core::time::Timestamp;

use crate::rest::{cut, units};

/// How a message looks: a word and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Something is down.
    Critical,
    /// Something is not as it should be.
    Warning,
    /// Something is well again.
    Ok,
    /// Our own trouble: no verdict about a target.
    Unknown,
    /// For information.
    Info,
}

impl Severity {
    /// The severity of an event.
    pub const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Down | EventKind::Resend | EventKind::Escalation => Self::Critical,
            EventKind::Degraded | EventKind::Flapping | EventKind::CertExpiring => Self::Warning,
            EventKind::Up => Self::Ok,
            EventKind::Unknown | EventKind::MassOutage | EventKind::OwnTrouble => Self::Unknown,
            EventKind::Closed | EventKind::Test => Self::Info,
        }
    }

    /// The word, in payloads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Info => "info",
        }
    }

    /// The colour as `#rrggbb`.
    pub const fn colour(self) -> &'static str {
        match self {
            Self::Critical => "#d92d20",
            Self::Warning => "#f79009",
            Self::Ok => "#079455",
            Self::Unknown => "#667085",
            Self::Info => "#1570ef",
        }
    }

    /// Orders severities for a digest, the worst highest.
    pub(crate) const fn rank(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Ok => 1,
            Self::Unknown => 2,
            Self::Warning => 3,
            Self::Critical => 4,
        }
    }
}

/// A fact with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it is.
    pub name: &'static str,
    /// Its value, one line.
    pub value: String,
}

impl Field {
    fn line(&self) -> String {
        format!("{}: {}", self.name, self.value)
    }
}

/// Somewhere to go from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What is there.
    pub title: String,
    /// An `http` or `https` address.
    pub url: String,
}

impl Link {
    fn line(&self) -> String {
        format!("{}: {}", self.title, self.url)
    }
}

/// A rendered message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The key that receivers may dedupe by.
    pub key: String,
    /// One line.
    pub title: String,
    /// What happened, in sentences.
    pub text: String,
    /// The facts; empty when the policy brings its own body.
    pub fields: Vec<Field>,
    /// Where to go next: the runbook, the target.
    pub links: Vec<Link>,
    /// How it looks.
    pub severity: Severity,
    /// When it was rendered.
    pub at: Timestamp,
    /// The kind of the event that is told, of the first one for a digest.
    pub kind: EventKind,
    /// What is told: one event, or the events of a digest.
    pub events: Vec<Event>,
    /// The policy's template failed and this is the default text instead: what went wrong.
    pub template_error: Option<String>,
}

impl Message {
    /// Messages about the same incident share this text; none for digests and events without an
    /// incident.
    pub fn thread(&self) -> Option<String> {
        self.incident().map(|id| format!("incident-{}", id.0))
    }

    /// The incident of a message about one thing.
    pub(crate) fn incident(&self) -> Option<IncidentId> {
        match self.events.as_slice() {
            [event] => event.incident,
            _ => None,
        }
    }

    /// Text, facts and links as plain lines.
    pub fn plain_text(&self) -> String {
        let mut parts = vec![self.text.clone()];
        let shown = |url: &str| self.fields.iter().any(|field| field.value.contains(url));
        let links = self.links.iter().filter(|link| !shown(&link.url)).map(Link::line);
        let lines: Vec<_> = self.fields.iter().map(Field::line).chain(links).collect();
        if !lines.is_empty() {
            parts.push(lines.join("\n"));
        }
        parts.extend(self.template_error.clone());
        parts.join("\n\n")
    }

    /// The same in at most `most` UTF-16 units. What is too long loses the end of its text and facts
    /// and keeps its links, as far as half of the room holds them whole.
    pub(crate) fn plain_text_within(&self, most: usize) -> String {
        let whole = self.plain_text();
        if units(&whole) <= most {
            return whole;
        }
        let mut end = String::new();
        for line in self.links.iter().map(Link::line) {
            if units(&end) + units(&line) + 2 <= most / 2 {
                end.push_str(if end.is_empty() { "\n\n" } else { "\n" });
                end.push_str(&line);
            }
        }
        let mut text = cut(&whole, most.saturating_sub(units(&end)));
        text.push_str(&end);
        text
    }
}
