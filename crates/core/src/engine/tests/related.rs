//! Parents, children, groups and their members, within one engine.

use super::kit::House;
use crate::catalog::Entry;
use crate::check::GroupRule;
use crate::engine::testkit::{at, entry, group, monitor, policy, route};
use crate::id::MonitorId;
use crate::state::MonitorState;

fn routed(id: i64, text: &str) -> Entry {
    entry(id, monitor(text), vec![route(policy("ops", &["chat"]))])
}

fn child_of(parent: i64, mut child: Entry) -> Entry {
    child.parents = vec![MonitorId(parent)];
    child
}

#[test]
fn a_parent_that_is_down_as_well_is_the_only_one_told() {
    let mut house = House::new(vec![routed(1, "router"), child_of(1, routed(2, "api"))]);
    house.ok(1, 5);
    house.ok(2, 6);
    let failed = house.fail(2, 60);
    assert_eq!(failed.run_now, [MonitorId(1)]);
    assert_eq!(
        failed.batch.incidents[0].suppress_reason.as_deref(),
        Some("waiting for parent shop/router")
    );
    let parent = house.fail(1, 62);
    let incident = parent.batch.incidents.iter().find(|row| row.monitor == MonitorId(2));
    assert_eq!(incident.unwrap().suppress_reason.as_deref(), Some("parent shop/router"));
    house.until(5000);
    house.ok(1, 5010);
    house.ok(2, 5011);
    insta::assert_snapshot!(house.told(), @r"
       62 down shop/router -> chat due 62 (-)
     5010 up shop/router -> chat due 5010 (-)
     5011 not down shop/api -> chat: parent shop/router, checked again; it was over before that ended
    ");
}

#[test]
fn a_parent_that_is_well_lets_the_child_speak_within_the_same_call() {
    let mut house = House::new(vec![routed(1, "router"), child_of(1, routed(2, "api"))]);
    house.ok(1, 5);
    house.ok(2, 6);
    house.fail(2, 60);
    let parent = house.ok(1, 62);
    assert_eq!(parent.batch.outbox.len(), 1);
    assert!(parent.batch.durable);
    assert!(house.told().contains("62 down shop/api -> chat"));
}

#[test]
fn grandparents_keep_grandchildren_quiet() {
    let mut house = House::new(vec![
        routed(1, "router"),
        child_of(1, routed(2, "switch")),
        child_of(2, routed(3, "api")),
    ]);
    for id in 1..=3 {
        house.ok(id, 5);
    }
    house.fail(3, 60);
    house.fail(2, 61);
    house.fail(1, 62);
    house.until(4000);
    assert_eq!(house.told().lines().count(), 1, "{}", house.told());
    assert!(house.told().contains("down shop/router"));
}

#[test]
fn a_group_follows_its_members_and_keeps_them_quiet_if_asked_to() {
    let mut all =
        entry(1, group("all", GroupRule::Any, true), vec![route(policy("ops", &["chat"]))]);
    all.members = vec![MonitorId(2), MonitorId(3)];
    let mut house = House::new(vec![all, child_of(1, routed(2, "a")), child_of(1, routed(3, "b"))]);
    house.ok(2, 5);
    house.ok(3, 6);
    assert_eq!(house.state(1), MonitorState::Up);
    house.fail(2, 60);
    assert_eq!(house.state(1), MonitorState::Up, "one is left");
    house.fail(3, 70);
    assert_eq!(house.state(1), MonitorState::Down);
    house.until(200);
    house.ok(3, 210);
    assert_eq!(house.state(1), MonitorState::Up);
    insta::assert_snapshot!(house.told(), @r"
       60 down shop/a -> chat due 60 (-)
       70 down shop/all -> chat due 70 (-)
      210 up shop/all -> chat due 210 (-)
      210 not down shop/b -> chat: parent shop/all; it was over before that ended
    ");
}

#[test]
fn a_deleted_parent_suppresses_nothing() {
    let mut house = House::new(vec![routed(1, "router"), child_of(1, routed(2, "api"))]);
    house.ok(2, 5);
    house.fail(1, 10);
    house.fail(2, 60);
    assert!(!house.told().contains("down shop/api"));
    house.swap(vec![routed(2, "api")], 100);
    house.until(200);
    assert!(house.told().contains("down shop/api"), "{}", house.told());
    assert!(house.engine.next_wakeup().is_none_or(|wake| wake > at(200)));
}
