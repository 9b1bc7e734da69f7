//! Whose fault a failed look-up is, against DNS servers on loopback that live, die and fail.

use std::sync::atomic::{AtomicBool, Ordering};

use hickory_proto::op::{Message, ResponseCode};

use super::tests::Fixture;
use super::*;
use crate::dns::testing::{DnsServer, Step, address, reply};

const OURS: Outcome = Outcome::Indeterminate(Reason::ResolverDown);

/// A server that knows every name until it is silent.
async fn mortal() -> (DnsServer, Arc<AtomicBool>) {
    let dead = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&dead);
    let server = DnsServer::start(move |request, _| {
        if silent.load(Ordering::Relaxed) {
            return vec![];
        }
        let found = address(&request.queries[0].name().to_ascii(), "192.0.2.1");
        vec![Step::Send(reply(request, ResponseCode::NoError, &[found]))]
    })
    .await;
    (server, dead)
}

/// A server that does this with the control question and this with any name.
async fn server(control: fn(&Message) -> Vec<Step>, name: fn(&Message) -> Vec<Step>) -> DnsServer {
    DnsServer::start(move |request, _| {
        if request.queries[0].name().is_root() { control(request) } else { name(request) }
    })
    .await
}

fn silence(_: &Message) -> Vec<Step> {
    vec![]
}

fn refusal(request: &Message) -> Vec<Step> {
    vec![Step::Send(reply(request, ResponseCode::Refused, &[]))]
}

fn servfail(request: &Message) -> Vec<Step> {
    vec![Step::Send(reply(request, ResponseCode::ServFail, &[]))]
}

fn control_questions(server: &DnsServer) -> usize {
    server.asked().iter().filter(|(name, ..)| name == ".").count()
}

#[tokio::test]
async fn the_first_name_after_the_servers_died_is_no_targets_fault() {
    let (server, dead) = mortal().await;
    let fixture = Fixture::new(&[&server], "", "");
    for name in ["a.example", "b.example"] {
        assert_eq!(fixture.outcome(name).await, Outcome::Success);
    }
    dead.store(true, Ordering::Relaxed);
    let seen = fixture.lookup("c.example", IpFamily::Ipv4).await.unwrap_err();
    assert_eq!(seen.outcome(), OURS);
    let message = seen.to_string();
    // A busy machine may leave the control question no time; that nobody answers is said all the same.
    let unanswered = message.ends_with("no DNS server answers a control question either")
        || message.ends_with("no DNS server answered anything meanwhile");
    assert!(unanswered, "{message}");
    dead.store(false, Ordering::Relaxed);
    assert_eq!(fixture.outcome("c.example").await, Outcome::Success);
}

#[tokio::test]
async fn one_names_dead_zone_is_the_targets_fault_while_the_server_lives() {
    let server = server(refusal, silence).await;
    let fixture = Fixture::new(&[&server], "", "");
    let timeout = Outcome::Failure(Reason::DnsTimeout);
    assert_eq!(fixture.outcome("a.example").await, timeout);
    assert_eq!(fixture.outcome("b.example").await, timeout);
    assert_eq!(control_questions(&server), 2, "an answer from before a look-up proves nothing");
    assert_eq!(fixture.outcome("c.example").await, OURS, "three names, and none resolves");
}

#[tokio::test]
async fn one_living_server_of_two_is_enough_to_blame_the_name() {
    let (dead, alive) = (server(silence, silence).await, server(refusal, silence).await);
    for servers in [[&dead, &alive], [&alive, &dead]] {
        let fixture = Fixture::new(&servers, "", "");
        assert_eq!(fixture.outcome("a.example").await, Outcome::Failure(Reason::DnsTimeout));
    }
}

#[tokio::test]
async fn one_dead_server_of_two_hides_nothing_that_the_other_knows() {
    let (dead, (alive, _)) = (server(silence, silence).await, mortal().await);
    let fixture = Fixture::new(&[&dead, &alive], "", "");
    assert_eq!(fixture.outcome("a.example").await, Outcome::Success);
}

#[tokio::test]
async fn a_server_that_fails_everything_is_ours_at_once() {
    let server = server(servfail, servfail).await;
    let fixture = Fixture::new(&[&server], "", "");
    let seen = fixture.lookup("a.example", IpFamily::Ipv4).await.unwrap_err();
    assert_eq!(seen.outcome(), OURS);
    assert!(seen.to_string().ends_with("a control question fails too"), "{seen}");
}

#[tokio::test]
async fn servfail_for_a_name_whose_control_is_answered_or_dropped_is_the_targets_fault() {
    for control in [refusal, silence] {
        let server = server(control, servfail).await;
        let fixture = Fixture::new(&[&server], "", "");
        assert_eq!(fixture.outcome("a.example").await, Outcome::Failure(Reason::DnsServfail));
    }
}

#[tokio::test]
async fn look_ups_that_fail_together_share_one_control_question() {
    let server = server(silence, silence).await;
    let fixture = Fixture::new(&[&server], "", "");
    let names: Vec<_> = (0..20).map(|number| format!("{number}.example")).collect();
    let seen = names.iter().map(|name| fixture.outcome(name));
    assert!(futures_util::future::join_all(seen).await.into_iter().all(|outcome| outcome == OURS));
    assert_eq!(control_questions(&server), 1);
}

#[tokio::test]
async fn a_short_attempt_has_time_for_the_control_question_too() {
    for (control, expected) in
        [(silence as fn(&Message) -> _, OURS), (refusal, Outcome::Failure(Reason::DnsTimeout))]
    {
        let server = server(control, silence).await;
        let mut fixture = Fixture::new(&[&server], "", "");
        fixture.settings.networking.dns_timeout = Duration::from_secs(30);
        fixture.left = Duration::from_millis(350);
        let started = Instant::now();
        assert_eq!(fixture.outcome("a.example").await, expected);
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(control_questions(&server), 1);
    }
}

#[tokio::test]
async fn without_time_for_it_what_was_heard_meanwhile_decides() {
    let server = server(refusal, silence).await;
    let mut fixture = Fixture::new(&[&server], "", "");
    fixture.left = Duration::from_millis(8);
    let seen = fixture.lookup("a.example", IpFamily::Ipv4).await.unwrap_err();
    assert_eq!(seen.outcome(), OURS);
    assert_eq!(control_questions(&server), 0);
    let upstream = fixture.resolver.inner.upstream(&fixture.settings).unwrap();
    let began = Instant::now();
    assert!(upstream.cut_off(began).is_some());
    upstream.heard();
    assert!(upstream.cut_off(began).is_none());
}

#[tokio::test]
async fn a_server_that_drops_the_control_question_but_answers_names_lives() {
    let server = server(silence, silence).await;
    let mut fixture = Fixture::new(&[&server], "", "");
    fixture.settings.networking.dns_timeout = Duration::from_secs(4);
    let upstream = fixture.resolver.inner.upstream(&fixture.settings).unwrap();
    let another_name_is_answered = async {
        while control_questions(&server) == 0 {
            tokio::task::yield_now().await;
        }
        upstream.heard();
    };
    let (seen, ()) = tokio::join!(fixture.outcome("a.example"), another_name_is_answered);
    assert_eq!(seen, Outcome::Failure(Reason::DnsTimeout));
}

#[test]
fn less_time_is_rounded_so_that_attempts_share() {
    let ms = Duration::from_millis;
    assert_eq!(within(ms(5_000), ms(9_000)), ms(5_000));
    assert_eq!(within(ms(5_000), ms(1_349)), ms(1_300));
    assert_eq!(within(ms(5_000), ms(49)), ms(49));
}
