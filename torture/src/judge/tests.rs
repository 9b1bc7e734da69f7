//! A run in which all is well, and every way in which it may not be: the judge finds each.

use super::*;
use crate::evidence::{
    Fault, Incident, Interval, Life, Line, Message, Outage, Row, Standing, Watched,
};

const PROVIDERS: [&str; 2] = ["hook", "mail"];

pub(super) fn message(provider: &str, key: &str, at: i64) -> Message {
    Message {
        provider: provider.into(),
        key: format!("{key}-{provider}"),
        at,
        marked: false,
        taken: true,
        refused: None,
        text: "web is not as it was".into(),
        dedupes: false,
        renews: false,
        alerts: Vec::new(),
    }
}

fn row(provider: &str, event: &str) -> Row {
    Row {
        key: format!("{event}-{provider}"),
        provider: provider.into(),
        event: event.into(),
        incident: Some(7),
        standing: Standing::Sent,
    }
}

fn interval(state: &str, from: i64, to: Option<i64>) -> Interval {
    Interval { monitor: "web".into(), from, to, state: state.into() }
}

/// `web` is out from 100,000 to 120,000; the process is killed at 109,000; two providers hear of
/// the outage and of its end.
fn well() -> Evidence {
    let life = |started, ended, killed| Life {
        started,
        ready: Some(started + 1_000),
        ended,
        killed,
        rss_kib: Some(50_000),
        files: Some(40),
    };
    Evidence {
        watched: vec![Watched {
            name: "web".into(),
            found_within: 5_000,
            lag: 3_000,
            derived: false,
        }],
        providers: PROVIDERS.map(str::to_owned).to_vec(),
        outages: vec![Outage {
            target: "web".into(),
            from: 100_000,
            mending: 119_900,
            to: 120_000,
            how: "503",
            certainty: Certainty::Must,
        }],
        faults: Vec::new(),
        lives: vec![life(90_000, 109_000, true), life(109_100, 130_000, false)],
        messages: PROVIDERS
            .iter()
            .flat_map(|to| [message(to, "down", 102_000), message(to, "up", 122_000)])
            .collect(),
        incidents: vec![Incident {
            id: 7,
            monitor: "web".into(),
            started: 100_700,
            ended: Some(120_600),
            closed_reason: Some("RECOVERED".into()),
        }],
        rows: PROVIDERS.iter().flat_map(|to| [row(to, "down"), row(to, "up")]).collect(),
        intervals: vec![
            interval("up", 90_000, Some(100_700)),
            interval("down", 100_700, Some(120_600)),
            interval("up", 120_600, None),
        ],
        lines: Vec::new(),
        mishaps: Vec::new(),
    }
}

/// The kinds that are found after a change.
pub(super) fn found(change: impl FnOnce(&mut Evidence)) -> Vec<Kind> {
    let mut evidence = well();
    change(&mut evidence);
    let mut kinds: Vec<_> = judge(&evidence).into_iter().map(|violation| violation.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn of<'a>(evidence: &'a mut Evidence, key: &str) -> &'a mut Message {
    evidence.messages.iter_mut().find(|message| message.key == key).unwrap()
}

fn without(evidence: &mut Evidence, key: &str) {
    evidence.messages.retain(|message| message.key != key);
}

fn again(evidence: &mut Evidence, at: i64, marked: bool) {
    let repeat = Message { at, marked, ..message("hook", "down", 0) };
    evidence.messages.push(repeat);
}

#[test]
fn a_run_in_which_all_is_well_has_no_violation() {
    assert_eq!(found(|_| {}), []);
    assert_eq!(required(&well()).len(), 1);
}

#[test]
fn an_outage_without_an_incident_is_missed() {
    let nothing = |evidence: &mut Evidence| {
        evidence.incidents.clear();
        evidence.rows.clear();
        evidence.messages.clear();
    };
    assert_eq!(found(nothing), [Kind::MissedOutage]);
    // Not where the program never ran long enough to see it, or need not call it an outage.
    assert_eq!(
        found(|evidence| {
            nothing(evidence);
            for life in &mut evidence.lives {
                life.ready = None;
            }
        }),
        [Kind::NothingSeen]
    );
    assert_eq!(
        found(|evidence| {
            nothing(evidence);
            evidence.outages[0].certainty = Certainty::May;
        }),
        [Kind::NothingSeen]
    );
    let fault = |from, to| Fault { from, to, what: "stopped", disturbs: true };
    assert_eq!(
        found(|evidence| {
            nothing(evidence);
            evidence.faults = vec![fault(104_000, 106_000), fault(112_000, 118_000)];
        }),
        [Kind::NothingSeen]
    );
}

