//! What uptime is computed from.

use super::kit::{Case, at, secs};
use crate::id::MonitorId;
use crate::ports::IntervalWrite;
use crate::state::MonitorState::{Down, Maintenance, Paused, Pending, Unknown, Up};

#[test]
fn a_result_vouches_for_its_interval_and_run_budget_and_no_longer() {
    // 60 s interval, 10 s timeout, no retries: 70 s.
    let mut case = Case::up();
    case.ok(60);
    case.ok(130 - 1);
    assert!(case.line().is_empty());
    case.ok(300);
    assert_eq!(case.line(), [(Unknown, 199), (Up, 300)]);
}

#[test]
fn attempts_without_verdict_vouch_for_nothing() {
    let mut case = Case::up();
    case.unsure(60);
    assert!(case.line().is_empty());
    case.unsure(120);
    assert_eq!(case.line(), [(Unknown, 70)]);
    case.unsure(180);
    assert_eq!(case.line().len(), 1);
    case.ok(240);
    assert_eq!(case.line(), [(Unknown, 70), (Up, 240)]);
}

#[test]
fn a_confirmed_failure_corrects_the_time_line_back_over_a_gap() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    case.fail(60);
    case.unsure(200);
    case.fail(220);
    assert_eq!(case.line(), [(Unknown, 150), (Down, 60)]);
}

#[test]
fn a_failure_after_a_gap_does_not_make_the_time_known_again() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    case.fail(60);
    case.unsure(200);
    case.ok(210);
    case.unsure(400);
    case.fail(420);
    assert_eq!(case.line(), [(Unknown, 150), (Up, 210), (Unknown, 300)]);
    case.unsure(440);
    case.fail(460);
    assert_eq!(case.line().last(), Some(&(Down, 420)));
}

#[test]
fn time_while_nobody_watched_is_unknown_from_where_the_last_heartbeat_vouched() {
    let mut case = Case::up();
    case.ok(60);
    case.restart();
    // The state was last written at second 0, the heartbeats go on to 600.
    let mut last = case.last().heartbeat.clone().unwrap();
    last.at = at(600);
    case.resume(Some(&last));
    case.catalog(5000);
    assert_eq!(case.line(), [(Unknown, 670)]);
    case.ok(5010);
    assert_eq!(case.line(), [(Unknown, 670), (Up, 5010)]);
}

#[test]
fn without_the_last_heartbeat_the_past_is_left_alone() {
    let mut case = Case::up();
    case.restart();
    case.catalog(5000);
    case.ok(5010);
    assert!(case.line().is_empty());
}

#[test]
fn it_is_written_now_and_then_that_an_open_interval_is_vouched_for() {
    let mut case = Case::up();
    let mut written = Vec::new();
    for second in (60..=900).step_by(60) {
        for write in &case.ok(second).intervals {
            let IntervalWrite::Vouch { until, .. } = write else {
                panic!("{write:?}");
            };
            written.push((second, *until));
        }
    }
    assert_eq!(written, [(300, at(370)), (600, at(670)), (900, at(970))]);
    let stop = case.state.vouch_on_stop(MonitorId(7), at(910));
    let until = at(910);
    let monitor = MonitorId(7);
    assert_eq!(stop, Some(IntervalWrite::Vouch { monitor, until }));
}

#[test]
fn nothing_is_vouched_for_on_stop_where_nothing_is_known() {
    let mut case = Case::up();
    case.monitor.enabled = false;
    case.catalog(10);
    assert_eq!(case.line(), [(Paused, 10)]);
    assert_eq!(case.state.vouch_on_stop(MonitorId(7), at(20)), None);
}

#[test]
fn since_when_a_state_holds_survives_a_restart_and_a_failure_that_did_not_last() {
    let mut case = Case::up_with(|monitor| monitor.schedule.retries = 1);
    let since = |case: &Case| case.state.shown_since().map(secs);
    assert_eq!((case.shown(), since(&case)), (Up, Some(0)));
    case.fail(60);
    assert_eq!((case.shown(), since(&case)), (Pending, Some(60)));
    case.ok(80);
    assert_eq!((case.shown(), since(&case)), (Up, Some(0)), "the failure did not last");
    case.fail(120);
    case.fail(140);
    assert_eq!((case.shown(), since(&case)), (Down, Some(120)), "since its first failure");
    case.fail(200);
    case.restart();
    assert_eq!((case.shown(), since(&case)), (Down, Some(120)));
    case.ok(260);
    assert_eq!((case.shown(), since(&case)), (Up, Some(260)));
    case.window(true, 300);
    assert_eq!((case.shown(), since(&case)), (Maintenance, Some(300)));
}
