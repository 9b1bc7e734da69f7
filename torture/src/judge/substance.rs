//! Whether there was anything to judge: a run in which a target never stood, or nothing had to be
//! found, has no other violation either.

use std::collections::BTreeSet;

use super::{Kind, Violation, report, required};
use crate::evidence::Evidence;

/// A run of so many lives is long enough for each target to be out at least once.
const LONG_RUN: usize = 50;

pub(super) fn judge(evidence: &Evidence, found: &mut Vec<Violation>) {
    let ever_well: BTreeSet<&str> = evidence
        .intervals
        .iter()
        .filter(|at| matches!(at.state.as_str(), "up" | "degraded"))
        .map(|at| at.monitor.as_str())
        .collect();
    for watched in &evidence.watched {
        if !ever_well.contains(watched.name.as_str()) {
            report(found, Kind::NothingSeen, format!("{} was never up", watched.name));
        }
    }
    let required = required(evidence);
    if required.is_empty() {
        report(found, Kind::NothingSeen, "no outage was long enough to have to be found".into());
    } else if evidence.lives.len() >= LONG_RUN {
        let out: BTreeSet<&str> = required.iter().map(|outage| outage.target.as_str()).collect();
        for watched in &evidence.watched {
            if !out.contains(watched.name.as_str()) {
                let text = format!("{} had no outage that had to be found", watched.name);
                report(found, Kind::NothingSeen, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;
    use crate::evidence::{Interval, Life, Watched};

    fn another() -> Watched {
        Watched { name: "other".into(), found_within: 5_000, lag: 3_000, derived: false }
    }

    fn up(monitor: &str) -> Interval {
        Interval { monitor: monitor.into(), from: 90_000, to: None, state: "up".into() }
    }

    #[test]
    fn a_target_that_never_stood_proves_nothing() {
        assert_eq!(found(|evidence| evidence.watched.push(another())), [Kind::NothingSeen]);
        assert_eq!(
            found(|evidence| {
                evidence.watched.push(another());
                evidence.intervals.push(up("other"));
            }),
            []
        );
    }

    #[test]
    fn in_a_long_run_every_target_is_out_once() {
        let long = |more: bool| {
            found(|evidence| {
                let last = evidence.lives[1].clone();
                evidence.lives.extend((0..LONG_RUN).map(|_| Life { ready: None, ..last.clone() }));
                if more {
                    evidence.watched.push(another());
                    evidence.intervals.push(up("other"));
                }
            })
        };
        assert_eq!(long(false), []);
        assert_eq!(long(true), [Kind::NothingSeen]);
    }
}
