//! What the shell relies on: restarts, steady costs, windows, the guard, clock jumps.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::SignedDuration;

use super::kit::House;
use crate::catalog::Entry;
use crate::engine::announce::Operator;
use crate::engine::testkit::{at, entry, monitor, name, policy, route};
use crate::engine::verdict::Next;
use crate::engine::{BadState, Engine};
use crate::event::EventKind;
use crate::id::MonitorId;
use crate::maintenance::{MaintenanceWindow, WindowSchedule};
use crate::observation::Observation;
use crate::ports::StateRow;
use crate::reason::Reason;
use crate::selector::Selector;
use crate::state::MonitorState;

fn routed(id: i64, text: &str) -> Entry {
    entry(id, monitor(text), vec![route(policy("ops", &["chat"]))])
}

#[test]
fn a_steady_success_stores_its_heartbeat_and_nothing_else() {
    let mut house = House::new(vec![routed(1, "api")]);
    house.ok(1, 10);
    let steady = house.ok(1, 70);
    assert_eq!(steady.batch.heartbeats.len(), 1);
    assert!(steady.batch.states.is_empty() && !steady.batch.durable);
    assert_eq!(steady.changes[0].next, Next::Regular);
}

#[test]
fn that_a_monitor_is_well_waits_for_company_and_nothing_else_does() {
    let mut house = House::new(vec![routed(1, "api")]);
    let first = house.ok(1, 10);
    assert_eq!(first.changes[0].transition, Some((MonitorState::Pending, MonitorState::Up)));
    assert!(!first.batch.states.is_empty() && !first.batch.durable);
    assert!(house.fail(1, 70).batch.durable);
    assert!(house.ok(1, 130).batch.durable);
}

/// Stops, and starts again with unreadable states but sound rows of incidents.
fn restart_without_states(house: &mut House, second: i64) {
    let rows = house.stored.iter().flat_map(|(_, batch)| &batch.incidents);
    let newest = rows.max_by_key(|incident| incident.id).cloned();
    let damaged = StateRow { monitor: MonitorId(1), version: 1, blob: b"?".to_vec() };
    let (engine, bad) = Engine::load(&[damaged]);
    assert_eq!(bad.len(), 1);
    house.engine = engine;
    let rows: Vec<_> = newest.into_iter().collect();
    house.engine.recover_incidents(&rows);
    let catalog = house.catalog.clone();
    let report = house.engine.swap(&catalog, at(second));
    house.stored.push((second, report.batch));
}

fn incidents(house: &House) -> Vec<(u32, bool)> {
    let rows = house.stored.iter().flat_map(|(_, batch)| &batch.incidents);
    let last: std::collections::BTreeMap<_, _> =
        rows.map(|row| (row.id.sequence(), row.ended_at.is_none())).collect();
    last.into_iter().collect()
}

#[test]
fn a_lost_state_numbers_its_incidents_after_those_stored() {
    let mut house = House::new(vec![routed(1, "api")]);
    house.fail(1, 10);
    house.ok(1, 70);
    restart_without_states(&mut house, 100);
    house.fail(1, 130);
    assert_eq!(incidents(&house), [(1, false), (2, true)]);
}

