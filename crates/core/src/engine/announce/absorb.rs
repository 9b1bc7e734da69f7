//! From an input to what should be told: opens and ends topics, decides nothing about routes.

use crate::catalog::Entry;
use crate::engine::notice::{Closing, Facts, Notice};
use crate::event::{Event, EventKind};
use crate::id::IncidentId;
use crate::state::MonitorState;
use crate::time::Timestamp;

use super::topic::{Over, Subject, Told, Topic};
use super::{
    AnnounceEffects, AnnounceInput, AnnounceState, AnnounceView, DeliveryFeedback, Operator,
    certificate,
};

/// Whether an input can matter to a state that is idle.
pub(super) fn matters(input: &AnnounceInput<'_>, view: &AnnounceView<'_>, now: Timestamp) -> bool {
    let AnnounceInput::Notices(notices) = input else {
        return false;
    };
    notices.iter().any(|notice| match notice {
        Notice::CertificateSeen { certificate } => certificate::is_due(certificate, view, now),
        Notice::FailureOver
        | Notice::FlappingOver
        | Notice::DegradedOver { .. }
        | Notice::UnknownOver { .. } => false,
        _ => true,
    })
}

/// Takes an input in.
pub(super) fn absorb(
    state: &mut AnnounceState,
    input: AnnounceInput<'_>,
    view: &AnnounceView<'_>,
    now: Timestamp,
    effects: &mut AnnounceEffects,
) {
    match input {
        AnnounceInput::Notices(notices) => {
            for notice in notices {
                take(state, notice, view, now, effects);
            }
        }
        AnnounceInput::Timer | AnnounceInput::Related => {}
        AnnounceInput::Catalog => forget_routes(state, view),
        AnnounceInput::Deleted => delete(state, now),
        AnnounceInput::Operator(operator) => operate(state, operator, now),
        AnnounceInput::Delivery(feedback) => delivered(state, feedback, view),
    }
}

fn take(
    state: &mut AnnounceState,
    notice: &Notice,
    view: &AnnounceView<'_>,
    now: Timestamp,
    effects: &mut AnnounceEffects,
) {
    match notice {
        Notice::FirstFailure { .. } => {
            if let Some(entry) = view.entry {
                effects.run_now.extend_from_slice(&entry.parents);
            }
        }
        Notice::FailureOver => {}
        Notice::Opened { incident, started_at, previous, facts } => {
            state.latest = Some((*incident, *started_at));
            let opened = Opening {
                incident: *incident,
                started_at: *started_at,
                at: *started_at,
                previous: *previous,
            };
            open(state, &opened, facts, view);
        }
        Notice::Reopened { incident, at, facts } => {
            let known = state.latest.filter(|(latest, _)| latest == incident);
            let opened = Opening {
                incident: *incident,
                started_at: known.map_or(*at, |(_, started_at)| started_at),
                at: *at,
                previous: MonitorState::Up,
            };
            open(state, &opened, facts, view);
        }
        Notice::Closed { incident, started_at, ended_at, closing, now: state_after, facts } => {
            close(state, *incident, *closing, |down| Event {
                current_state: *state_after,
                at: *ended_at,
                started_at: Some(*started_at),
                ended_at: Some(*ended_at),
                ..with_facts(down.clone(), facts)
            });
            if *closing != Closing::Recovered {
                end_conditions(state, *ended_at);
            }
        }
        Notice::FlappingStarted { incident, at, toggles, quiet_until } => {
            state.flapping_until = Some(*quiet_until);
            let message = format!("changed {toggles} times in a short while; quiet until stable");
            let facts = Facts { message, ..Facts::default() };
            begin(state, Subject::Flapping, *at, MonitorState::Up, &facts, view);
            if let Some(topic) = find(state, &Subject::Flapping) {
                topic.event.incident = Some(*incident);
            }
        }
        Notice::FlappingOver => end_flapping(state, view, now),
        Notice::BecameDegraded { at, facts } => {
            begin(state, Subject::Degraded, *at, MonitorState::Up, facts, view);
        }
        Notice::DegradedOver { at } => {
            end(state, &Subject::Degraded, *at, view.state, "fast again");
        }
        Notice::BecameUnknown { at, previous, facts } => {
            begin(state, Subject::Unknown, *at, *previous, facts, view);
        }
        Notice::UnknownOver { at } => {
            let message = "there are results again";
            end(state, &Subject::Unknown, *at, view.state, message);
        }
        Notice::CertificateSeen { certificate } => {
            certificate::seen(state, certificate, view, now);
        }
    }
}

