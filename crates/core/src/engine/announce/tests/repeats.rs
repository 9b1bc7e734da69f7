//! Resend and escalation.

use std::sync::Arc;

use super::kit::{World, brief, wake};
use crate::engine::announce::{AnnounceInput, Operator};
use crate::engine::testkit::{name, policy, route, secs, silence};
use crate::policy::{EscalationStep, Policy};

fn resending() -> Policy {
    let mut policy = policy("ops", &["chat"]);
    policy.resend_interval = secs(600);
    policy
}

fn escalating() -> Policy {
    let mut policy = policy("ops", &["chat"]);
    policy.escalation = vec![
        EscalationStep { after: secs(300), providers: vec![name("pager")] },
        EscalationStep { after: secs(900), providers: vec![name("pager"), name("boss")] },
    ];
    policy
}

#[test]
fn it_is_repeated_while_open_past_dedupe_and_rate_limit() {
    let mut policy = resending();
    policy.rate_limit = secs(86_400);
    policy.dedupe_window = secs(86_400);
    let mut world = World::new(vec![route(policy)]);
    assert_eq!(wake(&world.down(1, 0)), Some(600));
    let again = world.timer(600);
    assert_eq!(brief(&again), ["resend chat"]);
    assert_eq!(wake(&again), Some(1200));
    assert_eq!(brief(&world.timer(5000)), ["resend chat"], "missed ones are not made up for");
    assert_eq!(brief(&world.up(1, 0, 5001)), ["up chat"]);
    assert!(brief(&world.timer(9000)).is_empty());
}

#[test]
fn the_monitors_interval_wins_and_zero_is_never() {
    let mut world = World::new(vec![route(resending())]);
    Arc::make_mut(&mut world.entry.monitor).alerting.resend_interval = Some(secs(60));
    assert_eq!(wake(&world.down(1, 0)), Some(60));
    Arc::make_mut(&mut world.entry.monitor).alerting.resend_interval = Some(secs(0));
    assert_eq!(wake(&world.timer(60)), None);
}

#[test]
fn escalation_counts_from_the_announcement_and_the_end_reaches_all() {
    let mut world = World::new(vec![route(escalating())]);
    world.entry.silences = vec![silence("night", -10, 100)];
    world.down(1, 0);
    assert_eq!(wake(&world.timer(100)), Some(400));
    assert_eq!(brief(&world.timer(400)), ["escalation pager"]);
    assert_eq!(brief(&world.timer(1000)), ["escalation pager", "escalation boss"]);
    assert!(brief(&world.timer(5000)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 6000)), ["up chat", "up pager", "up boss"]);
}

#[test]
fn acknowledging_stops_both_but_not_the_final_up() {
    let mut policy = escalating();
    policy.resend_interval = secs(60);
    let mut world = World::new(vec![route(policy)]);
    world.down(1, 0);
    world.acknowledge(30);
    assert_eq!(world.state.acknowledged().map(|(_, by)| by.as_str()), Some("eve"));
    assert!(brief(&world.timer(1000)).is_empty());
    world.step(AnnounceInput::Operator(Operator::Unacknowledge), 1001);
    let kinds = world.sent.len();
    assert!(kinds > 1, "they go on");
    world.acknowledge(1002);
    assert!(brief(&world.timer(3000)).is_empty());
    let up = world.up(1, 0, 3001);
    assert!(brief(&up).contains(&"up chat".to_owned()));
}

#[test]
fn a_silence_holds_repeats_back() {
    let mut world = World::new(vec![route(resending())]);
    world.down(1, 0);
    world.entry.silences = vec![silence("night", 10, 2000)];
    let held = world.timer(600);
    assert!(brief(&held).is_empty());
    assert_eq!(wake(&held), Some(2000));
    assert_eq!(brief(&world.timer(2000)), ["resend chat"]);
}
