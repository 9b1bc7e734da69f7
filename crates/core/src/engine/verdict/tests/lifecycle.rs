//! What configuration and maintenance do.

use super::kit::{Case, at, secs};
use crate::check::Check;
use crate::engine::notice::{Closing, Notice};
use crate::engine::verdict::{Next, VerdictInput};
use crate::reason::Reason;
use crate::state::MonitorState::{Down, Maintenance, Paused, Pending, Unknown, Up};

fn closing(case: &Case) -> Option<Closing> {
    case.notices().into_iter().rev().find_map(|notice| match notice {
        Notice::Closed { closing, .. } => Some(*closing),
        _ => None,
    })
}

#[test]
fn disabling_closes_the_incident_and_stops_checks() {
    let mut case = Case::up();
    case.fail(60);
    case.monitor.enabled = false;
    case.catalog(90);
    assert_eq!(case.shown(), Paused);
    assert_eq!(case.last().next, Next::Stop);
    assert_eq!(case.last().transition, Some((Down, Paused)));
    assert_eq!(closing(&case), Some(Closing::Paused));
    assert_eq!(case.incident().closed_reason, Some(Reason::Paused));
    assert_eq!(case.incident().ended_at, Some(at(90)));
    case.fail(91);
    assert!(case.last().heartbeat.is_none(), "what was under way no longer counts");
    assert_eq!(case.shown(), Paused);
    case.monitor.enabled = true;
    case.catalog(200);
    assert_eq!(case.shown(), Pending);
    assert_eq!(case.last().next, Next::Now);
    case.ok(201);
    assert_eq!(case.line(), [(Down, 60), (Paused, 90), (Pending, 200), (Up, 201)]);
}

#[test]
fn deleting_closes_the_incident_and_the_same_name_goes_on_with_its_numbers() {
    let mut case = Case::up();
    case.fail(60);
    let first = case.incident().id;
    case.give(VerdictInput::Deleted, 90);
    assert_eq!(case.last().next, Next::Stop);
    assert_eq!(closing(&case), Some(Closing::Deleted));
    assert_eq!(case.incident().closed_reason, Some(Reason::Deleted));
    case.give(VerdictInput::Deleted, 91);
    assert_eq!(case.told().iter().filter(|name| *name == "Closed").count(), 1);
    case.catalog(500);
    assert_eq!(case.shown(), Pending);
    case.fail(501);
    assert_eq!(case.incident().id.0, first.0 + 1);
}

#[test]
fn maintenance_with_paused_checks_freezes_the_incident() {
    let mut case = Case::up();
    case.fail(60);
    case.window(true, 90);
    assert_eq!(case.shown(), Maintenance);
    assert_eq!(case.last().next, Next::Stop);
    assert!(case.last().incident.is_none());
    case.ok(95);
    assert!(case.last().heartbeat.is_none());
    case.window(true, 100);
    assert!(!case.last().dirty, "told twice is once");
    case.window(false, 200);
    assert_eq!(case.shown(), Down);
    assert_eq!(case.last().next, Next::Now);
    case.ok(201);
    assert_eq!(secs(case.incident().started_at), 60);
    assert_eq!(case.incident().ended_at, Some(at(201)));
    assert_eq!(case.line(), [(Down, 60), (Maintenance, 90), (Unknown, 200), (Up, 201)]);
}

#[test]
fn after_maintenance_a_monitor_that_was_well_is_pending_until_its_next_result() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 3);
    case.fail(60);
    case.window(true, 70);
    assert_eq!(case.told(), ["FirstFailure", "FailureOver"]);
    case.window(false, 170);
    assert_eq!(case.shown(), Pending);
    case.fail(171);
    assert_eq!(case.shown(), Pending, "attempts count anew");
    case.ok(175);
    assert_eq!(case.line(), [(Maintenance, 70), (Pending, 170), (Up, 175)]);
}

#[test]
fn paused_wins_over_maintenance() {
    let mut case = Case::up();
    case.monitor.enabled = false;
    case.catalog(10);
    case.window(true, 20);
    assert_eq!(case.shown(), Paused);
    case.monitor.enabled = true;
    case.catalog(30);
    assert_eq!(case.shown(), Maintenance);
    assert_eq!(case.last().next, Next::Stop);
    case.window(false, 40);
    assert_eq!(case.shown(), Pending);
    assert_eq!(case.last().next, Next::Now);
}

#[test]
fn another_target_runs_at_once_and_the_incident_stays_until_the_next_verdict() {
    let mut case = Case::up();
    case.fail(60);
    if let Check::Tcp(check) = &mut case.monitor.check {
        check.port = 5433;
    }
    case.catalog(70);
    assert_eq!(case.last().next, Next::Now);
    assert_eq!(case.shown(), Down);
    assert_eq!(case.told(), ["FirstFailure", "Opened"]);
    case.ok(71);
    assert_eq!(case.told()[2..], ["Closed"]);
}

#[test]
fn failures_of_the_old_target_do_not_count_for_the_new_one() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    case.fail(60);
    if let Check::Tcp(check) = &mut case.monitor.check {
        check.port = 5433;
    }
    case.catalog(70);
    case.fail(71);
    assert_eq!(case.shown(), Pending);
}

#[test]
fn other_changes_touch_no_state() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    case.fail(60);
    case.monitor.tags.push("new".to_owned());
    case.monitor.schedule.retries = 2;
    case.catalog(70);
    assert!(!case.last().dirty);
    assert_eq!(case.last().next, Next::RetryAt(at(79)));
    assert_eq!(case.shown(), Pending);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    case.fail(60);
    case.restart();
    case.resume(None);
    case.catalog(90);
    assert_eq!(case.last().next, Next::RetryAt(at(90)));
    case.fail(91);
    assert_eq!(case.shown(), Down);
    assert_eq!(secs(case.incident().started_at), 60);
}

#[test]
fn a_jump_of_the_clock_moves_everything_remembered() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    case.fail(60);
    case.state.rebase(jiff::SignedDuration::from_hours(1));
    case.fail(3600 + 80);
    assert_eq!(secs(case.incident().started_at), 3660);
    case.state.rebase(jiff::SignedDuration::MAX);
    case.state.rebase(jiff::SignedDuration::MIN);
}
