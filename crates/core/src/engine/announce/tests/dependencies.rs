//! Dependency: parents run at once, the child's down waits for them, an announced down of one of
//! them keeps it quiet.

use super::kit::{World, brief, parent, unsaid, wake};
use crate::engine::announce::{AnnounceInput, Related};
use crate::engine::notice::Notice;
use crate::engine::testkit::{at, policy, route};
use crate::id::MonitorId;
use crate::state::MonitorState;

fn world(parents: Vec<Related>) -> World {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    world.entry.parents = vec![MonitorId(1)];
    world.parents = parents;
    world
}

#[test]
fn parents_run_at_once_on_the_first_failure() {
    let mut world = world(vec![parent("router")]);
    let failed = world.notice(Notice::FirstFailure { at: at(0) }, 0);
    assert_eq!(failed.run_now, [MonitorId(1)]);
    assert!(!failed.dirty);
}

#[test]
fn a_down_waits_until_its_parent_has_a_verdict_begun_after_it() {
    let mut world = world(vec![parent("router")]);
    let held = world.down(1, 0);
    assert_eq!(held.suppressed_by.as_deref(), Some("waiting for parent shop/router"));
    world.parents[0].verdict_begun = Some(at(1));
    let told = world.step(AnnounceInput::Related, 2);
    assert_eq!(brief(&told), ["down chat"]);
    assert_eq!(told.outbox[0].event.note, None, "a moment's wait is no news");
}

#[test]
fn the_wait_is_bounded_by_the_parents_timeout_and_attempts() {
    let mut world = world(vec![parent("router")]);
    assert_eq!(wake(&world.down(1, 0)), Some(12));
    assert_eq!(brief(&world.timer(12)), ["down chat"]);
}

#[test]
fn every_parent_is_waited_for() {
    let mut fast = parent("fast");
    fast.verdict_begun = Some(at(1));
    let mut world = world(vec![fast, parent("slow")]);
    assert!(brief(&world.down(1, 0)).is_empty());
    assert!(brief(&world.step(AnnounceInput::Related, 2)).is_empty());
    world.parents[1].verdict_begun = Some(at(2));
    assert_eq!(brief(&world.step(AnnounceInput::Related, 3)), ["down chat"]);
}

#[test]
fn an_announced_down_of_a_parent_suppresses_without_limit_until_it_is_over() {
    let mut router = parent("router");
    router.state = MonitorState::Down;
    router.announced_down = true;
    let mut world = world(vec![router]);
    world.down(1, 0);
    for hour in 1..100 {
        let held = world.timer(hour * 3600);
        assert!(brief(&held).is_empty());
        assert_eq!(held.suppressed_by.as_deref(), Some("parent shop/router"));
        assert!(held.wake_at.is_some(), "no hold is without a deadline");
    }
    world.parents[0] = parent("router");
    let again = world.step(AnnounceInput::Related, 360_000);
    assert_eq!(again.run_now, [MonitorId(7)], "it may be well by now: checked once more");
    assert_eq!(wake(&again), Some(360_012));
    assert_eq!(brief(&world.timer(360_012)), ["down chat"]);
}

#[test]
fn what_recovers_with_its_parent_is_never_told() {
    let mut router = parent("router");
    router.announced_down = true;
    let mut world = world(vec![router]);
    world.down(1, 0);
    world.parents[0] = parent("router");
    world.step(AnnounceInput::Related, 100);
    let over = world.up(1, 0, 103);
    assert!(brief(&over).is_empty());
    assert_eq!(
        unsaid(&over),
        ["down chat: parent shop/router, checked again; it was over before that ended"]
    );
}

#[test]
fn a_parent_covered_by_its_own_parent_covers_its_children() {
    let mut switch = parent("switch");
    switch.state = MonitorState::Down;
    switch.covered = true;
    let mut world = world(vec![switch]);
    assert_eq!(world.down(1, 0).suppressed_by.as_deref(), Some("parent shop/switch"));
}

#[test]
fn a_parent_whose_own_message_waits_is_waited_for() {
    let mut switch = parent("switch");
    switch.verdict_begun = Some(at(1));
    switch.waits_until = Some(at(90));
    let mut world = world(vec![switch]);
    assert_eq!(wake(&world.down(1, 2)), Some(90));
}

#[test]
fn an_unknown_parent_delays_at_most_two_of_its_intervals() {
    let mut router = parent("router");
    router.state = MonitorState::Unknown;
    let mut world = world(vec![router]);
    assert_eq!(wake(&world.down(1, 0)), Some(120));
    assert!(brief(&world.timer(119)).is_empty());
    assert_eq!(brief(&world.timer(120)), ["down chat"]);
}

#[test]
fn paused_and_muted_parents_suppress_nothing() {
    for change in
        [|parent: &mut Related| parent.enabled = false, |parent: &mut Related| parent.muted = true]
    {
        let mut router = parent("router");
        router.announced_down = true;
        change(&mut router);
        let mut world = world(vec![router]);
        assert_eq!(brief(&world.down(1, 0)), ["down chat"]);
    }
    assert_eq!(brief(&world(Vec::new()).down(1, 0)), ["down chat"], "deleted");
}

#[test]
fn a_parent_that_goes_down_later_does_not_keep_the_up_back() {
    let mut world = world(Vec::new());
    world.down(1, 0);
    let mut router = parent("router");
    router.announced_down = true;
    world.parents = vec![router];
    assert!(brief(&world.step(AnnounceInput::Related, 30)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat"]);
}
