//! `simulate` tells what was told.

use std::collections::BTreeMap;

use super::kit::House;
use crate::check::{Check, PushCheck};
use crate::engine::replay;
use crate::engine::testkit::{at, entry, monitor, policy, route, secs};
use crate::monitor::Monitor;
use crate::observation::Observation;
use crate::reason::Reason;
use crate::secret::SecretText;

#[test]
fn stored_results_tell_again_what_they_told() {
    let mut house =
        House::new(vec![entry(1, monitor("api"), vec![route(policy("ops", &["chat"]))])]);
    house.ok(1, 10);
    house.fail(1, 70);
    house.ok(1, 130);
    house.fail(1, 190);
    house.until(400);
    let batches = || house.stored.iter().map(|(_, batch)| batch);
    let beats: Vec<_> = batches().flat_map(|batch| &batch.heartbeats).collect();
    let played = replay(&house.catalog, beats, at(400));
    let told: Vec<_> = played.told.iter().map(|(_, row)| &row.key).collect();
    let stored: Vec<_> = batches().flat_map(|batch| &batch.outbox).map(|row| &row.key).collect();
    assert_eq!(told, stored);
    assert_eq!(told.len(), 3);
    let incidents: BTreeMap<_, _> = batches()
        .flat_map(|batch| &batch.incidents)
        .map(|incident| (incident.id, incident.clone()))
        .collect();
    assert_eq!(played.incidents, incidents.into_values().collect::<Vec<_>>());
}

#[test]
fn the_silence_of_a_push_is_found_anew_and_counts_once() {
    let push = PushCheck {
        token: SecretText::parse("${SECRET:job:token}").unwrap(),
        interval: secs(60),
        grace: secs(10),
    };
    let mut job = Monitor { check: Check::Push(Box::new(push)), ..monitor("job") };
    job.schedule.retries = 2;
    job.schedule.retry_interval = Some(secs(20));
    let mut house = House::new(vec![entry(1, job, vec![route(policy("ops", &["chat"]))])]);
    house.ok(1, 10);
    house.until(400);
    let mut failed = Observation::failure(Reason::PushDown, "the job failed");
    failed.latency = Some(secs(1));
    house.ok(1, 410);
    house.attempt(1, 460, &failed);
    house.until(600);
    let batches = || house.stored.iter().map(|(_, batch)| batch);
    let beats: Vec<_> = batches().flat_map(|batch| &batch.heartbeats).collect();
    let played = replay(&house.catalog, beats, at(600));
    let told: Vec<_> = played.told.iter().map(|(when, row)| (*when, row.event.kind)).collect();
    let stored: Vec<_> = house
        .stored
        .iter()
        .flat_map(|(second, batch)| batch.outbox.iter().map(|row| (at(*second), row.event.kind)))
        .collect();
    assert_eq!(told, stored);
    assert_eq!(told.len(), 3);
}