#[test]
fn a_lost_state_finds_its_open_incident_and_tells_its_end() {
    let mut house = House::new(vec![routed(1, "api")]);
    house.fail(1, 10);
    restart_without_states(&mut house, 100);
    assert_eq!(house.state(1), MonitorState::Down);
    house.fail(1, 130);
    house.ok(1, 190);
    assert_eq!(incidents(&house), [(1, false)]);
    insta::assert_snapshot!(house.told(), @r"
     10 down shop/api -> chat due 10 (-)
    100 down shop/api -> chat due 100 (-)
    190 up shop/api -> chat due 190 (-)
    ");
    let told: Vec<_> = house.stored.iter().flat_map(|(_, batch)| &batch.outbox).collect();
    assert_eq!(told[1].event.started_at, Some(at(10)));
    assert!(told[1].event.message.as_deref().unwrap_or_default().contains("told again"));
}

#[test]
fn an_incident_goes_on_over_a_restart() {
    let mut house = House::new(vec![routed(1, "api")]);
    house.ok(1, 10);
    house.fail(1, 70);
    house.restart(100);
    house.fail(1, 130);
    house.ok(1, 190);
    let told: Vec<_> = house
        .stored
        .iter()
        .flat_map(|(_, batch)| &batch.outbox)
        .map(|row| row.event.kind)
        .collect();
    assert_eq!(told, [EventKind::Down, EventKind::Up]);
}

#[test]
fn a_monitor_deleted_while_we_were_away_is_closed_at_start() {
    let mut house = House::new(vec![routed(1, "api"), routed(2, "web")]);
    house.fail(1, 70);
    house.catalog = House::new(vec![routed(2, "web")]).catalog;
    house.restart(1000);
    let (_, last) = house.stored.last().unwrap();
    assert_eq!(last.outbox[0].event.kind, EventKind::Closed);
    assert_eq!(last.incidents[0].ended_at, Some(at(1000)));
    assert_eq!(last.incidents[0].monitor_name, name("api"));
    assert!(last.incidents[0].closed_reason == Some(Reason::Deleted));
}

#[test]
fn a_state_that_cannot_be_read_is_reported_and_begins_anew() {
    let rows = [
        StateRow { monitor: MonitorId(1), version: 999, blob: Vec::new() },
        StateRow {
            monitor: MonitorId(2),
            version: super::super::STATE_VERSION,
            blob: b"{".to_vec(),
        },
    ];
    let (engine, bad) = Engine::load(&rows);
    assert!(engine.record(MonitorId(1)).is_none());
    assert_eq!(bad[0], (MonitorId(1), BadState::Version { found: 999 }));
    assert!(matches!(&bad[1].1, BadState::Damaged(_)));
}

#[test]
fn an_acknowledgement_is_in_the_incidents_row() {
    let mut house = House::new(vec![routed(1, "api")]);
    house.fail(1, 70);
    let by = "eve".to_owned();
    let report = house.engine.operate(MonitorId(1), Operator::Acknowledge { by }, at(80));
    let acknowledged = report.batch.incidents[0].acknowledged.as_ref().unwrap();
    assert_eq!(acknowledged, &(at(80), "eve".to_owned()));
    let end = house.ok(1, 130);
    assert!(end.batch.incidents[0].acknowledged.is_some(), "it stays in the row");
}

#[test]
fn a_window_that_pauses_checks_begins_and_ends_by_the_clock() {
    let mut api = routed(1, "api");
    api.windows = vec![Arc::new(MaintenanceWindow {
        name: name("upgrade"),
        enabled: true,
        description: None,
        schedule: WindowSchedule::Once { start: at(100), end: at(200) },
        selector: Selector::default(),
        suppress_notifications: true,
        pause_checks: true,
        count_in_uptime: false,
        banner: None,
    })];
    let mut house = House::new(vec![api]);
    house.ok(1, 10);
    assert_eq!(house.engine.next_wakeup(), Some(at(100)));
    house.until(100);
    assert_eq!(house.state(1), MonitorState::Maintenance);
    house.until(200);
    assert_ne!(house.state(1), MonitorState::Maintenance);
    assert_eq!(house.engine.next_wakeup(), None);
}

#[test]
fn a_mass_failure_is_held_and_then_told_once_per_provider() {
    let entries = (1..=6).map(|id| routed(id, &format!("m{id}"))).collect();
    let mut house = House::new(entries);
    let silent = |id: i64| {
        let mut observation = Observation::failure(Reason::Timeout, "no answer");
        let third = u8::try_from(id).unwrap();
        observation.peer = Some(IpAddr::V4(Ipv4Addr::new(192, 0, third, 1)));
        observation
    };
    for id in 1..=6 {
        house.attempt(id, 59 + id, &silent(id));
    }
    assert!(house.engine.guard_until().is_some());
    assert_eq!(house.state(6), MonitorState::Unknown);
    house.until(2000);
    let mass: Vec<_> = house
        .stored
        .iter()
        .flat_map(|(_, batch)| &batch.outbox)
        .filter(|row| row.event.kind == EventKind::MassOutage)
        .collect();
    assert_eq!(mass.len(), 1);
    assert_eq!(house.state(6), MonitorState::Down, "delayed, not swallowed");
    insta::assert_snapshot!(house.told(), @r"
       60 down shop/m1 -> chat due 60 (-)
       61 down shop/m2 -> chat due 61 (-)
       62 down shop/m3 -> chat due 62 (-)
       63 down shop/m4 -> chat due 63 (-)
      184 massOutage kubekuma/kubekuma -> chat due 184 (either a large outage or the network of this monitor itself)
      484 down shop/m5 -> chat due 484 (held back until now by the mass-outage message)
      484 down shop/m6 -> chat due 484 (held back until now by the mass-outage message)
    ");
}

#[test]
fn a_clock_that_jumps_moves_holds_with_it() {
    let mut house = House::new(vec![
        routed(1, "router"),
        Entry { parents: vec![MonitorId(1)], ..routed(2, "api") },
    ]);
    house.fail(2, 60);
    assert_eq!(house.engine.next_wakeup(), Some(at(72)));
    house.engine.rebase(SignedDuration::from_secs(3600));
    assert_eq!(house.engine.next_wakeup(), Some(at(3672)));
}

#[test]
fn results_of_a_monitor_that_is_gone_are_dropped() {
    let mut house = House::new(vec![routed(1, "api")]);
    house.swap(Vec::new(), 10);
    let late = house.ok(1, 20);
    assert!(late.batch.is_empty() && late.changes.is_empty());
}
