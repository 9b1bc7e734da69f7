//! Two engines that share the monitors of one store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kit::{House, linked};
use crate::catalog::Entry;
use crate::check::GroupRule;
use crate::engine::testkit::{at, catalog, entry, group, monitor, policy, route};
use crate::engine::{Engine, Handover};
use crate::id::MonitorId;
use crate::ports::{Heartbeat, StateRow};
use crate::shard::{Shard, ShardSet};
use crate::state::MonitorState;

fn routed(id: i64, text: &str) -> Entry {
    entry(id, monitor(text), vec![route(policy("ops", &["chat"]))])
}

fn child_of(parent: i64, mut child: Entry) -> Entry {
    child.parents = vec![MonitorId(parent)];
    child
}

fn shards(ids: &[i64]) -> ShardSet {
    ids.iter().map(|id| Shard::of(MonitorId(*id))).collect()
}

/// A house that acts only on the shards of some monitors.
fn house(entries: Vec<Entry>, ours: &[i64]) -> House {
    let mut house = House {
        engine: Engine::without_shards(),
        catalog: Arc::new(catalog(linked(entries))),
        stored: Vec::new(),
        run_now: Vec::new(),
    };
    let report = house.engine.swap(&house.catalog, at(0));
    house.keep(0, report);
    let (report, bad) = house.engine.gain(shards(ours), &Handover::default(), at(0));
    assert!(bad.is_empty());
    house.keep(0, report);
    house
}

/// What the store holds after everything that some houses committed, newest last.
fn store(houses: &[&House]) -> Handover {
    let mut states: BTreeMap<MonitorId, StateRow> = BTreeMap::new();
    let mut last: BTreeMap<MonitorId, Heartbeat> = BTreeMap::new();
    for (_, batch) in houses.iter().flat_map(|house| &house.stored) {
        states.extend(batch.states.iter().map(|row| (row.monitor, row.clone())));
        last.extend(batch.heartbeats.iter().map(|beat| (beat.monitor, beat.clone())));
    }
    Handover {
        states: states.into_values().collect(),
        last: last.into_values().collect(),
        incidents: Vec::new(),
    }
}

fn outbox(house: &House) -> Vec<String> {
    let rows = house.stored.iter().flat_map(|(_, batch)| &batch.outbox);
    rows.map(|row| row.key.clone()).collect()
}

#[test]
fn nothing_is_decided_about_a_monitor_of_another_shard() {
    let mut one = house(vec![routed(1, "web"), routed(2, "api")], &[1]);
    one.ok(1, 5);
    let report = one.ok(2, 5);
    assert!(report.batch.is_empty() && report.changes.is_empty());
    assert!(one.stored.iter().all(|(_, b)| b.states.iter().all(|row| row.monitor == MonitorId(1))));
}

#[test]
fn whoever_takes_a_shard_over_goes_on_where_its_owner_stopped() {
    let entries = || {
        let mut patient = monitor("web");
        patient.schedule.retries = 2;
        vec![entry(1, patient, vec![route(policy("ops", &["chat"]))])]
    };
    let mut one = house(entries(), &[1]);
    one.ok(1, 5);
    one.fail(1, 60);
    one.fail(1, 80);
    let mut two = house(entries(), &[]);
    one.engine.lose(shards(&[1]));
    assert!(one.fail(1, 90).batch.is_empty(), "it is not his any more");
    let (report, bad) = two.engine.gain(shards(&[1]), &store(&[&one]), at(95));
    assert!(bad.is_empty());
    two.keep(95, report);
    two.fail(1, 100);
    assert_eq!(two.state(1), MonitorState::Down, "the third attempt is the last one");
    two.until(4000);
    assert_eq!(outbox(&two).len(), 1);
}

#[test]
fn a_shard_that_comes_and_goes_tells_nothing_twice() {
    let entries = || vec![routed(1, "web")];
    let (mut one, mut two) = (house(entries(), &[1]), house(entries(), &[]));
    one.ok(1, 5);
    one.fail(1, 60);
    assert_eq!(outbox(&one).len(), 1);
    one.engine.lose(shards(&[1]));
    let (report, _) = two.engine.gain(shards(&[1]), &store(&[&one]), at(70));
    two.keep(70, report);
    two.fail(1, 120);
    assert_eq!(outbox(&two), Vec::<String>::new());
    two.engine.lose(shards(&[1]));
    let (report, _) = one.engine.gain(shards(&[1]), &store(&[&one, &two]), at(130));
    one.keep(130, report);
    one.ok(1, 180);
    let keys = outbox(&one);
    assert_eq!(keys.len(), 2, "a down and its up");
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn a_group_sees_members_of_other_shards() {
    let entries = || {
        let mut all = entry(3, group("shop", GroupRule::All, false), Vec::new());
        all.members = vec![MonitorId(1), MonitorId(2)];
        vec![routed(1, "web"), routed(2, "api"), all]
    };
    let (mut one, mut two) = (house(entries(), &[1, 2]), house(entries(), &[3]));
    one.ok(1, 5);
    one.ok(2, 6);
    two.engine.observe_others(&store(&[&one]).states, at(7));
    assert_eq!(two.state(3), MonitorState::Up);
    one.fail(2, 60);
    let report = two.engine.observe_others(&store(&[&one]).states, at(61));
    assert_eq!(report.batch.incidents.len(), 1);
    assert_eq!(two.state(3), MonitorState::Down);
    assert!(report.batch.states.iter().all(|row| row.monitor == MonitorId(3)));
}

#[test]
fn a_parent_of_another_shard_that_is_down_keeps_its_child_quiet() {
    let entries = || vec![routed(1, "router"), child_of(1, routed(2, "api"))];
    let (mut one, mut two) = (house(entries(), &[1]), house(entries(), &[2]));
    one.ok(1, 5);
    two.ok(2, 6);
    let failed = two.fail(2, 60);
    assert_eq!(failed.run_now, [MonitorId(1)], "its owner is asked to run it");
    assert!(failed.batch.outbox.is_empty());
    one.fail(1, 62);
    let report = two.engine.observe_others(&store(&[&one]).states, at(63));
    assert!(report.batch.outbox.is_empty());
    two.until(600);
    assert_eq!(outbox(&two), Vec::<String>::new());
}

#[test]
fn a_parent_of_another_shard_that_stays_well_delays_its_child_for_a_moment() {
    let entries = || vec![routed(1, "router"), child_of(1, routed(2, "api"))];
    let (mut one, mut two) = (house(entries(), &[1]), house(entries(), &[2]));
    one.ok(1, 5);
    two.ok(2, 6);
    two.engine.observe_others(&store(&[&one]).states, at(7));
    two.fail(2, 60);
    // The parent's budget of 10 s and two seconds to be started.
    two.until(75);
    assert_eq!(outbox(&two).len(), 1);
}

#[test]
fn a_monitor_that_is_deleted_is_closed_by_its_owner_alone() {
    let (mut one, mut two) = (
        house(vec![routed(1, "web"), routed(2, "api")], &[1]),
        house(vec![routed(1, "web"), routed(2, "api")], &[2]),
    );
    one.ok(1, 5);
    one.fail(1, 60);
    two.engine.observe_others(&store(&[&one]).states, at(61));
    let told = two.swap(vec![routed(2, "api")], 70);
    assert!(told.batch.incidents.is_empty());
    let told = one.swap(vec![routed(2, "api")], 70);
    assert_eq!(told.batch.incidents.len(), 1);
}
