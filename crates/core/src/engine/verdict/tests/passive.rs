//! Push and group monitors.

use std::time::Duration;

use super::kit::{Case, at, group, push, secs};
use crate::check::GroupRule;
use crate::engine::verdict::{Next, VerdictInput};
use crate::observation::Observation;
use crate::reason::Reason;
use crate::state::MonitorState::{Down, Pending, Unknown, Up};

#[test]
fn silence_of_a_push_beyond_interval_and_grace_is_a_failure() {
    let mut case = Case::new(push(60, 30));
    case.catalog(0);
    assert_eq!(case.last().wake_at, Some(at(90)), "a late start of ours gives a full interval");
    case.ok(10);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.last().next, Next::Stop);
    assert_eq!(case.last().wake_at, Some(at(100)));
    case.timer(99);
    assert_eq!(case.shown(), Up);
    case.timer(100);
    assert_eq!(case.shown(), Down);
    assert_eq!(case.incident().reason, Some(Reason::PushMissing));
    assert_eq!(secs(case.incident().started_at), 100);
    assert_eq!(case.last().heartbeat.as_ref().unwrap().reason, Some(Reason::PushMissing));
    case.timer(160);
    assert!(case.last().heartbeat.is_some(), "and is again every interval");
    case.ok(170);
    assert_eq!(case.shown(), Up);
}

#[test]
fn a_push_that_says_down_is_a_failure_of_its_own() {
    let mut case = Case::new(push(60, 30));
    case.catalog(0);
    case.saw(&Observation::failure(Reason::PushDown, "disk full"), 10);
    assert_eq!(case.shown(), Down);
    assert_eq!(case.incident().message.as_deref(), Some("disk full"));
}

#[test]
fn retries_of_a_push_are_timers() {
    let mut case = Case::new(push(60, 0));
    case.monitor.schedule.retries = 2;
    case.catalog(0);
    case.ok(10);
    case.timer(70);
    assert_eq!(case.shown(), Pending);
    assert_eq!(case.last().wake_at, Some(at(90)));
    case.timer(90);
    assert_eq!(case.shown(), Pending);
    case.timer(110);
    assert_eq!(case.shown(), Down);
    assert_eq!(secs(case.incident().started_at), 70);
}

#[test]
fn a_push_between_the_retries_is_in_time() {
    let mut case = Case::new(push(60, 0));
    case.monitor.schedule.retries = 2;
    case.catalog(0);
    case.ok(10);
    case.timer(70);
    case.ok(80);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.last().wake_at, Some(at(140)));
}

#[test]
fn a_restart_gives_a_push_its_full_interval() {
    let mut case = Case::new(push(60, 30));
    case.catalog(0);
    case.ok(10);
    case.restart();
    case.resume(None);
    case.catalog(1000);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.last().wake_at, Some(at(1090)));
    case.timer(1090);
    assert_eq!(case.shown(), Down);
}

#[test]
fn a_push_since_the_state_was_last_written_counts_after_a_restart() {
    let mut case = Case::new(push(600, 30));
    case.catalog(0);
    case.ok(10);
    let written = case.state.clone();
    case.ok(500);
    let beat = case.last().heartbeat.clone().unwrap();
    // Killed: of the second push there is its heartbeat only.
    case.state = written;
    case.restart();
    case.resume(Some(&beat));
    case.catalog(620);
    assert_eq!(case.last().wake_at, Some(at(1130)), "and not at 640");
}

#[test]
fn who_found_nobody_listening_can_try_again() {
    let mut case = Case::new(push(600, 30));
    case.catalog(0);
    case.ok(10);
    let restarted_at = |now: i64| {
        let mut case = Case { state: case.state.clone(), ..Case::new(push(600, 30)) };
        case.restart();
        case.resume(None);
        case.catalog(now);
        case.last().wake_at.map(secs)
    };
    assert_eq!(restarted_at(639), Some(699), "a minute");
    assert_eq!(restarted_at(100), Some(640), "nothing was lost");
}

