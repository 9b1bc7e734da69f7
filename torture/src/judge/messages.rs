//! What receivers got against what the store says and what was injected.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Violation, explained, report};
use crate::evidence::{Evidence, Message, Row, Standing};

/// How long after an answer the end of a delivery may still be on its way into the store, in ms.
const RECORDED_WITHIN: i64 = 5_000;
/// How long after the death of its sender a message may still arrive, in ms: what was in a socket is
/// read, and a mail server hands on what it took. No life has sent anything so soon.
const ARRIVES_WITHIN: i64 = 500;

pub(super) fn judge(evidence: &Evidence, found: &mut Vec<Violation>) {
    let rows: BTreeMap<&str, &Row> =
        evidence.rows.iter().map(|row| (row.key.as_str(), row)).collect();
    for message in &evidence.messages {
        one(evidence, message, rows.get(message.key.as_str()).copied(), found);
    }
    for row in &evidence.rows {
        if matches!(row.standing, Standing::Waiting | Standing::Failed) {
            report(found, Kind::Undelivered, format!("{row:?}"));
        }
    }
    repeats(evidence, found);
    for provider in &evidence.providers {
        told(evidence, provider, found);
    }
}

fn one(evidence: &Evidence, message: &Message, row: Option<&Row>, found: &mut Vec<Violation>) {
    if let Some(why) = &message.refused {
        report(found, Kind::BadMessage, format!("the vendor refuses it ({why}): {message:?}"));
    }
    if message.renews {
        return;
    }
    let Some(row) = row.filter(|row| row.provider == message.provider) else {
        return report(found, Kind::UnknownMessage, format!("{message:?}"));
    };
    if row.event == "ownTrouble" && !evidence.providers.contains(&row.provider) {
        return;
    }
    let incident = row.incident.and_then(|id| evidence.incidents.iter().find(|i| i.id == id));
    let (Some(incident), "down" | "up") = (incident, row.event.as_str()) else {
        return report(found, Kind::UnexpectedEvent, format!("{row:?} as {message:?}"));
    };
    if !message.text.contains(&incident.monitor) {
        let text = format!("it does not name {}: {message:?}", incident.monitor);
        report(found, Kind::BadMessage, text);
    }
    if row.event == "down" && !explained(evidence, incident) {
        report(found, Kind::FalsePage, format!("{} heard of {incident:?}", row.provider));
    }
}

/// Messages that came more than once. What was not taken may come again as often as it takes.
fn repeats(evidence: &Evidence, found: &mut Vec<Violation>) {
    let mut by_key: BTreeMap<(&str, &str), Vec<&Message>> = BTreeMap::new();
    for message in evidence.messages.iter().filter(|message| message.taken && !message.renews) {
        by_key.entry((&message.provider, &message.key)).or_default().push(message);
    }
    for arrivals in by_key.values_mut() {
        arrivals.sort_by_key(|message| message.at);
        for pair in arrivals.windows(2) {
            let [before, again] = pair else { continue };
            if !again.marked && !again.dedupes {
                report(found, Kind::UnmarkedRepeat, format!("{before:?}, then {again:?}"));
            }
            if !died_meanwhile(evidence, before.at, again.at) {
                report(found, Kind::NeedlessRepeat, format!("{before:?}, then {again:?}"));
            }
        }
    }
}

/// Whether the process died while a message that came at `first` could still be on its way. A
/// fault that keeps the end of the delivery out of the store stretches that time; a receiver's mood
/// does not, because no delivery waits for another one's.
fn died_meanwhile(evidence: &Evidence, first: i64, again: i64) -> bool {
    let mut until = first + RECORDED_WITHIN;
    let mut faults: Vec<_> = evidence.faults.iter().filter(|fault| fault.disturbs).collect();
    faults.sort_by_key(|fault| fault.from);
    for fault in faults {
        if fault.from <= until && fault.to >= first {
            until = until.max(fault.to + RECORDED_WITHIN);
        }
    }
    evidence
        .lives
        .iter()
        .filter(|life| life.killed && life.ended <= again.min(until))
        .any(|life| life.ended + ARRIVES_WITHIN >= first)
}

/// What one provider heard of each incident.
fn told(evidence: &Evidence, provider: &str, found: &mut Vec<Violation>) {
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for message in evidence.messages.iter().filter(|m| m.taken && m.provider == provider) {
        let at = first.entry(&message.key).or_insert(message.at);
        *at = message.at.min(*at);
    }
    for incident in &evidence.incidents {
        let of = |event: &str| {
            evidence
                .rows
                .iter()
                .filter(move |row| {
                    row.provider == provider
                        && row.incident == Some(incident.id)
                        && row.event == event
                })
                .collect::<Vec<_>>()
        };
        let heard = |rows: &[&Row]| {
            rows.iter()
                .filter_map(|row| first.get(row.key.as_str()).copied())
                .collect::<BTreeSet<_>>()
        };
        let (downs, ups) = (of("down"), of("up"));
        let (down, up) = (heard(&downs), heard(&ups));
        for (event, count) in [("down", down.len()), ("up", up.len())] {
            if count > 1 {
                let text = format!("{provider} heard {event} of {incident:?} under {count} keys");
                report(found, Kind::ToldTwice, text);
            }
        }
        let Some(beginning) = down.first() else {
            report(found, Kind::LostPage, format!("{provider} never heard of {incident:?}"));
            continue;
        };
        let merged = ups.iter().any(|row| row.standing == Standing::Merged);
        match up.first() {
            None if incident.ended.is_some() && !merged => {
                let text = format!("{provider} never heard of the end of {incident:?}");
                report(found, Kind::LostRecovery, text);
            }
            Some(end) if end < beginning => {
                let text = format!("{provider} heard of the end of {incident:?} first");
                report(found, Kind::WrongOrder, text);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{found, message};
    use super::*;

    /// The message of the outage came just before the process was killed and comes again after it,
    /// without a word about that.
    fn repeated(dedupes: bool) -> Vec<Kind> {
        found(|evidence| {
            for told in evidence.messages.iter_mut().filter(|told| told.key == "down-hook") {
                told.at = 108_500;
            }
            evidence.messages.push(Message { dedupes, ..message("hook", "down", 111_000) });
        })
    }

    #[test]
    fn only_a_receiver_that_keeps_one_of_each_need_not_hear_that_it_is_a_repeat() {
        assert_eq!(repeated(false), [Kind::UnmarkedRepeat]);
        assert_eq!(repeated(true), []);
    }
}
