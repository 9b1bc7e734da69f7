//! What an event is about, for receivers that keep alerts open until they are told the end: an
//! event that ends something is about the same as the event that began it.

use kuma_core::event::{Event, EventKind};
use kuma_core::state::MonitorState;

/// A matter that begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Down: an incident.
    Outage,
    /// Slow or about to fail.
    Degraded,
    /// Goes up and down too often.
    Flapping,
    /// No verdict: our own trouble with one monitor.
    Unknown,
    /// A certificate about to expire.
    Certificate,
    /// Much failed at once.
    MassOutage,
    /// Trouble of our own.
    OwnTrouble,
    /// Nothing: a person asked for a message.
    Test,
}

impl Condition {
    /// What the event begins, goes on with or ends.
    pub(crate) const fn of(event: &Event) -> Self {
        match event.kind {
            EventKind::Down | EventKind::Resend | EventKind::Escalation => Self::Outage,
            EventKind::Degraded => Self::Degraded,
            EventKind::Flapping => Self::Flapping,
            EventKind::Unknown => Self::Unknown,
            EventKind::CertExpiring => Self::Certificate,
            EventKind::MassOutage => Self::MassOutage,
            EventKind::OwnTrouble => Self::OwnTrouble,
            EventKind::Test => Self::Test,
            EventKind::Up | EventKind::Closed => Self::ended_by(event),
        }
    }

    const fn ended_by(event: &Event) -> Self {
        if event.cert_days.is_some() {
            return Self::Certificate;
        }
        match event.previous_state {
            MonitorState::Degraded => Self::Degraded,
            MonitorState::Flapping => Self::Flapping,
            MonitorState::Unknown => Self::Unknown,
            _ => Self::Outage,
        }
    }

    /// Whether somebody tells its end.
    pub(crate) const fn has_end(self) -> bool {
        !matches!(self, Self::MassOutage | Self::Test)
    }

    /// A stable word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Degraded => "degraded",
            Self::Flapping => "flapping",
            Self::Unknown => "unknown",
            Self::Certificate => "certificate",
            Self::MassOutage => "mass-outage",
            Self::OwnTrouble => "own-trouble",
            Self::Test => "test",
        }
    }
}

/// Whether the event ends its matter.
pub(crate) const fn is_over(event: &Event) -> bool {
    event.kind.is_recovery()
        || matches!(event.kind, EventKind::OwnTrouble) && event.ended_at.is_some()
}

/// An identity that is the same from the beginning of a matter to its end:
/// `kubekuma/<namespace>/<name>/<incident>`, with the condition where there is no incident. A
/// flapping monitor's message names the incident too, but ends apart from it.
pub(crate) fn identity(event: &Event) -> String {
    let monitor = &event.monitor;
    let condition = Condition::of(event);
    match event.incident {
        Some(incident) if condition == Condition::Outage => {
            format!("kubekuma/{}/{}/{}", monitor.namespace, monitor.name, incident.0)
        }
        _ => format!("kubekuma/{}/{}/{}", monitor.namespace, monitor.name, condition.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::event;

    #[test]
    fn an_end_is_about_what_it_ends() {
        let up = |previous_state, cert_days| {
            let up = Event { previous_state, cert_days, ..event(EventKind::Up) };
            Condition::of(&up)
        };
        assert_eq!(up(MonitorState::Down, None), Condition::Outage);
        assert_eq!(up(MonitorState::Degraded, None), Condition::Degraded);
        assert_eq!(up(MonitorState::Unknown, None), Condition::Unknown);
        assert_eq!(up(MonitorState::Flapping, None), Condition::Flapping);
        assert_eq!(up(MonitorState::Up, Some(5)), Condition::Certificate);
    }

    #[test]
    fn an_outage_has_one_identity_from_down_to_closed() {
        let down = identity(&event(EventKind::Down));
        assert!(down.starts_with("kubekuma/shop/"), "{down}");
        for kind in [EventKind::Resend, EventKind::Escalation, EventKind::Up, EventKind::Closed] {
            let later = Event { previous_state: MonitorState::Down, ..event(kind) };
            assert_eq!(identity(&later), down, "{kind}");
        }
        assert_ne!(identity(&event(EventKind::Flapping)), down);
    }
}