#[test]
fn a_push_heard_of_late_gives_the_next_one_its_full_interval() {
    let mut case = Case::new(push(60, 0));
    case.catalog(0);
    case.timer(60);
    assert_eq!(case.shown(), Down);
    // It came while we were away, and is told when its own interval is over.
    let arrival = Observation::success("OK");
    let input = VerdictInput::Attempt { observation: &arrival, started: at(70), ended: at(70) };
    case.give(input, 200);
    assert_eq!(case.shown(), Up);
    assert_eq!(
        case.incident().ended_at.map(secs),
        Some(70),
        "it closes the outage, and no other one begins"
    );
    assert_eq!(case.last().wake_at, Some(at(260)));
}

#[test]
fn with_the_store_down_silence_says_nothing() {
    let mut case = Case::new(push(60, 0));
    case.catalog(0);
    case.ok(10);
    let store = Observation::indeterminate(Reason::StoreDown, "the store is down");
    case.saw(&store, 69);
    assert_eq!(case.shown(), Up);
    case.timer(70);
    assert_eq!(case.shown(), Up);
    case.timer(129);
    assert_eq!(case.shown(), Down);
}

#[test]
fn a_group_follows_its_rule() {
    for (rule, up, total, expected) in [
        (GroupRule::All, 3, 3, Up),
        (GroupRule::All, 2, 3, Down),
        (GroupRule::Any, 1, 3, Up),
        (GroupRule::Any, 0, 3, Down),
        (GroupRule::AtLeast(2), 2, 3, Up),
        (GroupRule::AtLeast(2), 1, 3, Down),
        (GroupRule::AtLeast(4), 3, 3, Down),
    ] {
        let mut case = Case::new(group(rule));
        case.catalog(0);
        case.members(up, total, 0, 1);
        assert_eq!(case.shown(), expected, "{rule:?} {up}/{total}");
        assert_eq!(case.last().next, Next::Stop);
    }
}

#[test]
fn unknown_members_that_could_decide_leave_a_group_undecided() {
    let mut case = Case::new(group(GroupRule::AtLeast(2)));
    case.catalog(0);
    case.members(2, 3, 1, 1);
    assert_eq!(case.shown(), Up, "decided without it");
    case.members(1, 3, 1, 10);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.line().last(), Some(&(Unknown, 10)), "but no longer known time");
    assert_eq!(case.last().wake_at, Some(at(310)));
    case.timer(310);
    assert_eq!(case.shown(), Unknown);
    case.members(1, 3, 0, 400);
    assert_eq!(case.shown(), Down);
}

#[test]
fn a_group_without_members_is_undecided() {
    let mut case = Case::new(group(GroupRule::All));
    case.catalog(0);
    case.members(0, 0, 0, 1);
    assert_eq!(case.shown(), Pending);
    assert!(case.told().is_empty());
}

#[test]
fn a_group_keeps_its_grace_by_the_clock() {
    let mut case = Case::new(group(GroupRule::All));
    case.monitor.schedule.grace_down = Duration::from_secs(30);
    case.catalog(0);
    case.members(2, 2, 0, 1);
    case.members(1, 2, 0, 100);
    assert_eq!(case.shown(), Pending);
    case.members(0, 2, 0, 105);
    assert_eq!(case.last().wake_at, Some(at(120)));
    case.timer(120);
    assert_eq!(case.shown(), Pending);
    assert_eq!(case.last().wake_at, Some(at(130)));
    case.timer(130);
    assert_eq!(case.shown(), Down);
    assert_eq!(secs(case.incident().started_at), 100);
    case.members(2, 2, 0, 200);
    assert_eq!(case.shown(), Up);
}

#[test]
fn a_group_vouches_for_no_time_to_come() {
    let mut case = Case::new(group(GroupRule::Any));
    case.catalog(0);
    case.members(2, 3, 0, 1);
    case.members(3, 3, 0, 400);
    let until = at(400);
    let monitor = crate::id::MonitorId(7);
    let vouch = crate::ports::IntervalWrite::Vouch { monitor, until };
    assert_eq!(case.last().intervals, [vouch]);
}
