//! When the guard trips, how long it holds and what it says afterwards.

use std::time::Duration;

use proptest::prelude::*;

use super::{Guard, GuardRun, LEAST_HOLD, Network, RunResult};
use crate::id::MonitorId;
use crate::observation::Observation;
use crate::reason::Reason;
use crate::settings::SelfCheckSettings;
use crate::time::{Timestamp, between, from_ms};

fn at(seconds: i64) -> Timestamp {
    from_ms(1_780_000_000_000 + seconds * 1000)
}

struct Case {
    guard: Guard,
    settings: SelfCheckSettings,
}

impl Case {
    fn new() -> Self {
        Self { guard: Guard::new(), settings: SelfCheckSettings::default() }
    }

    fn run(&mut self, monitor: i64, result: RunResult, second: i64) {
        let network = u8::try_from(monitor % 200).unwrap();
        self.run_on(monitor, network, result, second);
    }

    fn run_on(&mut self, monitor: i64, network: u8, result: RunResult, second: i64) {
        let run = GuardRun {
            monitor: MonitorId(monitor),
            network: Some(Network::V4([10, 0, network])),
            interval: Duration::from_secs(30),
            result,
        };
        self.guard.observe(run, &self.settings, at(second));
    }

    fn fail(&mut self, monitors: std::ops::Range<i64>, second: i64) {
        for monitor in monitors {
            self.run(monitor, RunResult::NoAnswer, second);
        }
    }

    fn succeed(&mut self, monitors: std::ops::Range<i64>, second: i64) {
        for monitor in monitors {
            self.run(monitor, RunResult::Answered, second);
        }
    }

    fn holding(&mut self, second: i64) -> bool {
        self.guard.status(&self.settings, at(second)).holding
    }
}

#[test]
fn five_monitors_on_three_networks_and_over_half_of_all_trip_it() {
    let mut case = Case::new();
    case.succeed(5..9, 0);
    case.fail(0..4, 1);
    assert!(!case.holding(1), "four");
    case.fail(4..5, 1);
    let status = case.guard.status(&case.settings, at(1));
    assert!(status.holding);
    assert_eq!(status.until, Some(at(91)));
}

#[test]
fn half_of_all_is_not_enough() {
    let mut case = Case::new();
    case.succeed(100..105, 0);
    case.fail(0..5, 1);
    assert!(!case.holding(1));
}

#[test]
fn two_networks_are_not_enough() {
    let mut case = Case::new();
    for monitor in 0..9 {
        case.run_on(monitor, u8::try_from(monitor % 2).unwrap(), RunResult::NoAnswer, 1);
    }
    assert!(!case.holding(1));
}

#[test]
fn failures_that_are_answers_or_old_do_not_count() {
    let mut case = Case::new();
    case.succeed(0..9, 1);
    assert!(!case.holding(1));
    let mut case = Case::new();
    for monitor in 0..9 {
        // One every ten seconds: never five within thirty.
        case.fail(monitor..monitor + 1, monitor * 10);
        assert!(!case.holding(monitor * 10));
    }
}

#[test]
fn those_that_failed_before_are_no_news() {
    let mut case = Case::new();
    for second in [0, 12, 24, 36, 48, 60, 72, 84, 96, 108, 120] {
        let monitor = second / 12;
        case.fail(0..monitor.min(8), second);
        assert!(!case.holding(second), "{second}");
    }
}

#[test]
fn after_the_hold_one_mass_outage_is_told_and_downs_are_let_go() {
    let mut case = Case::new();
    case.fail(0..6, 0);
    assert!(case.holding(1));
    case.fail(6..7, 30);
    case.succeed(0..1, 30);
    case.fail(1..7, 60);
    assert!(case.holding(89));
    let status = case.guard.status(&case.settings, at(90));
    assert!(!status.holding);
    let outage = status.mass_outage.unwrap();
    assert_eq!(outage.monitors, (1..7).map(MonitorId).collect::<Vec<_>>());
    assert_eq!((outage.networks, outage.since), (6, at(0)));
    let status = case.guard.status(&case.settings, at(91));
    assert_eq!(status.mass_outage, None, "once");
}

#[test]
fn it_ends_early_and_silently_when_most_answer_again() {
    let mut case = Case::new();
    case.fail(0..6, 0);
    case.succeed(0..1, 20);
    assert!(case.holding(20));
    case.succeed(1..2, 21);
    let status = case.guard.status(&case.settings, at(21));
    assert!(!status.holding);
    assert_eq!(status.mass_outage, None);
}

#[test]
fn a_round_longer_than_the_least_hold_counts_twice() {
    let mut case = Case::new();
    for monitor in 0..5 {
        let run = GuardRun {
            monitor: MonitorId(monitor),
            network: Some(Network::Host(format!("host-{monitor}"))),
            interval: Duration::from_secs(60 + 60 * u64::try_from(monitor).unwrap()),
            result: RunResult::NoAnswer,
        };
        case.guard.observe(run, &case.settings, at(0));
    }
    let status = case.guard.status(&case.settings, at(0));
    assert_eq!(status.until, Some(at(120)));
}

