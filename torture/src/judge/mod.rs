//! Compares what was injected, what receivers got and what the store says. Pure: plain data in,
//! violations out. Every kind of violation has a test in which it is found.

mod alerts;
mod incidents;
mod messages;
mod process;
mod substance;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::evidence::{Certainty, Evidence, Incident, Outage, Watched};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Kind {
    /// An outage that had to be found is in no incident.
    MissedOutage,
    /// A provider never heard of an incident.
    LostPage,
    /// A provider heard of an incident and never of its end.
    LostRecovery,
    /// An end came before its beginning.
    WrongOrder,
    /// A message came again without saying so.
    UnmarkedRepeat,
    /// A message came again although nothing died while it was on its way.
    NeedlessRepeat,
    /// The same was told under two keys.
    ToldTwice,
    /// An alert that was resolved fires again.
    FiresAgain,
    /// A provider heard that a target is down which was not out.
    FalsePage,
    /// The store has an incident of a target that was not out.
    FalseIncident,
    /// An incident is open although the target is well.
    LeftOpen,
    /// An incident was closed while the target was out, or for another reason than its recovery.
    ClosedWrongly,
    /// The time line lacks an incident.
    MissingInterval,
    /// A message came that the store does not know.
    UnknownMessage,
    /// A message of the store was not sent.
    Undelivered,
    /// An event that nothing in the run can cause.
    UnexpectedEvent,
    /// A message that its vendor refuses, or that does not say what it is about.
    BadMessage,
    /// A panic.
    Panic,
    /// An error of the log that no fault explains.
    UnexplainedError,
    /// Memory or files grow from life to life.
    Growth,
    /// Something went wrong while the run went on.
    Mishap,
    /// The run proves nothing about something, because it never came to that.
    NothingSeen,
}

/// Something that must not be.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Violation {
    /// What.
    pub(crate) kind: Kind,
    /// Where and why.
    pub(crate) text: String,
}

/// Clocks are read before and after what they stand for; so far they may be apart, in ms.
const READING: i64 = 50;

/// Everything that is wrong.
pub(crate) fn judge(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    incidents::judge(evidence, &mut found);
    messages::judge(evidence, &mut found);
    alerts::judge(evidence, &mut found);
    process::judge(evidence, &mut found);
    substance::judge(evidence, &mut found);
    found
}

fn report(found: &mut Vec<Violation>, kind: Kind, text: String) {
    found.push(Violation { kind, text });
}

/// Outages that had to be found.
pub(crate) fn required(evidence: &Evidence) -> Vec<&Outage> {
    let must = evidence.outages.iter().filter(|outage| outage.certainty == Certainty::Must);
    must.filter(|outage| {
        let Some(watched) = watched(evidence, &outage.target) else { return false };
        undisturbed(evidence, outage.from, outage.to) >= watched.found_within
    })
    .collect()
}

/// The longest time within `from..to` in which the program ran and we let it work, in ms.
fn undisturbed(evidence: &Evidence, from: i64, to: i64) -> i64 {
    let mut longest = 0;
    for life in &evidence.lives {
        let Some(ready) = life.ready else { continue };
        let (mut begin, end) = (ready.max(from), life.ended.min(to));
        let mut faults: Vec<_> = evidence.faults.iter().filter(|fault| fault.disturbs).collect();
        faults.retain(|fault| fault.from < end && fault.to > begin);
        faults.sort_by_key(|fault| fault.from);
        for fault in faults {
            longest = longest.max(fault.from - begin);
            begin = begin.max(fault.to);
        }
        longest = longest.max(end - begin);
    }
    longest
}

fn watched<'a>(evidence: &'a Evidence, name: &str) -> Option<&'a Watched> {
    evidence.watched.iter().find(|watched| watched.name == name)
}

/// Whether an incident began within an outage of its target.
fn explained(evidence: &Evidence, incident: &Incident) -> bool {
    let Some(watched) = watched(evidence, &incident.monitor) else { return false };
    evidence.outages.iter().any(|outage| {
        outage.target == incident.monitor
            && incident.started >= outage.from - READING
            && incident.started <= outage.to + watched.lag
    })
}
