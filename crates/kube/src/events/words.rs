//! What an Event says. Pure.

use kuma_core::engine::notice::{Closing, Facts, Notice};
use kuma_core::monitor::{Monitor, MonitorOrigin};
use kuma_core::reason::Reason;
use kuma_core::time::between;
use serde_json::Value;

/// Something worth an Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// Whether people may have to do something.
    pub is_warning: bool,
    /// `Down`, `Recovered`, …
    pub reason: &'static str,
    /// What was being done: `Check`, `Read`.
    pub action: &'static str,
    /// One sentence.
    pub note: String,
}

/// What a notice says, if it is worth an Event.
pub fn happened(notice: &Notice) -> Option<Happened> {
    let some =
        |is_warning, reason, note| Some(Happened { is_warning, reason, action: "Check", note });
    let warning = |reason, note| some(true, reason, note);
    let normal = |reason, note| some(false, reason, note);
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

/// What it means for people that the status of an object has changed: whether it can be used.
pub fn validity(before: &Value, after: &Value) -> Option<Happened> {
    let (was, is) = (valid(before), valid(after)?);
    let happened = |is_warning, reason, note: &str| {
        Some(Happened { is_warning, reason, action: "Read", note: note.to_owned() })
    };
    match (was, is) {
        (Some(("False", before)), ("False", now)) if before == now => None,
        (_, ("False", why)) => happened(true, "Invalid", why),
        (Some(("False", _)), ("True", _)) => happened(false, "Valid", "it can be used again"),
        _ => None,
    }
}

/// Status and message of the condition `Valid`.
fn valid(status: &Value) -> Option<(&str, &str)> {
    let conditions = status.get("conditions")?.as_array()?;
    let is_valid = |it: &&Value| it.get("type").and_then(Value::as_str) == Some("Valid");
    let condition = conditions.iter().find(is_valid)?;
    let text = |field: &str| condition.get(field).and_then(Value::as_str);
    Some((text("status")?, text("message").unwrap_or_default()))
}

impl Happened {
    /// The same, told of the object that the monitor is written in.
    pub(super) fn of(mut self, monitor: &Monitor) -> Self {
        if let MonitorOrigin::Set { item, .. } = &monitor.origin {
            self.note = format!("{item}: {}", self.note);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use kuma_core::id::{IncidentId, MonitorId};
    use kuma_core::state::MonitorState;
    use kuma_core::time::from_ms;
    use serde_json::json;

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
    fn an_object_that_cannot_be_used_is_told_once_and_when_it_can_again() {
        let status = |valid: &str, message: &str| json!({"conditions": [{"type": "Valid", "status": valid, "message": message}]});
        let (good, bad) = (status("True", ""), status("False", "spec.type: unknown"));
        let told = |before: &Value, after: &Value| validity(before, after).map(|it| it.reason);
        assert_eq!(told(&Value::Null, &good), None);
        assert_eq!(told(&Value::Null, &bad), Some("Invalid"));
        assert_eq!(told(&good, &bad), Some("Invalid"));
        assert_eq!(told(&bad, &bad), None);
        assert_eq!(told(&bad, &status("False", "spec.name: missing")), Some("Invalid"));
        assert_eq!(told(&bad, &good), Some("Valid"));
    }

    #[test]
    fn a_first_failure_is_worth_no_event() {
        assert_eq!(happened(&Notice::FirstFailure { at: from_ms(0) }), None);
    }
}
