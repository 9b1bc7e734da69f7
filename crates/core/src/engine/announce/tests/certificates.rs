//! Certificates that expire soon.

use super::kit::{World, brief, wake};
use crate::engine::announce::AnnounceEffects;
use crate::engine::notice::Notice;
use crate::engine::testkit::{at, policy, route, silence};
use crate::observation::Certificate;

const DAY: i64 = 86_400;

fn seen(world: &mut World, fingerprint: &str, expires: i64, second: i64) -> AnnounceEffects {
    let certificate = Box::new(Certificate {
        fingerprint: fingerprint.to_owned(),
        subject: "CN=api".to_owned(),
        issuer: "CN=ca".to_owned(),
        serial: "1".to_owned(),
        names: Vec::new(),
        not_before: at(-1000 * DAY),
        expires_at: at(expires),
        chain_expires_at: at(expires),
        valid: true,
        problem: None,
        warnings: Vec::new(),
    });
    world.notice(Notice::CertificateSeen { certificate }, second)
}

fn world() -> World {
    let mut thresholds = policy("ops", &["chat"]);
    thresholds.triggers.cert_thresholds = vec![30, 14, 3];
    World::new(vec![route(thresholds)])
}

#[test]
fn on_first_sight_only_the_tightest_threshold_passed_is_told() {
    let mut world = world();
    let told = seen(&mut world, "aa", 10 * DAY, 0);
    assert_eq!(brief(&told), ["certExpiring chat"]);
    assert_eq!(told.outbox[0].event.cert_days, Some(10));
    assert!(brief(&seen(&mut world, "aa", 10 * DAY, 60)).is_empty());
    assert!(brief(&seen(&mut world, "aa", 10 * DAY, 6 * DAY)).is_empty());
    assert_eq!(brief(&seen(&mut world, "aa", 10 * DAY, 7 * DAY)), ["certExpiring chat"]);
    assert!(brief(&seen(&mut world, "aa", 10 * DAY, 9 * DAY)).is_empty());
}

#[test]
fn a_certificate_with_time_left_costs_nothing() {
    let mut world = world();
    let effects = seen(&mut world, "aa", 60 * DAY, 0);
    assert!(!effects.dirty && effects.outbox.is_empty() && world.state.is_idle());
}

#[test]
fn a_renewed_certificate_closes_it() {
    let mut world = world();
    seen(&mut world, "aa", 2 * DAY, 0);
    let renewed = seen(&mut world, "bb", 90 * DAY, DAY);
    assert_eq!(brief(&renewed), ["up chat"]);
    assert_eq!(renewed.outbox[0].event.cert_days, Some(89));
    assert!(brief(&seen(&mut world, "bb", 90 * DAY, DAY + 60)).is_empty());
}

#[test]
fn servers_that_show_one_or_the_other_tell_each_threshold_once() {
    let mut world = world();
    let mut rows = 0;
    for round in 0..20 {
        let fingerprint = if round % 2 == 0 { "aa" } else { "bb" };
        rows += seen(&mut world, fingerprint, 2 * DAY, round * 60).outbox.len();
    }
    assert_eq!(rows, 2, "each once");
    let renewed = seen(&mut world, "cc", 90 * DAY, 5000);
    assert_eq!(brief(&renewed), ["up chat", "up chat"], "both are over");
}

#[test]
fn a_silence_delays_it() {
    let mut world = world();
    world.entry.silences = vec![silence("night", -10, 300)];
    let held = seen(&mut world, "aa", 2 * DAY, 0);
    assert!(brief(&held).is_empty());
    assert_eq!(wake(&held), Some(300));
    assert_eq!(brief(&world.timer(300)), ["certExpiring chat"]);
}
