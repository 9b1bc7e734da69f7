//! From an attempt to a state.

use std::time::Duration;

use super::kit::{Case, at, secs};
use crate::engine::notice::Notice;
use crate::engine::verdict::Next;
use crate::id::MonitorId;
use crate::observation::Observation;
use crate::reason::Reason;
use crate::state::MonitorState::{Degraded, Down, Pending, Unknown, Up};

#[test]
fn the_first_success_makes_a_pending_monitor_up() {
    let mut case = Case::new(super::kit::tcp());
    case.catalog(0);
    assert_eq!(case.shown(), Pending);
    case.ok(1);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.last().transition, Some((Pending, Up)));
    assert_eq!(case.last().next, Next::Regular);
    assert!(case.last().dirty);
    assert_eq!(case.line(), [(Pending, 0), (Up, 1)]);
    assert!(case.told().is_empty());
}

#[test]
fn a_failure_without_retries_and_grace_is_down_at_once() {
    let mut case = Case::up();
    case.fail(60);
    assert_eq!(case.shown(), Down);
    assert_eq!(case.told(), ["FirstFailure", "Opened"]);
    assert_eq!(secs(case.incident().started_at), 60);
    assert_eq!(case.incident().reason, Some(Reason::ConnectionRefused));
    assert_eq!(case.line(), [(Down, 60)]);
    let Some(Notice::Opened { previous, facts, .. }) = case.notices().last().copied() else {
        panic!("not opened");
    };
    assert_eq!((*previous, facts.attempts), (Up, 1));
}

#[test]
fn a_failing_monitor_is_shown_pending_and_retried_before_it_is_down_since_its_first_failure() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 2);
    case.fail(60);
    assert_eq!(case.shown(), Pending);
    assert_eq!(case.last().next, Next::RetryAt(at(79)));
    assert!(case.line().is_empty(), "the time line waits for the verdict");
    case.fail(80);
    assert_eq!(case.shown(), Pending);
    case.fail(100);
    assert_eq!(case.shown(), Down);
    assert_eq!(case.last().next, Next::Regular);
    assert_eq!(case.last().heartbeat.as_ref().unwrap().attempts, 3);
    assert_eq!(secs(case.incident().started_at), 60);
    assert_eq!(case.line(), [(Down, 60)]);
}

#[test]
fn retries_go_on_until_the_grace_is_over() {
    let mut case = Case::up_with(|monitor| monitor.schedule.grace_down = Duration::from_secs(30));
    case.fail(60);
    assert_eq!(case.last().next, Next::RetryAt(at(79)));
    case.fail(80);
    assert_eq!(case.shown(), Pending);
    assert_eq!(case.last().next, Next::RetryAt(at(90)), "the end of the grace");
    case.fail(90);
    assert_eq!(case.shown(), Down);
    assert_eq!(secs(case.incident().started_at), 60);
}

#[test]
fn a_success_while_failing_leads_back_to_what_it_was() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    case.fail(60);
    case.ok(80);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.told(), ["FirstFailure", "FailureOver"]);
    assert!(case.line().is_empty(), "the failed attempt is part of a run that ended up");
    assert!(case.log.iter().all(|effects| effects.incident.is_none()));
    case.fail(140);
    assert_eq!(case.shown(), Pending, "attempts are counted anew");
}

#[test]
fn an_attempt_without_verdict_consumes_nothing_and_resets_nothing() {
    let mut case = Case::up_with(|monitor| {
        monitor.schedule.retries = 1;
        monitor.schedule.grace_down = Duration::from_secs(30);
    });
    case.fail(60);
    case.unsure(80);
    assert_eq!(case.shown(), Pending);
    assert_eq!(case.last().next, Next::RetryAt(at(99)));
    case.fail(100);
    assert_eq!(case.shown(), Down, "the grace ran on");
    assert_eq!(secs(case.incident().started_at), 60);
}

#[test]
fn three_slow_runs_in_a_row_are_degraded_and_recover_after_fast_ones_up() {
    let mut case = Case::up_with(|monitor| {
        monitor.criteria.degraded_latency = Some(Duration::from_millis(500));
        monitor.schedule.recover_after = 2;
    });
    case.took(900, 60);
    case.took(900, 120);
    case.took(100, 180);
    case.took(900, 240);
    case.took(900, 300);
    assert_eq!(case.shown(), Up, "not in a row");
    case.took(501, 360);
    assert_eq!(case.shown(), Degraded);
    case.took(500, 420);
    assert_eq!(case.shown(), Degraded);
    case.took(500, 480);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.told(), ["BecameDegraded", "DegradedOver"]);
    assert_eq!(case.line(), [(Degraded, 360), (Up, 480)]);
}

#[test]
fn down_ends_after_enough_successes_at_the_end_of_the_first() {
    let mut case = Case::up_with(|monitor| monitor.schedule.recover_after = 2);
    case.fail(60);
    case.ok(120);
    assert_eq!(case.shown(), Down);
    case.fail(180);
    case.ok(240);
    case.unsure(270);
    assert_eq!(case.shown(), Down);
    case.ok(300);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.incident().ended_at, Some(at(240)));
    assert_eq!(case.incident().closed_reason, Some(Reason::Recovered));
    assert_eq!(case.told(), ["FirstFailure", "Opened", "Closed"]);
    assert_eq!(case.line(), [(Down, 60), (Up, 240)]);
}