/// How an incident begins.
struct Opening {
    incident: IncidentId,
    started_at: Timestamp,
    at: Timestamp,
    previous: MonitorState,
}

fn open(state: &mut AnnounceState, opening: &Opening, facts: &Facts, view: &AnnounceView<'_>) {
    let subject = Subject::Incident(opening.incident);
    if find(state, &subject).is_some_and(|topic| topic.over.is_none()) {
        return;
    }
    // A down says more than slow or unknown did: those end without a word of their own.
    let lesser = [Subject::Degraded, Subject::Unknown];
    end_quietly(state, &lesser, opening.at, MonitorState::Down, "it is down");
    let Some(entry) = view.entry else { return };
    let mut event = with_facts(base(entry, EventKind::Down, opening.at), facts);
    event.incident = Some(opening.incident);
    event.previous_state = opening.previous;
    event.current_state = MonitorState::Down;
    event.started_at = Some(opening.started_at);
    // In front: what was told about an outage decides what conditions need to say.
    state.topics.insert(0, Topic::new(subject, event, opening.at));
}

fn close(
    state: &mut AnnounceState,
    incident: IncidentId,
    closing: Closing,
    event: impl FnOnce(&Event) -> Event,
) {
    let Some(topic) = find(state, &Subject::Incident(incident)) else {
        return;
    };
    let mut event = event(&topic.event);
    event.previous_state = MonitorState::Down;
    event.kind = EventKind::Up;
    let (code, note) = match closing {
        Closing::Recovered => (None, None),
        Closing::Paused => (Some("PAUSED"), Some("no longer monitored: it was disabled")),
        Closing::Deleted => (Some("DELETED"), Some("no longer monitored: it was deleted")),
    };
    if let Some(code) = code {
        event.kind = EventKind::Closed;
        event.reason = Some(code.to_owned());
    }
    event.note = note.map(str::to_owned);
    topic.over = Some(Over { event, is_quiet: false });
}

/// Begins a condition, unless it is so already.
fn begin(
    state: &mut AnnounceState,
    subject: Subject,
    at: Timestamp,
    previous: MonitorState,
    facts: &Facts,
    view: &AnnounceView<'_>,
) {
    let Some(entry) = view.entry else { return };
    if let Some(topic) = find(state, &subject) {
        topic.over = None;
        return;
    }
    let (kind, current) = match subject {
        Subject::Degraded => (EventKind::Degraded, MonitorState::Degraded),
        Subject::Unknown => (EventKind::Unknown, MonitorState::Unknown),
        _ => (EventKind::Flapping, MonitorState::Flapping),
    };
    let mut event = with_facts(base(entry, kind, at), facts);
    event.previous_state = previous;
    event.current_state = current;
    state.topics.push(Topic::new(subject, event, at));
}

/// Ends a condition; whoever was told hears of it if the monitor is well.
fn end(
    state: &mut AnnounceState,
    subject: &Subject,
    at: Timestamp,
    now: MonitorState,
    message: &str,
) {
    let Some(topic) = find(state, subject) else {
        return;
    };
    let is_well = matches!(now, MonitorState::Up | MonitorState::Degraded);
    topic.over = Some(Over { event: over(&topic.event, at, now, message), is_quiet: !is_well });
}

/// The end of a condition that began with an event.
fn over(begun: &Event, at: Timestamp, now: MonitorState, message: &str) -> Event {
    Event {
        kind: EventKind::Up,
        previous_state: begun.current_state,
        current_state: now,
        reason: None,
        message: Some(message.to_owned()),
        at,
        ended_at: Some(at),
        started_at: Some(begun.at),
        note: Some(format!("was {}", begun.kind)),
        ..begun.clone()
    }
}

/// Flapping is over, by word of the verdict or because its time is up.
pub(super) fn end_flapping(state: &mut AnnounceState, view: &AnnounceView<'_>, now: Timestamp) {
    state.flapping_until = None;
    end(state, &Subject::Flapping, now, view.state, "stable again");
}

