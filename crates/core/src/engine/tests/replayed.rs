//! `simulate` tells what was told.

use std::collections::BTreeMap;

use super::kit::House;
use crate::engine::replay;
use crate::engine::testkit::{at, entry, monitor, policy, route};

#[test]
fn stored_results_tell_again_what_they_told() {
    let mut house = House::new(vec![entry(
        1,
        monitor("api"),
        vec![route(policy("ops", &["chat"]))],
    )]);
    house.ok(1, 10);
    house.fail(1, 70);
    house.ok(1, 130);
    house.fail(1, 190);
    house.until(400);
    let batches = || house.stored.iter().map(|(_, batch)| batch);
    let beats: Vec<_> = batches().flat_map(|batch| &batch.heartbeats).collect();
    let played = replay(&house.catalog, beats, at(400));
    let told: Vec<_> = played.told.iter().map(|(_, row)| &row.key).collect();
    let stored: Vec<_> = batches()
        .flat_map(|batch| &batch.outbox)
        .map(|row| &row.key)
        .collect();
    assert_eq!(told, stored);
    assert_eq!(told.len(), 3);
    let incidents: BTreeMap<_, _> = batches()
        .flat_map(|batch| &batch.incidents)
        .map(|incident| (incident.id, incident.clone()))
        .collect();
    assert_eq!(
        played.incidents,
        incidents.into_values().collect::<Vec<_>>()
    );
}
