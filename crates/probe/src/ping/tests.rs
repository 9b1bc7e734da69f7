//! Pings to loop-back, for real, by each method that this host permits.

use std::time::Duration;

use kuma_core::check::{Check, IpFamily};
use kuma_core::observation::Observation;
use kuma_core::settings::{PingMode, Settings};
use tokio::net::TcpListener;

use super::*;
use crate::testing;

fn check(host: &str) -> PingCheck {
    PingCheck {
        host: host.to_owned(),
        count: 1,
        packet_size: 56,
        max_loss_percent: 0,
        tcp_fallback: Some(false),
        tcp_fallback_port: None,
        ip_family: IpFamily::Auto,
    }
}

fn icmp_only() -> Settings {
    let mut settings = Settings::default();
    settings.networking.ping_mode = PingMode::Icmp;
    settings
}

async fn run(check: PingCheck, settings: &Settings, timeout_ms: u64) -> Observation {
    let timeout = Duration::from_millis(timeout_ms);
    testing::run(Check::Ping(Box::new(check)), settings, timeout).await
}

fn icmp_is_permitted(address: &str) -> bool {
    let address: IpAddr = address.parse().unwrap();
    let permitted =
        [false, true].map(|raw| EchoSocket::open(address, raw)).iter().any(Result::is_ok);
    if !permitted {
        kuma_fixture::lacking(&format!("the permission for ICMP to {address}: run as root"));
    }
    permitted
}

#[tokio::test]
async fn loop_back_answers_in_both_families() {
    for host in ["127.0.0.1", "::1"] {
        if !icmp_is_permitted(host) {
            continue;
        }
        let seen = run(check(host), &icmp_only(), 5_000).await;
        assert_eq!(seen.outcome, Outcome::Success, "{host}: {}", seen.message);
        assert!(seen.message.starts_with("icmp"), "{}", seen.message);
        assert!(seen.message.contains("1 of 1 answered (0 % lost)"));
        assert_eq!(seen.peer, Some(host.parse().unwrap()));
        let rtt = seen.phases.first_byte.unwrap();
        assert_eq!(seen.latency.map(micros), Some(rtt), "the latency is the round trip");
    }
}

#[tokio::test]
async fn any_size_and_count_come_back() {
    if !icmp_is_permitted("127.0.0.1") {
        return;
    }
    for (count, packet_size) in [(5, 0), (3, 7), (2, 1_400), (2, 65_000)] {
        let seen =
            run(PingCheck { count, packet_size, ..check("127.0.0.1") }, &icmp_only(), 2_000).await;
        assert_eq!(seen.outcome, Outcome::Success, "{packet_size}: {}", seen.message);
        let summary = format!("{count} of {count} answered");
        assert!(seen.message.contains(&summary), "{}", seen.message);
    }
}

#[tokio::test]
async fn many_at_once_do_not_take_each_others_replies() {
    if !icmp_is_permitted("127.0.0.1") {
        return;
    }
    let settings = icmp_only();
    let pings =
        (0..50).map(|_| run(PingCheck { count: 3, ..check("127.0.0.1") }, &settings, 3_000));
    for seen in futures_util::future::join_all(pings).await {
        assert!(seen.message.contains("3 of 3 answered"), "{}", seen.message);
    }
}

#[tokio::test]
async fn the_tcp_way_counts_connections_and_refusals_as_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut settings = Settings::default();
    settings.networking.ping_mode = PingMode::TcpOnly;
    let asked = PingCheck { count: 3, tcp_fallback_port: Some(port), ..check("127.0.0.1") };
    let open = run(asked.clone(), &settings, 2_000).await;
    assert_eq!(open.outcome, Outcome::Success, "{}", open.message);
    assert!(open.message.starts_with(&format!("tcp {port}: 3 of 3 answered")));
    drop(listener);
    let closed = run(asked, &settings, 2_000).await;
    assert_eq!(closed.outcome, Outcome::Success, "{}", closed.message);
}

#[tokio::test]
async fn an_address_that_may_not_be_asked_is_not_asked() {
    let seen = run(check("169.254.169.254"), &icmp_only(), 1_000).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied));
}

mod verdicts {
    use std::io::ErrorKind;

    use kuma_core::time::Mono;

    use super::*;

    fn tally(answered: usize, silent: usize) -> Tally {
        let mut tally = Tally::default();
        for turn in 0..answered + silent {
            let number = tally.send(Mono(0));
            if turn < answered {
                tally.answer(number, Mono(2_000_000));
            }
        }
        tally
    }

