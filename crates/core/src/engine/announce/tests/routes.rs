//! Route: who hears of it, and who hears of its end.

use std::sync::Arc;

use super::kit::{World, brief, closed, parent, wake};
use crate::catalog::{Route, RouteVia};
use crate::engine::announce::{AnnounceInput, DeliveryFeedback};
use crate::engine::notice::{Closing, Notice};
use crate::engine::testkit::{at, name, policy, route, silence};
use crate::event::EventKind;
use crate::state::MonitorState;

#[test]
fn a_down_and_its_up_go_to_every_provider_of_every_route_and_the_up_may_merge() {
    let mut world = World::new(vec![
        route(policy("first", &["chat", "mail"])),
        route(policy("second", &["pager"])),
    ]);
    let down = world.down(1, 0);
    assert_eq!(brief(&down), ["down chat", "down mail", "down pager"]);
    assert!(world.state.announced_down());
    let up = world.up(1, 0, 90);
    assert_eq!(brief(&up), ["up chat", "up mail", "up pager"]);
    for (down, up) in down.outbox.iter().zip(&up.outbox) {
        assert_eq!(up.merges.as_ref(), Some(&down.key));
        assert_eq!(up.subject, down.subject);
        assert_eq!(up.event.started_at, Some(at(0)));
        assert_eq!(up.event.ended_at, Some(at(90)));
        assert_eq!(up.provider_type, "webhook");
    }
    assert!(world.state.is_idle());
}

#[test]
fn a_default_provider_serves_where_no_policy_does() {
    let mut world = World::new(vec![Route {
        via: RouteVia::DefaultProvider(name("chat")),
        providers: vec![name("chat")],
    }]);
    let down = world.down(1, 0);
    assert_eq!(brief(&down), ["down chat"]);
    assert_eq!(down.outbox[0].policy, None);
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat"]);
}

#[test]
fn without_a_route_it_is_counted_once_and_visible() {
    let mut world = World::new(Vec::new());
    let down = world.down(1, 0);
    assert_eq!((down.unrouted, down.suppressed_by.as_deref()), (1, Some("unrouted")));
    assert_eq!(world.timer(60).unrouted, 0);
    assert!(brief(&world.up(1, 0, 90)).is_empty());
}

#[test]
fn an_event_must_pass_both_triggers_and_notify_on() {
    let mut quiet = policy("quiet", &["chat"]);
    quiet.triggers.on_down = false;
    let mut world = World::new(vec![route(quiet), route(policy("loud", &["mail"]))]);
    assert_eq!(brief(&world.down(1, 0)), ["down mail"]);

    let mut world = World::new(vec![route(policy("loud", &["mail"]))]);
    let monitor = Arc::make_mut(&mut world.entry.monitor);
    monitor.alerting.notify_on = Some(vec![EventKind::Up]);
    let down = world.down(1, 0);
    assert!(brief(&down).is_empty() && down.unrouted == 0);
    assert!(brief(&world.up(1, 0, 60)).is_empty(), "nobody was told");
}