#[test]
fn a_provider_that_heard_nothing_lost_a_page() {
    assert_eq!(found(|evidence| without(evidence, "down-mail")), [Kind::LostPage]);
    // A message that the receiver did not take is none.
    assert_eq!(found(|evidence| of(evidence, "down-mail").taken = false), [Kind::LostPage]);
}

#[test]
fn a_provider_that_heard_no_end_lost_a_recovery() {
    assert_eq!(found(|evidence| without(evidence, "up-mail")), [Kind::LostRecovery]);
    // One message may tell both.
    assert_eq!(
        found(|evidence| {
            without(evidence, "up-mail");
            let up = evidence.rows.iter_mut().find(|row| row.key == "up-mail").unwrap();
            up.standing = Standing::Merged;
        }),
        []
    );
}

#[test]
fn an_end_before_its_beginning_is_the_wrong_order() {
    assert_eq!(found(|evidence| of(evidence, "up-hook").at = 101_000), [Kind::WrongOrder]);
}

#[test]
fn a_repeat_says_so_and_follows_a_death() {
    assert_eq!(
        found(|evidence| {
            of(evidence, "down-hook").at = 108_500;
            again(evidence, 111_000, true);
        }),
        []
    );
    assert_eq!(
        found(|evidence| {
            of(evidence, "down-hook").at = 108_500;
            again(evidence, 111_000, false);
        }),
        [Kind::UnmarkedRepeat]
    );
    // It may arrive a moment after its sender's death, and not later.
    for (first, kinds) in [(109_003, vec![]), (109_600, vec![Kind::NeedlessRepeat])] {
        assert_eq!(
            found(|evidence| {
                of(evidence, "down-hook").at = first;
                again(evidence, 111_000, true);
            }),
            kinds
        );
    }
    // Nothing died between the two, or long after the first had been answered.
    assert_eq!(found(|evidence| again(evidence, 103_000, true)), [Kind::NeedlessRepeat]);
    assert_eq!(found(|evidence| again(evidence, 111_000, true)), [Kind::NeedlessRepeat]);
    // Unless a fault of ours kept the end of the delivery out of the store, which nothing does that
    // leaves the process alone.
    for (disturbs, kinds) in [(true, vec![]), (false, vec![Kind::NeedlessRepeat])] {
        assert_eq!(
            found(|evidence| {
                evidence.faults =
                    vec![Fault { from: 102_500, to: 107_000, what: "a fault", disturbs }];
                again(evidence, 111_000, true);
            }),
            kinds
        );
    }
    // What was not taken comes again.
    assert_eq!(
        found(|evidence| {
            let refused = Message { taken: false, ..message("hook", "down", 101_500) };
            evidence.messages.push(refused);
        }),
        []
    );
}

#[test]
fn a_repeat_for_each_death_is_allowed_and_no_more() {
    assert_eq!(
        found(|evidence| {
            of(evidence, "down-hook").at = 108_500;
            again(evidence, 110_500, true);
            again(evidence, 111_000, true);
        }),
        [Kind::NeedlessRepeat]
    );
}

#[test]
fn the_same_under_two_keys_is_told_twice() {
    assert_eq!(
        found(|evidence| {
            evidence.rows.push(Row { key: "another".into(), ..row("hook", "down") });
            evidence
                .messages
                .push(Message { key: "another".into(), ..message("hook", "", 103_000) });
        }),
        [Kind::ToldTwice]
    );
}

#[test]
fn an_incident_without_an_outage_is_a_false_page() {
    let kinds = [Kind::FalsePage, Kind::FalseIncident];
    let early = |evidence: &mut Evidence| evidence.outages[0].from = 101_000;
    assert_eq!(found(early), kinds);
    assert_eq!(
        found(|evidence| evidence.outages[0].target = "other".into()),
        [Kind::FalsePage, Kind::FalseIncident, Kind::NothingSeen]
    );
    // Our own fault is no excuse.
    assert_eq!(
        found(|evidence| {
            early(evidence);
            evidence.faults =
                vec![Fault { from: 99_000, to: 101_000, what: "stopped", disturbs: true }];
        }),
        kinds
    );
    // An incident that nobody was told of is wrong all the same.
    assert!(
        found(|evidence| {
            early(evidence);
            evidence.messages.clear();
        })
        .contains(&Kind::FalseIncident)
    );
}

