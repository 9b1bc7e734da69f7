//! Maintenance, silence, flapping: held with the object named, told when it ends.

use super::kit::{World, brief, closed, facts, incident, unsaid, wake};
use crate::engine::announce::AnnounceInput;
use crate::engine::notice::{Closing, Notice};
use crate::engine::testkit::{at, name, policy, route, silence};
use crate::maintenance::{MaintenanceWindow, WindowSchedule};
use crate::selector::Selector;
use crate::state::MonitorState;

fn window(
    from: i64,
    until: i64,
    suppress_notifications: bool,
) -> std::sync::Arc<MaintenanceWindow> {
    std::sync::Arc::new(MaintenanceWindow {
        name: name("upgrade"),
        enabled: true,
        description: None,
        schedule: WindowSchedule::Once { start: at(from), end: at(until) },
        selector: Selector::default(),
        suppress_notifications,
        pause_checks: false,
        count_in_uptime: false,
        banner: None,
    })
}

fn world() -> World {
    World::new(vec![route(policy("ops", &["chat"]))])
}

#[test]
fn a_silence_holds_and_when_it_ends_the_down_is_told_once_with_its_true_start() {
    let mut world = world();
    world.entry.silences = vec![silence("night", -10, 300)];
    let held = world.down(1, 0);
    assert!(brief(&held).is_empty());
    assert_eq!(held.suppressed_by.as_deref(), Some("silence shop/night"));
    assert_eq!(wake(&held), Some(300));
    assert!(!world.state.announced_down());
    let told = world.timer(300);
    assert_eq!(brief(&told), ["down chat"]);
    assert_eq!(told.outbox[0].event.at, at(0));
    assert_eq!(
        told.outbox[0].event.note.as_deref(),
        Some("held back until now by silence shop/night")
    );
    assert_eq!(told.suppressed_by, None);
    assert!(brief(&world.timer(301)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 400)), ["up chat"]);
}

#[test]
fn maintenance_holds_only_if_it_is_to_suppress() {
    let mut world = world();
    world.entry.windows = vec![window(-10, 300, true)];
    let held = world.down(1, 0);
    assert_eq!(held.suppressed_by.as_deref(), Some("maintenance shop/upgrade"));
    assert_eq!(wake(&held), Some(300));

    let mut world = self::world();
    world.entry.windows = vec![window(-10, 300, false)];
    assert_eq!(brief(&world.down(1, 0)), ["down chat"]);
}

#[test]
fn an_incident_that_did_not_outlive_its_silence_is_only_logged() {
    let mut world = world();
    world.entry.silences = vec![silence("night", -10, 300)];
    world.down(1, 0);
    let over = world.up(1, 0, 60);
    assert!(brief(&over).is_empty());
    assert_eq!(unsaid(&over), ["down chat: silence shop/night; it was over before that ended"]);
    assert!(world.state.is_idle());
    assert!(brief(&world.timer(300)).is_empty());
}

#[test]
fn the_end_of_something_told_is_never_suppressed() {
    let mut world = world();
    world.down(1, 0);
    world.entry.silences = vec![silence("night", 10, 300)];
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat"]);
}

#[test]
fn a_silence_that_is_removed_or_prolonged_counts_as_it_is_now() {
    let mut world = world();
    world.entry.silences = vec![silence("night", -10, 300)];
    world.down(1, 0);
    world.entry.silences = vec![silence("night", -10, 900)];
    assert_eq!(wake(&world.timer(300)), Some(900));
    world.entry.silences.clear();
    assert_eq!(brief(&world.step(AnnounceInput::Catalog, 400)), ["down chat"]);
}

fn flapping(second: i64, quiet_until: i64) -> Notice {
    Notice::FlappingStarted {
        incident: incident(1),
        at: at(second),
        toggles: 6,
        quiet_until: at(quiet_until),
    }
}

fn reopened(second: i64) -> Notice {
    Notice::Reopened { incident: incident(1), at: at(second), facts: facts() }
}

#[test]
fn flapping_is_one_message_then_quiet_and_the_difference_at_the_end() {
    let mut world = world();
    world.down(1, 0);
    world.up(1, 0, 30);
    world.shown = MonitorState::Flapping;
    let begin = [reopened(60), flapping(60, 1860)];
    let started = world.step(AnnounceInput::Notices(&begin), 60);
    assert_eq!(brief(&started), ["flapping chat"]);
    assert!(brief(&world.timer(600)).is_empty());
    world.shown = MonitorState::Down;
    let over = world.notice(Notice::FlappingOver, 700);
    assert_eq!(brief(&over), ["down chat"]);
    assert_eq!(over.outbox[0].event.started_at, Some(at(0)), "the true start");
    assert_eq!(brief(&world.up(1, 0, 800)), ["up chat"]);
}

#[test]
fn flapping_that_ends_well_tells_whoever_heard_of_it() {
    let mut world = world();
    world.down(1, 0);
    world.up(1, 0, 30);
    world.shown = MonitorState::Flapping;
    let begin = [reopened(60), flapping(60, 1860)];
    world.step(AnnounceInput::Notices(&begin), 60);
    world.shown = MonitorState::Up;
    let end = [closed(1, 0, 600, Closing::Recovered), Notice::FlappingOver];
    let over = world.step(AnnounceInput::Notices(&end), 600);
    assert_eq!(brief(&over), ["up chat"]);
    assert_eq!(over.outbox[0].event.message.as_deref(), Some("stable again"));
    assert_eq!(unsaid(&over).len(), 1, "the held down is logged");
}

#[test]
fn the_up_of_a_down_that_was_told_comes_although_it_flaps() {
    let mut world = world();
    world.down(1, 0);
    world.notice(flapping(10, 1810), 10);
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat"]);
    world.shown = MonitorState::Up;
    let over = world.notice(Notice::FlappingOver, 700);
    assert!(brief(&over).is_empty(), "they know that it is well");
}

#[test]
fn quiet_ends_by_itself() {
    let mut world = world();
    world.shown = MonitorState::Down;
    let begin = [super::kit::opened(1, 0), flapping(0, 1800)];
    let started = world.step(AnnounceInput::Notices(&begin), 0);
    assert_eq!(brief(&started), ["flapping chat"]);
    assert_eq!(wake(&started), Some(1800));
    assert_eq!(brief(&world.timer(1800)), ["down chat"]);
}
