//! What an Event says. Pure.

use kube::runtime::events::{Event, EventType};
use kuma_core::engine::notice::{Closing, Facts, Notice};
use kuma_core::monitor::{Monitor, MonitorOrigin};
use kuma_core::observation::bounded;
use kuma_core::reason::Reason;
use kuma_core::time::between;

/// Longest note, in bytes (events.k8s.io/v1).
const LONGEST: usize = 1000;

/// Something worth an Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// Whether people may have to do something.
    pub is_warning: bool,
    /// `Down`, `Recovered`, …
    pub reason: &'static str,
    /// One sentence.
    pub note: String,
}

/// What a notice says, if it is worth an Event.
pub fn happened(notice: &Notice) -> Option<Happened> {
    let warning = |reason, note| Some(Happened { is_warning: true, reason, note });
    let normal = |reason, note| Some(Happened { is_warning: false, reason, note });
    match notice {
        Notice::Opened { facts, .. } => warning("Down", words(facts)),
        Notice::Reopened { facts, .. } => warning("DownAgain", words(facts)),
        Notice::Closed { started_at, ended_at, closing: Closing::Recovered, .. } => {
            let lasted = between(*started_at, *ended_at).as_secs();
            normal("Recovered", format!("it answers again after {lasted} s"))
        }
        Notice::Closed { closing: Closing::Paused, .. } => {
            normal("Paused", "it is no longer monitored; its incident is closed".to_owned())
        }
        Notice::FlappingStarted { toggles, .. } => warning(
            "Flapping",
            format!("its state changed {toggles} times; messages are held back"),
        ),
        Notice::FlappingOver => normal("Stable", "its state is stable again".to_owned()),
        Notice::BecameDegraded { facts, .. } => warning("Degraded", words(facts)),
        Notice::DegradedOver { .. } => normal("NotDegraded", "it is fast again".to_owned()),
        Notice::BecameUnknown { facts, .. } => warning("Unknown", words(facts)),
        Notice::UnknownOver { .. } => normal("Known", "there is a verdict again".to_owned()),
        _ => None,
    }
}

fn words(facts: &Facts) -> String {
    match facts.reason.map(Reason::code) {
        Some(code) => format!("{code}: {}", facts.message),
        None => facts.message.clone(),
    }
}

impl Happened {
    pub(super) fn event(self, monitor: &Monitor) -> Event {
        let note = match &monitor.origin {
            MonitorOrigin::Monitor => self.note,
            MonitorOrigin::Set { item, .. } => format!("{item}: {}", self.note),
        };
        Event {
            type_: if self.is_warning { EventType::Warning } else { EventType::Normal },
            reason: self.reason.to_owned(),
            note: Some(bounded(note, LONGEST)),
            action: "Check".to_owned(),
            secondary: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use kuma_core::id::{IncidentId, MonitorId};
    use kuma_core::state::MonitorState;
    use kuma_core::time::from_ms;

    use super::*;

    #[test]
    fn an_outage_is_a_warning_with_its_reason_and_its_end_is_not() {
        let incident = IncidentId::new(MonitorId(1), 1);
        let facts = Facts {
            reason: Some(Reason::ConnectionRefused),
            message: "nothing listens".to_owned(),
            latency_ms: None,
            attempts: 1,
        };
        let opened = Notice::Opened {
            incident,
            started_at: from_ms(0),
            previous: MonitorState::Up,
            facts: facts.clone(),
        };
        let opened = happened(&opened).unwrap();
        assert!(opened.is_warning);
        assert_eq!((opened.reason, &*opened.note), ("Down", "CONNECTION_REFUSED: nothing listens"));
        let closed = Notice::Closed {
            incident,
            started_at: from_ms(0),
            ended_at: from_ms(90_000),
            closing: Closing::Recovered,
            now: MonitorState::Up,
            facts,
        };
        let closed = happened(&closed).unwrap();
        assert_eq!((closed.reason, &*closed.note), ("Recovered", "it answers again after 90 s"));
        assert!(!closed.is_warning);
    }

    #[test]
    fn a_first_failure_is_worth_no_event() {
        assert_eq!(happened(&Notice::FirstFailure { at: from_ms(0) }), None);
    }
}
