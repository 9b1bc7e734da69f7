//! Changing too often.

use super::kit::{Case, at};
use crate::engine::notice::Notice;
use crate::reason::Reason;
use crate::state::MonitorState::{Down, Flapping, Paused, Up};

/// Six toggles within ten minutes: the last one is up, at second 390.
fn flapping() -> Case {
    let mut case = Case::up();
    for second in [60, 180, 300] {
        case.fail(second);
        case.ok(second + 90);
    }
    assert_eq!(case.shown(), Flapping);
    case
}

#[test]
fn six_toggles_in_the_window_are_flapping_with_one_message() {
    let mut case = flapping();
    let told = case.told();
    assert_eq!(told.iter().filter(|name| *name == "Opened").count(), 3);
    assert_eq!(told.iter().filter(|name| *name == "Closed").count(), 2);
    assert_eq!(told.last().unwrap(), "FlappingStarted");
    assert!(case.incident().ended_at.is_none(), "the incident stays open");
    assert_eq!(case.incident().toggles.len(), 6);
    let third = case.incident().id;
    case.log.clear();
    case.fail(450);
    case.ok(510);
    assert_eq!(case.told(), ["FirstFailure"], "quiet");
    assert_eq!(case.incident().id, third);
    assert_eq!(case.incident().toggles.len(), 8);
    assert_eq!(case.line(), [(Down, 450), (Up, 510)], "the time line is not flapping");
}

#[test]
fn a_down_that_starts_flapping_reopens_the_latest_incident() {
    let mut case = Case::up();
    case.settings.scheduler.flapping.toggle_threshold = 3;
    case.fail(60);
    let first = case.incident().id;
    case.ok(120);
    case.fail(180);
    assert_eq!(case.told()[3..], ["FirstFailure", "Reopened", "FlappingStarted"]);
    assert_eq!(case.incident().id, first);
    assert!(case.incident().ended_at.is_none());
    assert_eq!(case.incident().closed_reason, None);
    let Some(Notice::FlappingStarted { toggles, quiet_until, .. }) = case.notices().last().copied()
    else {
        panic!("not flapping");
    };
    assert_eq!((*toggles, *quiet_until), (3, at(180 + 1800)));
}

#[test]
fn toggles_outside_the_window_do_not_count() {
    let mut case = Case::up();
    for second in [0, 300, 600, 900, 1200, 1500] {
        case.fail(second + 60);
        case.ok(second + 120);
    }
    assert_eq!(case.shown(), Up);
    assert!(!case.told().contains(&"FlappingStarted".to_owned()));
}

#[test]
fn stable_for_a_window_ends_it_and_closes_the_incident_at_the_last_recovery() {
    let mut case = flapping();
    case.log.clear();
    assert!(case.state.open_incident(crate::id::MonitorId(7)).is_some());
    case.ok(450);
    assert_eq!(case.last().wake_at, Some(at(990)));
    case.timer(990);
    assert_eq!(case.shown(), Up);
    assert_eq!(case.told(), ["Closed", "FlappingOver"]);
    assert_eq!(case.incident().ended_at, Some(at(390)));
    assert_eq!(case.incident().closed_reason, Some(Reason::Recovered));
}

#[test]
fn quiet_does_not_last_longer_than_the_settings_say() {
    let mut case = flapping();
    case.log.clear();
    let mut second = 390;
    while second < 2070 {
        second += 60;
        case.fail(second);
        second += 60;
        case.ok(second);
    }
    assert_eq!(case.shown(), Flapping);
    case.log.clear();
    case.timer(390 + 1800);
    assert_eq!(case.told(), ["Closed", "FlappingOver"]);
    assert_eq!(case.shown(), Up);
}

#[test]
fn down_for_three_intervals_ends_it_as_down() {
    let mut case = flapping();
    case.log.clear();
    case.fail(450);
    assert_eq!(case.last().wake_at, Some(at(630)));
    case.timer(630);
    assert_eq!(case.shown(), Down);
    assert_eq!(case.told(), ["FirstFailure", "FlappingOver"]);
    assert!(case.incident().ended_at.is_none());
    case.ok(700);
    assert!(case.told().contains(&"FlappingStarted".to_owned()), "and soon again");
}

#[test]
fn disabling_ends_it_with_the_incident() {
    let mut case = flapping();
    case.log.clear();
    case.monitor.enabled = false;
    case.catalog(400);
    assert_eq!(case.shown(), Paused);
    assert_eq!(case.told(), ["Closed", "FlappingOver"]);
}

#[test]
fn turning_detection_off_ends_it() {
    let mut case = flapping();
    case.settings.scheduler.flapping.enabled = false;
    case.catalog(400);
    assert_eq!(case.shown(), Up);
}