#[test]
fn no_verdict_for_five_minutes_is_unknown_and_the_incident_stays_open() {
    let mut case = Case::up();
    case.fail(60);
    for second in [120, 180, 240, 300, 360] {
        case.unsure(second);
    }
    assert_eq!(case.shown(), Down);
    assert_eq!(case.last().wake_at, Some(at(420)));
    case.timer(420);
    assert_eq!(case.shown(), Unknown);
    assert_eq!(case.told(), ["FirstFailure", "Opened", "BecameUnknown"]);
    assert!(case.incident().ended_at.is_none());
    case.ok(480);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.told()[3..], ["UnknownOver", "Closed"]);
}

#[test]
fn unknown_waits_for_three_intervals_where_these_are_longer() {
    let mut case = Case::up_with(|monitor| monitor.schedule.interval = Duration::from_secs(600));
    case.unsure(600);
    assert_eq!(case.last().wake_at, Some(at(2400)));
    case.unsure(2399);
    assert_eq!(case.shown(), Up);
    case.timer(2400);
    assert_eq!(case.shown(), Unknown);
}

#[test]
fn a_stretch_without_verdict_is_not_carried_over_a_restart() {
    let mut case = Case::up();
    case.unsure(60);
    case.restart();
    case.resume(None);
    case.catalog(7200);
    assert_eq!(case.shown(), Up);
    assert!(case.told().is_empty(), "nobody is told of our own stop");
}

#[test]
fn a_certificate_near_its_end_colours_the_state_until_it_is_renewed() {
    let mut case = Case::new(super::kit::tcp_with_tls(Some(14)));
    case.catalog(0);
    let day = 86_400;
    let mut seen = Observation::success("connected");
    seen.certificate = Some(super::kit::certificate(at(14 * day)));
    case.saw(&seen, -1);
    assert_eq!(case.shown(), Up);
    case.saw(&seen, 0);
    assert_eq!(case.shown(), Degraded);
    seen.certificate = Some(super::kit::certificate(at(90 * day)));
    case.saw(&seen, 60);
    assert_eq!(case.shown(), Up);
    let sightings = case.told().iter().filter(|name| *name == "CertificateSeen").count();
    assert_eq!(sightings, 3);
}

#[test]
fn down_may_end_degraded() {
    let mut case = Case::up_with(|monitor| {
        monitor.criteria.degraded_latency = Some(Duration::from_millis(500));
        monitor.schedule.recover_after = 3;
    });
    case.fail(60);
    for second in [120, 180, 240] {
        case.took(900, second);
    }
    assert_eq!(case.shown(), Degraded);
    assert_eq!(case.incident().ended_at, Some(at(120)));
    assert_eq!(case.told(), ["FirstFailure", "Opened", "Closed", "BecameDegraded"]);
}

#[test]
fn the_guard_holds_a_down_as_unknown_and_then_confirms_it_with_its_true_start() {
    let mut case = Case::up();
    case.guard_until = Some(at(150));
    case.fail(60);
    assert_eq!(case.shown(), Unknown);
    let beat = case.last().heartbeat.clone().unwrap();
    assert_eq!((beat.state, beat.reason), (Unknown, Some(Reason::OwnFaultGuard)));
    assert_eq!(case.last().wake_at, Some(at(150)));
    assert_eq!(case.last().next, Next::RetryAt(at(79)), "checking goes on");
    case.fail(80);
    case.fail(140);
    assert_eq!(case.shown(), Unknown);
    case.guard_until = None;
    case.timer(150);
    assert_eq!(case.shown(), Down);
    assert_eq!(secs(case.incident().started_at), 60);
    assert_eq!(case.told(), ["FirstFailure", "Opened"]);
    assert_eq!(case.line(), [(Down, 60)]);
}

#[test]
fn a_success_while_held_was_never_down() {
    let mut case = Case::up();
    case.guard_until = Some(at(150));
    case.fail(60);
    case.ok(80);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.told(), ["FirstFailure", "FailureOver"]);
}

#[test]
fn a_guard_that_trips_again_does_not_hold_the_same_failure_longer() {
    let mut case = Case::up();
    case.guard_until = Some(at(150));
    case.fail(60);
    case.guard_until = Some(at(300));
    case.fail(120);
    assert_eq!(case.shown(), Unknown);
    assert_eq!(case.last().wake_at, Some(at(150)));
    case.timer(150);
    assert_eq!(case.shown(), Down);
}

#[test]
fn heartbeats_repeat_no_message_and_number_those_of_one_millisecond() {
    let mut case = Case::up();
    case.ok(60);
    let beat = case.last().heartbeat.clone().unwrap();
    assert_eq!((beat.message, beat.sequence), (None, 0));
    case.fail(60);
    let beat = case.last().heartbeat.clone().unwrap();
    assert_eq!(beat.message.as_deref(), Some("connection refused"));
    assert_eq!((beat.sequence, beat.state), (1, Down));
    case.restart();
    case.fail(120);
    let beat = case.last().heartbeat.clone().unwrap();
    assert!(beat.message.is_some(), "the first one after a start says it again");
}

#[test]
fn incidents_are_numbered_and_the_numbers_survive() {
    let mut case = Case::up();
    case.fail(60);
    let first = case.incident().id;
    case.ok(120);
    case.restart();
    case.fail(7000);
    assert_eq!(case.incident().id.0, first.0 + 1);
    assert_eq!(case.incident().id.monitor(), MonitorId(7));
    assert_eq!(case.state.open_incident(MonitorId(7)), Some(case.incident().id));
}

#[test]
fn a_result_that_decides_nothing_is_not_worth_a_write_of_the_state() {
    let mut case = Case::up();
    case.ok(60);
    assert!(!case.last().dirty);
    assert!(case.last().intervals.is_empty());
    assert_eq!(case.last().wake_at, None);
    case.fail(120);
    case.fail(180);
    assert!(!case.last().dirty, "still down");
}