#[test]
fn an_incident_that_stays_open_or_ends_early_is_wrong() {
    assert_eq!(
        found(|evidence| {
            evidence.incidents[0].ended = None;
            evidence.intervals.truncate(1);
            evidence.intervals.push(interval("down", 100_700, None));
        }),
        [Kind::LeftOpen]
    );
    assert_eq!(
        found(|evidence| {
            evidence.incidents[0].ended = Some(112_000);
            evidence.intervals[1].to = Some(112_000);
            evidence.intervals[2].from = 112_000;
        }),
        [Kind::ClosedWrongly]
    );
    let ends_at = |at| {
        move |evidence: &mut Evidence| {
            evidence.incidents[0].ended = Some(at);
            evidence.intervals[1].to = Some(at);
            evidence.intervals[2].from = at;
        }
    };
    assert_eq!(found(ends_at(119_899)), [Kind::ClosedWrongly]);
    assert_eq!(found(ends_at(119_900)), [], "it was being made well");
    let deleted = Some("DELETED".to_owned());
    assert_eq!(
        found(|evidence| evidence.incidents[0].closed_reason = deleted),
        [Kind::ClosedWrongly]
    );
}

#[test]
fn an_incident_that_the_time_line_lacks_is_found() {
    assert_eq!(
        found(|evidence| {
            evidence.intervals = vec![interval("up", 90_000, None)];
        }),
        [Kind::MissingInterval]
    );
    assert_eq!(
        found(|evidence| evidence.intervals.clear()),
        [Kind::MissingInterval, Kind::NothingSeen]
    );
    assert_eq!(
        found(|evidence| {
            evidence.intervals.insert(2, interval("up", 105_000, Some(106_000)));
        }),
        [Kind::MissingInterval]
    );
}

#[test]
fn messages_and_rows_belong_together() {
    assert_eq!(
        found(|evidence| {
            evidence.messages.push(message("hook", "unheard-of", 103_000));
        }),
        [Kind::UnknownMessage]
    );
    assert_eq!(
        found(|evidence| evidence.rows[1].standing = Standing::Waiting),
        [Kind::Undelivered]
    );
    assert_eq!(found(|evidence| evidence.rows[1].standing = Standing::Failed), [Kind::Undelivered]);
    assert_eq!(
        found(|evidence| {
            evidence.rows.push(Row { key: "odd-hook".into(), ..row("hook", "massOutage") });
            evidence.messages.push(message("hook", "odd", 103_000));
        }),
        [Kind::UnexpectedEvent]
    );
}

#[test]
fn a_message_that_a_vendor_refuses_or_that_names_nothing_is_bad() {
    let why = Some("no_text".to_owned());
    assert_eq!(found(|evidence| of(evidence, "up-hook").refused = why), [Kind::BadMessage]);
    assert_eq!(found(|evidence| of(evidence, "up-hook").text.clear()), [Kind::BadMessage]);
}

#[test]
fn the_systems_own_trouble_may_be_told_to_its_provider() {
    let own = |provider: &str| {
        let (row, message) = (
            Row { incident: None, ..row(provider, "ownTrouble") },
            message(provider, "ownTrouble", 103_000),
        );
        found(|evidence| {
            evidence.rows.push(row);
            evidence.messages.push(message);
        })
    };
    assert_eq!(own("ops"), []);
    assert_eq!(own("hook"), [Kind::UnexpectedEvent]);
}

#[test]
fn panics_and_unexplained_errors_are_found() {
    let log = |text: &str| Line { at: 105_000, text: text.into() };
    let panicked = log("thread 'main' panicked at src/main.rs:1:1:");
    assert_eq!(found(|evidence| evidence.lines.push(panicked)), [Kind::Panic]);
    let away = || log("{\"level\":50,\"msg\":\"the store is away; checks go on, results wait\"}");
    assert_eq!(found(|evidence| evidence.lines.push(away())), [Kind::UnexplainedError]);
    let fault = |what| Fault { from: 104_000, to: 106_000, what, disturbs: true };
    assert_eq!(
        found(|evidence| {
            evidence.lines.push(away());
            evidence.faults.push(fault("store locked"));
        }),
        []
    );
    assert_eq!(
        found(|evidence| {
            evidence.lines.push(away());
            evidence.faults.push(fault("stopped"));
        }),
        [Kind::UnexplainedError]
    );
    let mishap = "it did not start".to_owned();
    assert_eq!(found(|evidence| evidence.mishaps.push(mishap)), [Kind::Mishap]);
}

#[test]
fn growth_from_life_to_life_is_found() {
    let lives = |memory: fn(u64) -> u64, files: fn(u64) -> u64| {
        found(|evidence| {
            let last = evidence.lives[1].clone();
            evidence.lives.extend((1..20).map(|n| Life {
                rss_kib: Some(memory(n)),
                files: Some(files(n)),
                ..last.clone()
            }));
        })
    };
    assert_eq!(lives(|n| 50_000 + n % 3 * 4_000, |n| 40 + n % 5), []);
    assert_eq!(lives(|n| 50_000 + n * 5_000, |_| 40), [Kind::Growth]);
    assert_eq!(lives(|_| 50_000, |n| 40 + n * 20), [Kind::Growth]);
}
