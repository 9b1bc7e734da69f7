//! Incidents and the time line against the ledger of outages.

use super::{Kind, Violation, explained, report, required, watched};
use crate::evidence::{Certainty, Evidence, Incident};

pub(super) fn judge(evidence: &Evidence, found: &mut Vec<Violation>) {
    for outage in required(evidence) {
        let Some(watched) = watched(evidence, &outage.target) else { continue };
        // One that was open already, because nobody looked in between, is this outage's too.
        let covered = evidence.incidents.iter().any(|incident| {
            incident.monitor == outage.target
                && incident.started <= outage.to + watched.lag
                && incident.ended.is_none_or(|ended| ended >= outage.from)
        });
        if !covered {
            report(found, Kind::MissedOutage, format!("no incident for {outage:?}"));
        }
    }
    for incident in &evidence.incidents {
        if !explained(evidence, incident) {
            report(found, Kind::FalseIncident, format!("no outage explains {incident:?}"));
        }
        match incident.ended {
            None => report(found, Kind::LeftOpen, format!("{incident:?}")),
            Some(ended) => closed(evidence, incident, ended, found),
        }
        if !on_the_time_line(evidence, incident) {
            let text = format!("the time line of {} lacks {incident:?}", incident.monitor);
            report(found, Kind::MissingInterval, text);
        }
    }
}

/// An incident ends with the first success, which no target gives while it is out. An engine that
/// starts a container says so a while after the container runs.
fn closed(evidence: &Evidence, incident: &Incident, ended: i64, found: &mut Vec<Violation>) {
    if incident.closed_reason.as_deref() != Some("RECOVERED") {
        report(found, Kind::ClosedWrongly, format!("closed for another reason: {incident:?}"));
    }
    let Some(watched) = watched(evidence, &incident.monitor).filter(|watched| !watched.derived)
    else {
        return;
    };
    let within = evidence.outages.iter().find(|outage| {
        outage.target == incident.monitor
            && outage.certainty == Certainty::Must
            && ended > outage.from + watched.lag
            && ended < outage.mending
    });
    if let Some(outage) = within {
        report(found, Kind::ClosedWrongly, format!("{incident:?} ended within {outage:?}"));
    }
}

/// The monitor is down from the incident's beginning, and not up before its end. An incident of no
/// length has no place there.
fn on_the_time_line(evidence: &Evidence, incident: &Incident) -> bool {
    if incident.ended == Some(incident.started) {
        return true;
    }
    let mut line = evidence.intervals.iter().filter(|at| at.monitor == incident.monitor);
    let begins = line.clone().any(|at| {
        at.state == "down"
            && at.from <= incident.started
            // Of no length where the process died at once: then nobody vouches for what follows.
            && at.to.is_none_or(|to| to >= incident.started)
    });
    let well_within = line.any(|at| {
        matches!(at.state.as_str(), "up" | "degraded")
            && at.from < incident.ended.unwrap_or(i64::MAX)
            && at.to.is_none_or(|to| to > incident.started)
    });
    begins && !well_within
}
