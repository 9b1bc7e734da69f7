//! Stored results through the same engine: who would have been told what (`kubekuma simulate`).
//! Nothing is sent; the rows are only returned.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::set::{Engine, Report};
use crate::catalog::Catalog;
use crate::check::Check;
use crate::id::IncidentId;
use crate::observation::{Observation, Outcome};
use crate::ports::{Heartbeat, Incident, OutboxRow, SuppressedRow};
use crate::reason::{Class, Reason};
use crate::time::{Timestamp, minus};

/// What a replay would have stored and told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replay {
    /// Messages, with when they were decided.
    pub told: Vec<(Timestamp, OutboxRow)>,
    /// Messages held until they had nothing left to say.
    pub unsaid: Vec<(Timestamp, SuppressedRow)>,
    /// Incidents as they were in the end.
    pub incidents: Vec<Incident>,
    /// Events that no route took.
    pub unrouted: u32,
}

/// Plays heartbeats, oldest first, against a catalog from a blank start, and lets time pass up to
/// `until`. What the engine itself found out is decided anew, so such heartbeats are left out: all
/// of groups, the silence of pushes, and those that speak of configuration and not of a result.
///
/// # Caveats
/// Certificates are not part of a heartbeat, so nothing is told of them. Time without any
/// heartbeat passes like any other: a push that was not there because nobody listened is missing.
pub fn replay<H: Borrow<Heartbeat>>(
    catalog: &Arc<Catalog>,
    heartbeats: impl IntoIterator<Item = H>,
    until: Timestamp,
) -> Replay {
    let mut engine = Engine::default();
    let mut played = Played::default();
    let mut heartbeats = heartbeats.into_iter().peekable();
    let Some(begin) = heartbeats.peek().map(|first| first.borrow().at) else {
        return Replay::default();
    };
    let report = engine.swap(catalog, begin);
    played.add(begin, report);
    for heartbeat in heartbeats {
        let heartbeat = heartbeat.borrow();
        if heartbeat.at > until {
            break;
        }
        let Some(entry) = catalog.entry(heartbeat.monitor) else {
            continue;
        };
        let is_ours = found_by_the_engine(&entry.monitor.check, heartbeat);
        let Some(observation) = observation(heartbeat).filter(|_| !is_ours) else {
            continue;
        };
        pass(&mut engine, &mut played, heartbeat.at);
        let began = minus(heartbeat.at, observation.latency.unwrap_or_default());
        let at = heartbeat.at;
        let report = engine.attempt(entry.id, &observation, began, at, at);
        played.add(at, report);
    }
    pass(&mut engine, &mut played, until);
    played.replay.incidents = played.incidents.into_values().collect();
    played.replay
}

/// Does what would have been due up to `until`.
fn pass(engine: &mut Engine, played: &mut Played, until: Timestamp) {
    while let Some(wake) = engine.next_wakeup().filter(|wake| *wake <= until) {
        let report = engine.due(wake);
        played.add(wake, report);
        // What a wake-up left undone comes again a moment later; time must not stand still.
        if engine.next_wakeup() == Some(wake) {
            break;
        }
    }
}

/// Whether no probe and no arrival is behind a heartbeat: a group's verdict, a push that did not
/// come, or the further attempts that a failing push makes by the clock.
fn found_by_the_engine(check: &Check, heartbeat: &Heartbeat) -> bool {
    match check {
        Check::Group(_) => true,
        Check::Push(_) => {
            heartbeat.reason == Some(Reason::PushMissing)
                || heartbeat.reason.is_some() && heartbeat.attempts > 1
        }
        _ => false,
    }
}

/// The result that a heartbeat stands for.
fn observation(heartbeat: &Heartbeat) -> Option<Observation> {
    let outcome = match heartbeat.reason {
        None => Outcome::Success,
        Some(reason) => match reason.class() {
            Class::Ours => Outcome::Indeterminate(reason),
            Class::Lifecycle => return None,
            Class::NoAnswer | Class::Answered => Outcome::Failure(reason),
        },
    };
    let said = heartbeat.message.as_deref();
    let meaning = || heartbeat.reason.map_or("", Reason::meaning);
    let mut observation = Observation::new(outcome, said.unwrap_or_else(meaning));
    let micros = heartbeat.latency_us;
    observation.latency = micros.map(|micros| Duration::from_micros(micros.into()));
    Some(observation)
}

#[derive(Default)]
struct Played {
    replay: Replay,
    incidents: BTreeMap<IncidentId, Incident>,
}

impl Played {
    fn add(&mut self, at: Timestamp, report: Report) {
        let batch = report.batch;
        let told = batch.outbox.into_iter().map(|row| (at, row));
        self.replay.told.extend(told);
        let unsaid = batch.suppressed.into_iter().map(|row| (at, row));
        self.replay.unsaid.extend(unsaid);
        self.replay.unrouted += report.unrouted;
        for incident in batch.incidents {
            self.incidents.insert(incident.id, incident);
        }
    }
}