#[test]
fn the_end_goes_to_whoever_was_told_although_the_policy_is_gone() {
    let mut world = World::new(vec![route(policy("ops", &["chat", "mail"]))]);
    world.down(1, 0);
    world.entry.routes.clear();
    world.catalog.providers.remove(&name("mail"));
    assert!(brief(&world.step(AnnounceInput::Catalog, 10)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat"], "mail does not exist any more");
}

#[test]
fn a_route_that_appears_is_told_of_the_open_incident_with_the_true_start() {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    world.down(1, 0);
    world.entry.routes.push(route(policy("late", &["pager"])));
    world.entry.routes[0].providers.push(name("mail"));
    let more = world.step(AnnounceInput::Catalog, 600);
    assert_eq!(brief(&more), ["down mail", "down pager"]);
    assert_eq!(more.outbox[1].event.at, at(0));
    assert!(brief(&world.step(AnnounceInput::Catalog, 660)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 700)), ["up chat", "up mail", "up pager"]);
}

#[test]
fn a_route_that_replaces_another_does_not_tell_the_same_provider_twice() {
    let mut world = World::new(vec![route(policy("old", &["chat"]))]);
    world.down(1, 0);
    world.entry.routes = vec![route(policy("new", &["chat"]))];
    assert!(brief(&world.step(AnnounceInput::Catalog, 10)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat"]);
}

#[test]
fn a_provider_told_by_two_policies_hears_both_ends_although_one_is_gone() {
    let two = vec![route(policy("first", &["chat"])), route(policy("second", &["chat"]))];
    let mut world = World::new(two);
    assert_eq!(brief(&world.down(1, 0)), ["down chat", "down chat"]);
    world.entry.routes.pop();
    assert!(brief(&world.step(AnnounceInput::Catalog, 10)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat", "up chat"]);
}

#[test]
fn paused_and_deleted_say_no_longer_monitored_to_whoever_was_told() {
    for (closing, code) in [(Closing::Paused, "PAUSED"), (Closing::Deleted, "DELETED")] {
        let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
        world.down(1, 0);
        let end = world.notice(closed(1, 0, 60, closing), 60);
        assert_eq!(brief(&end), ["closed chat"]);
        assert_eq!(end.outbox[0].event.reason.as_deref(), Some(code));
        assert!(end.outbox[0].event.note.as_ref().unwrap().contains("no longer monitored"));
    }
}

#[test]
fn deletion_closes_what_the_verdict_did_not() {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    world.down(1, 0);
    assert_eq!(brief(&world.step(AnnounceInput::Deleted, 60)), ["closed chat"]);
    assert!(world.state.is_idle());
}

#[test]
fn a_fallback_provider_that_was_told_is_told_the_end() {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    let key = world.down(1, 0).outbox[0].key.clone();
    let feedback =
        DeliveryFeedback::FellBack { key, provider: name("boss"), fallback_key: "f".to_owned() };
    world.step(AnnounceInput::Delivery(feedback), 5);
    let up = world.up(1, 0, 60);
    assert_eq!(brief(&up), ["up chat", "up boss"]);
    assert_eq!(up.outbox[1].merges.as_deref(), Some("f"));
}

#[test]
fn degraded_is_told_where_asked_for_and_its_end_to_whoever_was_told() {
    let mut keen = policy("keen", &["chat"]);
    keen.triggers.on_degraded = true;
    let mut world = World::new(vec![route(keen), route(policy("ops", &["mail"]))]);
    let degraded = |second| Notice::BecameDegraded { at: at(second), facts: super::kit::facts() };
    world.shown = MonitorState::Degraded;
    assert!(brief(&world.notice(degraded(0), 0)).is_empty(), "notifyOn leaves it out");
    world.notice(Notice::DegradedOver { at: at(5) }, 5);
    let monitor = Arc::make_mut(&mut world.entry.monitor);
    monitor.alerting.notify_on = Some(vec![EventKind::Degraded, EventKind::Up]);
    assert_eq!(brief(&world.notice(degraded(10), 10)), ["degraded chat"]);
    world.shown = MonitorState::Up;
    let over = world.notice(Notice::DegradedOver { at: at(60) }, 60);
    assert_eq!(brief(&over), ["up chat"]);
    assert_eq!(over.outbox[0].event.note.as_deref(), Some("was degraded"));
}

#[test]
fn unknown_is_told_by_default_and_its_end_only_once() {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    world.down(1, 0);
    world.shown = MonitorState::Unknown;
    let unknown = Notice::BecameUnknown {
        at: at(300),
        previous: MonitorState::Down,
        facts: super::kit::facts(),
    };
    assert_eq!(brief(&world.notice(unknown.clone(), 300)), ["unknown chat"]);
    world.shown = MonitorState::Up;
    let back = [Notice::UnknownOver { at: at(400) }, closed(1, 0, 400, Closing::Recovered)];
    let over = world.step(AnnounceInput::Notices(&back), 400);
    assert_eq!(brief(&over), ["up chat"], "one up says both");
    world.shown = MonitorState::Unknown;
    assert_eq!(brief(&world.notice(unknown, 900)), ["unknown chat"]);
    world.shown = MonitorState::Up;
    let over = world.notice(Notice::UnknownOver { at: at(960) }, 960);
    assert_eq!(brief(&over), ["up chat"]);
}

#[test]
fn a_monitor_that_is_well_costs_nothing() {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    world.entry.silences = vec![silence("night", 0, 100)];
    world.parents = vec![parent("router")];
    for effects in [
        world.step(AnnounceInput::Notices(&[]), 0),
        world.timer(1),
        world.step(AnnounceInput::Related, 2),
        world.notice(Notice::FailureOver, 3),
    ] {
        assert!(!effects.dirty && wake(&effects).is_none());
    }
}

#[test]
fn an_open_incident_that_was_told_is_not_written_again() {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    assert!(world.down(1, 0).dirty);
    assert!(!world.timer(60).dirty);
    assert!(!world.step(AnnounceInput::Related, 61).dirty);
}

#[test]
fn state_survives_a_restart() {
    let mut world = World::new(vec![route(policy("ops", &["chat"]))]);
    world.down(1, 0);
    let stored = serde_json::to_vec(&world.state).unwrap();
    world.state = serde_json::from_slice(&stored).unwrap();
    assert!(brief(&world.step(AnnounceInput::Catalog, 30)).is_empty());
    assert_eq!(brief(&world.up(1, 0, 60)), ["up chat"]);
}
