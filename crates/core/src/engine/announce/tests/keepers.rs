//! Receivers that keep alerts open hear of every end of what they were told, also where people are
//! spared a second word.

use std::sync::Arc;

use super::kit::{World, brief, closed, facts, opened};
use crate::engine::announce::{AnnounceEffects, AnnounceInput};
use crate::engine::notice::{Closing, Notice};
use crate::engine::testkit::{at, name, policy, provider, route};
use crate::event::EventKind;
use crate::provider::{Provider, ProviderConfig, ProviderType};
use crate::state::MonitorState;

/// People at `chat`, and an Alertmanager or the like at `pager`, told of everything.
fn world(keeper: ProviderType) -> World {
    let mut ops = policy("ops", &["chat", "pager"]);
    ops.triggers.on_degraded = true;
    let mut world = World::new(vec![route(ops)]);
    let kinds = [
        EventKind::Down,
        EventKind::Up,
        EventKind::Closed,
        EventKind::Degraded,
        EventKind::Unknown,
        EventKind::Flapping,
    ];
    Arc::make_mut(&mut world.entry.monitor).alerting.notify_on = Some(kinds.into());
    let pager = Provider { config: ProviderConfig::Unsupported(keeper), ..provider("pager") };
    world.catalog.providers.insert(name("pager"), Arc::new(pager));
    world
}

fn degraded(world: &mut World, second: i64) {
    world.shown = MonitorState::Degraded;
    let told = world.notice(Notice::BecameDegraded { at: at(second), facts: facts() }, second);
    assert_eq!(brief(&told), ["degraded chat", "degraded pager"]);
}

/// What `pager` is told that has ended: the state before.
fn ended(effects: &AnnounceEffects) -> Vec<MonitorState> {
    let rows = effects.outbox.iter().filter(|row| row.provider == name("pager"));
    rows.filter(|row| row.event.kind.is_recovery()).map(|row| row.event.previous_state).collect()
}

#[test]
fn what_an_outage_takes_the_place_of_ends_there_at_once() {
    for keeper in [ProviderType::Pagerduty, ProviderType::Alertmanager] {
        let mut world = world(keeper);
        degraded(&mut world, 0);
        let down = world.down(1, 60);
        assert_eq!(brief(&down), ["down chat", "down pager", "up pager"]);
        assert_eq!(ended(&down), [MonitorState::Degraded]);
        assert_eq!(down.outbox[2].event.current_state, MonitorState::Down);
        assert_eq!(brief(&world.up(1, 60, 120)), ["up chat", "up pager"]);
    }
}

#[test]
fn people_are_spared_it() {
    let mut world = world(ProviderType::Webhook);
    degraded(&mut world, 0);
    assert_eq!(brief(&world.down(1, 60)), ["down chat", "down pager"]);
}

#[test]
fn one_up_says_all_to_people_only() {
    let mut world = world(ProviderType::Pagerduty);
    world.down(1, 0);
    world.shown = MonitorState::Unknown;
    let unknown =
        Notice::BecameUnknown { at: at(300), previous: MonitorState::Down, facts: facts() };
    world.notice(unknown, 300);
    world.shown = MonitorState::Up;
    let back = [Notice::UnknownOver { at: at(400) }, closed(1, 0, 400, Closing::Recovered)];
    let over = world.step(AnnounceInput::Notices(&back), 400);
    assert_eq!(brief(&over), ["up chat", "up pager", "up pager"]);
    assert_eq!(ended(&over), [MonitorState::Down, MonitorState::Unknown]);
}

#[test]
fn flapping_that_ends_in_an_outage_ends_there() {
    let mut world = world(ProviderType::Alertmanager);
    world.shown = MonitorState::Flapping;
    let incident = super::kit::incident(1);
    let flapping =
        Notice::FlappingStarted { incident, at: at(0), toggles: 6, quiet_until: at(1800) };
    let begun = world.step(AnnounceInput::Notices(&[opened(1, 0), flapping]), 0);
    assert_eq!(brief(&begun), ["flapping chat", "flapping pager"]);
    world.shown = MonitorState::Down;
    let over = world.notice(Notice::FlappingOver, 700);
    assert_eq!(brief(&over), ["down chat", "down pager", "up pager"]);
    assert_eq!(ended(&over), [MonitorState::Flapping]);
    assert_eq!(over.outbox[2].event.incident, None, "the down stays the last word about it");
}

#[test]
fn a_monitor_that_is_deleted_leaves_nothing_open() {
    let mut world = world(ProviderType::Pagerduty);
    degraded(&mut world, 0);
    let gone = world.step(AnnounceInput::Deleted, 60);
    assert_eq!(brief(&gone), ["up pager"]);
    assert_eq!(gone.outbox[0].event.current_state, MonitorState::Paused);
}
