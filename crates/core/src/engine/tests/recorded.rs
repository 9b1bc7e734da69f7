//! Recorded sequences: what was told, when and why.

use std::sync::Arc;

use super::kit::House;
use crate::engine::testkit::{entry, monitor, name, policy, route, secs, silence};
use crate::policy::EscalationStep;

#[test]
fn an_outage_with_retries_resend_and_escalation() {
    let mut api = monitor("api");
    api.schedule.retries = 2;
    api.schedule.retry_interval = Some(secs(20));
    let mut ops = policy("ops", &["chat", "mail"]);
    ops.resend_interval = secs(600);
    ops.escalation = vec![EscalationStep { after: secs(900), providers: vec![name("boss")] }];
    let mut house = House::new(vec![entry(1, api, vec![route(ops)])]);
    house.ok(1, 10);
    for second in [70, 90, 110, 170] {
        house.fail(1, second);
    }
    house.until(1500);
    house.ok(1, 1510);
    insta::assert_snapshot!(house.told(), @r"
      110 down shop/api -> chat due 110 (-)
      110 down shop/api -> mail due 110 (-)
      710 resend shop/api -> chat due 710 (still down, and nobody acknowledged it)
      710 resend shop/api -> mail due 710 (still down, and nobody acknowledged it)
     1010 escalation shop/api -> boss due 1010 (escalation step 1: nobody acknowledged it)
     1310 resend shop/api -> chat due 1310 (still down, and nobody acknowledged it)
     1310 resend shop/api -> mail due 1310 (still down, and nobody acknowledged it)
     1310 resend shop/api -> boss due 1310 (still down, and nobody acknowledged it)
     1510 up shop/api -> chat due 1510 (-)
     1510 up shop/api -> mail due 1510 (-)
     1510 up shop/api -> boss due 1510 (-)
    ");
}

#[test]
fn a_silence_outlived_and_one_that_was_not() {
    let mut api = entry(1, monitor("api"), vec![route(policy("ops", &["chat"]))]);
    api.silences = vec![silence("deploy", 50, 300), silence("night", 1000, 2000)];
    let mut house = House::new(vec![api]);
    house.ok(1, 10);
    house.fail(1, 70);
    house.until(400);
    house.ok(1, 430);
    house.fail(1, 1030);
    house.ok(1, 1090);
    house.until(3000);
    insta::assert_snapshot!(house.told(), @r"
      300 down shop/api -> chat due 300 (held back until now by silence shop/deploy)
      430 up shop/api -> chat due 430 (-)
     1090 not down shop/api -> chat: silence shop/night; it was over before that ended
    ");
}

#[test]
fn flapping_is_told_once() {
    let mut house =
        House::new(vec![entry(1, monitor("api"), vec![route(policy("ops", &["chat"]))])]);
    house.ok(1, 10);
    for round in 0..6 {
        house.fail(1, 60 + round * 60);
        house.ok(1, 90 + round * 60);
    }
    house.until(4000);
    insta::assert_snapshot!(house.told(), @r"
       60 down shop/api -> chat due 60 (-)
       90 up shop/api -> chat due 90 (-)
      120 down shop/api -> chat due 120 (-)
      150 up shop/api -> chat due 150 (-)
      180 down shop/api -> chat due 180 (-)
      210 flapping shop/api -> chat due 210 (-)
      990 up shop/api -> chat due 990 (-)
    ");
}

#[test]
fn a_disabled_and_a_deleted_monitor_are_no_longer_monitored() {
    let make = |text: &str, id| entry(id, monitor(text), vec![route(policy("ops", &["chat"]))]);
    let mut house = House::new(vec![make("api", 1), make("web", 2)]);
    house.fail(1, 10);
    house.fail(2, 10);
    let mut off = make("api", 1);
    Arc::make_mut(&mut off.monitor).enabled = false;
    house.swap(vec![off], 60);
    insta::assert_snapshot!(house.told(), @r"
       10 down shop/api -> chat due 10 (-)
       10 down shop/web -> chat due 10 (-)
       60 closed shop/web -> chat due 60 (no longer monitored: it was deleted)
       60 closed shop/api -> chat due 60 (no longer monitored: it was disabled)
    ");
}