    fn verdict(max_loss_percent: u32, tally: &Tally, reported: Option<ErrorKind>) -> Verdict {
        let plan = Plan {
            address: [192, 0, 2, 1].into(),
            count: tally.sent(),
            size: 56,
            budget: Duration::from_secs(1),
        };
        let check = PingCheck { max_loss_percent, ..check("192.0.2.1") };
        judge(&check, &plan, Method::Raw, tally, reported.map(io::Error::from))
    }

    #[test]
    fn loss_within_the_limit_is_a_success() {
        insta::assert_snapshot!(
            verdict(25, &tally(3, 1), None).unwrap(), @"icmp-raw: 3 of 4 answered (25 % lost), min/avg/max/mdev 2.000/2.000/2.000/0.000 ms"
        );
    }

    #[test]
    fn more_loss_says_how_much_and_by_which_method() {
        let fault = verdict(24, &tally(3, 1), None).unwrap_err();
        assert_eq!(fault.outcome, Outcome::Failure(Reason::PingLoss));
        insta::assert_snapshot!(fault.message, @"icmp-raw: 3 of 4 answered (25 % lost), at most 24 % loss is accepted");
        let facts: Vec<String> =
            fault.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(facts.join("
"), @r"
        method: icmp-raw
        requests: 2 ms, 2 ms, 2 ms, no reply
        min/avg/max/mdev: 2.000/2.000/2.000/0.000 ms
        ");
    }

    #[test]
    fn what_the_network_reports_is_said_when_nothing_was_answered() {
        for (kind, reason) in [
            (ErrorKind::HostUnreachable, Reason::HostUnreachable),
            (ErrorKind::NetworkUnreachable, Reason::NetworkUnreachable),
        ] {
            let fault = verdict(0, &tally(0, 2), Some(kind)).unwrap_err();
            assert_eq!(fault.outcome, Outcome::Failure(reason));
        }
        let fault = verdict(0, &tally(1, 1), Some(ErrorKind::HostUnreachable)).unwrap_err();
        assert_eq!(fault.outcome, Outcome::Failure(Reason::PingLoss));
        let mut reported = tally(0, 1);
        reported.unreachable(0, 1);
        let fault = verdict(0, &reported, None).unwrap_err();
        assert_eq!(fault.outcome, Outcome::Failure(Reason::HostUnreachable));
    }

    #[test]
    fn what_could_not_be_sent_is_not_the_targets_loss() {
        let plan = Plan {
            address: [192, 0, 2, 1].into(),
            count: 3,
            size: 56,
            budget: Duration::from_secs(1),
        };
        let fault = judge(&check("192.0.2.1"), &plan, Method::Raw, &tally(1, 0), None).unwrap_err();
        assert_eq!(fault.outcome, Outcome::Indeterminate(Reason::Resources));
    }

    #[test]
    fn a_host_without_the_family_has_no_way() {
        let error = io::Error::from_raw_os_error(97);
        let fault = no_way(&error, "::1".parse().unwrap());
        assert!(is_unroutable(&fault));
    }
}

#[tokio::test]
async fn loss_and_jitter_can_be_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let check = PingCheck {
        count: 3,
        tcp_fallback: Some(true),
        tcp_fallback_port: Some(port),
        ..check("127.0.0.1")
    };
    for condition in [
        "lossPercent == 0.0 && jitterMs < 5000.0",
        "0.0 < minMs && minMs <= latencyMs && latencyMs <= maxMs && jitterMs <= maxMs - minMs",
    ] {
        let check = Check::Ping(Box::new(check.clone()));
        let seen = testing::run_judged(check, condition).await;
        assert_eq!(seen.outcome, Outcome::Success, "{condition}: {seen:?}");
    }
    let check = Check::Ping(Box::new(check));
    let seen = testing::run_judged(check, "jitterMs < 0.0").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Condition));
    assert_eq!(testing::fact(&seen, "requests").unwrap().split(", ").count(), 3);
}

#[test]
fn conditions_see_what_the_tally_holds() {
    let ms = |ms: u64| kuma_core::time::Mono(ms * 1_000_000);
    let mut tally = Tally::default();
    for rtt in [Some(10), Some(30), None, None] {
        let number = tally.send(ms(100));
        if let Some(rtt) = rtt {
            tally.answer(number, ms(100 + rtt));
        }
    }
    let values = given(&tally, 5).values;
    for (name, expected) in
        [("lossPercent", 60.0), ("minMs", 10.0), ("maxMs", 30.0), ("jitterMs", 10.0)]
    {
        let Value::Double(seen) = values[name] else { panic!("{name}: {values:?}") };
        assert!((seen - expected).abs() < 1e-6, "{name}: {seen}");
    }
    assert_eq!(values.len(), 4);
}