fn end_quietly(
    state: &mut AnnounceState,
    subjects: &[Subject],
    at: Timestamp,
    now: MonitorState,
    message: &str,
) {
    for topic in &mut state.topics {
        if subjects.contains(&topic.subject) {
            let event = over(&topic.event, at, now, message);
            topic.over = Some(Over { event, is_quiet: true });
        }
    }
}

fn end_conditions(state: &mut AnnounceState, at: Timestamp) {
    state.flapping_until = None;
    let conditions = [Subject::Degraded, Subject::Unknown, Subject::Flapping];
    end_quietly(state, &conditions, at, MonitorState::Paused, "it is no longer monitored");
}

/// The monitor is gone: an outage that is still open is closed with a notice, the rest forgotten.
fn delete(state: &mut AnnounceState, now: Timestamp) {
    let open: Vec<IncidentId> = state
        .topics
        .iter()
        .filter(|topic| topic.over.is_none())
        .filter_map(|topic| topic.event.incident.filter(|_| topic.is_incident()))
        .collect();
    for incident in open {
        close(state, incident, Closing::Deleted, |down| Event {
            current_state: MonitorState::Paused,
            at: now,
            ended_at: Some(now),
            ..down.clone()
        });
    }
    end_conditions(state, now);
    state.topics.retain(|topic| !topic.is_certificate());
}

fn operate(state: &mut AnnounceState, operator: Operator, now: Timestamp) {
    let incident =
        state.topics.iter_mut().find(|topic| topic.is_incident() && topic.over.is_none());
    if let Some(topic) = incident {
        topic.acknowledged = match operator {
            Operator::Acknowledge { by } => Some((now, by)),
            Operator::Unacknowledge => None,
        };
    }
}

fn delivered(state: &mut AnnounceState, feedback: DeliveryFeedback, view: &AnnounceView<'_>) {
    let DeliveryFeedback::FellBack { key, provider, fallback_key } = feedback;
    let tracks = state.topics.iter_mut().flat_map(|topic| &mut topic.tracks);
    for track in tracks {
        let Some(failed) = track.told.iter().find(|told| told.key == key) else {
            continue;
        };
        if track.told.iter().any(|told| told.provider == provider) {
            continue;
        }
        let known = view.catalog.providers.get(&provider);
        let told = Told {
            provider_type: known
                .map_or_else(String::new, |known| known.config.provider_type().to_string()),
            provider: provider.clone(),
            key: fallback_key.clone(),
            level: failed.level,
            open: failed.open,
        };
        track.remember(told);
    }
}

/// Routes that are gone limit nothing any more.
fn forget_routes(state: &mut AnnounceState, view: &AnnounceView<'_>) {
    if let Some(entry) = view.entry {
        state
            .routes
            .retain(|memory| entry.routes.iter().any(|route| *route.name() == memory.route));
    }
}

fn find<'a>(state: &'a mut AnnounceState, subject: &Subject) -> Option<&'a mut Topic> {
    state.topics.iter_mut().find(|topic| topic.subject == *subject)
}

/// An event about a monitor, without what happened.
pub(super) fn base(entry: &Entry, kind: EventKind, at: Timestamp) -> Event {
    let monitor = &entry.monitor;
    Event {
        kind,
        monitor: monitor.name.clone(),
        check_type: monitor.check.check_type().to_string(),
        target: monitor.check.target(),
        incident: None,
        previous_state: MonitorState::Up,
        current_state: MonitorState::Up,
        reason: None,
        message: None,
        latency_ms: None,
        at,
        started_at: None,
        ended_at: None,
        labels: monitor.labels.clone(),
        annotations: monitor.annotations.clone(),
        tags: monitor.tags.clone(),
        cert_days: None,
        attempts: 0,
        note: None,
    }
}

fn with_facts(event: Event, facts: &Facts) -> Event {
    Event {
        reason: facts.reason.map(|reason| reason.code().to_owned()),
        message: (!facts.message.is_empty()).then(|| facts.message.clone()),
        latency_ms: facts.latency_ms,
        attempts: facts.attempts,
        ..event
    }
}
