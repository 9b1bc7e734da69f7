//! Dedupe, rate limit and grouping: they delay, they never drop.

use super::kit::{World, brief, facts, incident, unsaid, wake};
use crate::engine::notice::Notice;
use crate::engine::testkit::{at, policy, route, secs};
use crate::policy::GroupBy;
use crate::state::MonitorState;

#[test]
fn a_rate_limit_delays_the_next_down_and_nothing_delays_the_up() {
    let mut limited = policy("ops", &["chat"]);
    limited.rate_limit = secs(300);
    let mut world = World::new(vec![route(limited)]);
    assert_eq!(brief(&world.down(1, 0)), ["down chat"]);
    assert_eq!(brief(&world.up(1, 0, 30)), ["up chat"]);
    let held = world.down(2, 60);
    assert!(brief(&held).is_empty());
    assert_eq!(held.suppressed_by.as_deref(), Some("rate limit of shop/ops"));
    assert_eq!(wake(&held), Some(300));
    let told = world.timer(300);
    assert_eq!(brief(&told), ["down chat"]);
    assert_eq!(told.outbox[0].event.at, at(60));
    assert_eq!(brief(&world.up(2, 60, 310)), ["up chat"]);
}

#[test]
fn a_down_that_is_over_before_its_limit_is_logged_as_such() {
    let mut limited = policy("ops", &["chat"]);
    limited.rate_limit = secs(300);
    let mut world = World::new(vec![route(limited)]);
    world.down(1, 0);
    world.up(1, 0, 30);
    world.down(2, 60);
    let over = world.up(2, 60, 90);
    assert!(brief(&over).is_empty());
    assert_eq!(unsaid(&over), ["down chat: rate limit of shop/ops; it was over before that ended"]);
}

#[test]
fn the_effective_dedupe_key_has_event_and_incident() {
    let mut deduped = policy("ops", &["chat"]);
    deduped.dedupe_window = secs(600);
    let mut world = World::new(vec![route(deduped)]);
    assert_eq!(brief(&world.down(1, 0)), ["down chat"]);
    assert_eq!(brief(&world.up(1, 0, 30)), ["up chat"]);
    assert_eq!(brief(&world.down(2, 60)), ["down chat"], "another incident");
    assert_eq!(brief(&world.up(2, 60, 90)), ["up chat"]);
    let again = Notice::Reopened { incident: incident(2), at: at(120), facts: facts() };
    world.shown = MonitorState::Down;
    let held = world.notice(again, 120);
    assert_eq!(held.suppressed_by.as_deref(), Some("dedupe window of shop/ops"));
    assert_eq!(wake(&held), Some(660));
    assert_eq!(brief(&world.timer(660)), ["down chat"]);
}

#[test]
fn messages_with_something_in_common_travel_together_after_the_wait() {
    let mut grouped = policy("ops", &["chat", "mail"]);
    grouped.group_by = vec![GroupBy::Namespace, GroupBy::Label("tier".to_owned())];
    grouped.group_wait = secs(30);
    let mut world = World::new(vec![route(grouped)]);
    let down = world.down(1, 0);
    let keys: Vec<_> = down.outbox.iter().map(|row| &row.group_key).collect();
    assert!(keys[0].is_some() && keys[0] == keys[1]);
    assert!(down.outbox.iter().all(|row| row.not_before == at(30)));
    let up = world.up(1, 0, 60);
    assert_ne!(up.outbox[0].group_key, down.outbox[0].group_key);
}