#[test]
fn a_self_check_that_succeeds_vetoes_and_one_that_fails_trips() {
    let mut case = Case::new();
    case.guard.observe_self_checks(1, 1, &case.settings, at(0));
    case.fail(0..9, 1);
    assert!(!case.holding(1), "one target answers, so we have a network");
    case.guard.observe_self_checks(0, 2, &case.settings, at(2));
    assert!(case.holding(2));
    case.guard.observe_self_checks(1, 1, &case.settings, at(10));
    let status = case.guard.status(&case.settings, at(10));
    assert!(!status.holding);
    assert_eq!(status.mass_outage, None);
}

#[test]
fn an_old_veto_is_none() {
    let mut case = Case::new();
    case.guard.observe_self_checks(1, 0, &case.settings, at(0));
    case.fail(0..9, 31);
    assert!(case.holding(31));
}

#[test]
fn links_that_are_down_trip_it() {
    let mut case = Case::new();
    case.guard.observe_links(false, &case.settings, at(0));
    assert!(case.holding(0));
    assert!(!case.holding(90), "no longer than the bound");
    assert!(!case.holding(200), "nor again before the links were up");
    case.guard.observe_links(true, &case.settings, at(300));
    case.guard.observe_links(false, &case.settings, at(301));
    assert!(case.holding(301));
}

#[test]
fn it_can_be_turned_off() {
    let mut case = Case::new();
    case.settings.enabled = false;
    case.fail(0..9, 0);
    case.guard.observe_links(false, &case.settings, at(0));
    assert!(!case.holding(0));
}

#[test]
fn a_monitor_that_is_gone_is_forgotten() {
    let mut case = Case::new();
    case.fail(0..5, 0);
    assert!(case.holding(0));
    case.guard.forget(MonitorId(3));
    assert!(!case.holding(1));
}

#[test]
fn networks_are_prefixes_of_addresses_or_names() {
    let of = |peer: Option<&str>, host| Network::of(peer.map(|it| it.parse().unwrap()), host);
    assert_eq!(of(Some("192.0.2.7"), Some("a")), Some(Network::V4([192, 0, 2])));
    assert_eq!(of(None, Some("192.0.2.9")), Some(Network::V4([192, 0, 2])));
    assert_eq!(of(Some("::ffff:192.0.2.7"), None), Some(Network::V4([192, 0, 2])));
    let v6 = Some(Network::V6([0x20, 0x01, 0x0d, 0xb8, 0, 1]));
    assert_eq!(of(Some("2001:db8:1::9"), None), v6);
    assert_eq!(of(None, Some("[2001:db8:1::1]")), v6);
    assert_eq!(of(None, Some("DB.example")), Some(Network::Host("db.example".into())));
    assert_eq!(of(None, None), None);
}

#[test]
fn only_failures_without_answer_are_silence() {
    let of = |observation: &Observation| RunResult::of(observation);
    assert_eq!(of(&Observation::success("")), RunResult::Answered);
    assert_eq!(of(&Observation::failure(Reason::Timeout, "")), RunResult::NoAnswer);
    assert_eq!(of(&Observation::failure(Reason::HttpStatus, "")), RunResult::Answered);
    assert_eq!(of(&Observation::indeterminate(Reason::Uplink, "")), RunResult::NoVerdict);
}

proptest! {
    #[test]
    fn a_trip_never_holds_longer_than_its_bound_and_the_next_waits_for_a_clear_moment(
        acts in prop::collection::vec((0_i64..12, 0_u8..5, 0_i64..12), 1..300),
    ) {
        let mut case = Case::new();
        let mut second = 0;
        let mut since: Option<Timestamp> = None;
        for (wait, what, monitor) in acts {
            second += wait;
            match what {
                0 | 1 => case.run(monitor, RunResult::NoAnswer, second),
                2 => case.run(monitor, RunResult::Answered, second),
                3 => case.run(monitor, RunResult::NoVerdict, second),
                _ => {
                    let well = u32::from(monitor > 8);
                    case.guard.observe_self_checks(well, 1 - well, &case.settings, at(second));
                }
            }
            let status = case.guard.status(&case.settings, at(second));
            prop_assert_eq!(status.holding, status.until.is_some());
            let trip = status.until.map(|_| case.guard.trip.as_ref().unwrap().since);
            if let (Some(before), Some(now)) = (since, trip)
                && before != now
            {
                prop_assert!(false, "a trip followed another without a clear moment");
            }
            if let Some(trip) = trip {
                prop_assert!(between(trip, at(second)) < LEAST_HOLD);
                prop_assert!(between(trip, status.until.unwrap()) <= LEAST_HOLD);
            }
            since = trip;
        }
    }
}
