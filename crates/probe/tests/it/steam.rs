//! `steam` against a stub that keeps to the documented contract: no answer without a challenge,
//! which belongs to the address that asks and changes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_core::check::{Check, CheckType, SteamCheck, variables};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_expr::Condition;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::fixture::monitor::monitor;
use crate::fixture::{World, fact};

const QUESTION: &[u8] = b"\xff\xff\xff\xffTSource Engine Query\0";

/// The answer of a server with 5 of 24 players.
fn answer() -> Vec<u8> {
    b"\xff\xff\xff\xffI\x11Friday night\x00de_dust2\x00cstrike\x00Counter-Strike\x00\xf0\x00\
      \x05\x18\x02dl\x00\x011.38\x00\xb1\x87\x69\x04\xe0\x69\x9c\x87\x1b\x40\x01"
        .to_vec()
}

/// The answer in parts of at most `size` bytes.
fn parts(answer: &[u8], size: usize) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = answer.chunks(size).collect();
    let total = u8::try_from(chunks.len()).unwrap();
    let part = |(number, chunk): (usize, &&[u8])| {
        let number = u8::try_from(number).unwrap();
        let head = [0xfe, 0xff, 0xff, 0xff, 9, 0, 0, 0, total, number, 0xe0, 0x04];
        [&head[..], chunk].concat()
    };
    chunks.iter().enumerate().map(part).collect()
}

/// A game server: every question without the challenge given last is answered with a new one.
struct Game {
    address: SocketAddr,
    questions: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Drop for Game {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Game {
    /// Says `datagrams` to whoever proves his address. The first `lost` questions do not arrive,
    /// and the first `stale` challenges are out of date when they come back.
    async fn start(datagrams: Vec<Vec<u8>>, lost: u32, stale: u32) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let questions = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&questions);
        let task = tokio::spawn(async move {
            let given: Mutex<Option<(SocketAddr, [u8; 4])>> = Mutex::new(None);
            let (mut seen, mut outdated) = (0, stale);
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = &buffer[..length];
                assert!(question.starts_with(QUESTION), "{question:?}");
                seen += 1;
                count.store(seen, Ordering::SeqCst);
                if seen <= lost {
                    continue;
                }
                let proof = <[u8; 4]>::try_from(&question[QUESTION.len()..]).ok();
                let known = proof.is_some_and(|it| *given.lock().unwrap() == Some((from, it)));
                if known && outdated == 0 {
                    for datagram in &datagrams {
                        socket.send_to(datagram, from).await.unwrap();
                    }
                    continue;
                }
                if known {
                    outdated -= 1;
                }
                let challenge = (0x5eed_0000 + seen).to_le_bytes();
                *given.lock().unwrap() = Some((from, challenge));
                let said = [&b"\xff\xff\xff\xffA"[..], &challenge].concat();
                socket.send_to(&said, from).await.unwrap();
            }
        });
        Self { address, questions, task }
    }

    fn check(&self) -> SteamCheck {
        SteamCheck {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            min_players: None,
            max_players: None,
            expected_map: None,
        }
    }

    async fn seen_by(&self, world: &World) -> Observation {
        world.run(Check::Steam(Box::new(self.check()))).await
    }
}

fn impatient() -> World {
    let mut world = World::new();
    world.timeout = Duration::from_millis(900);
    world
}

#[tokio::test]
async fn a_server_is_asked_with_the_challenge_it_gave() {
    let game = Game::start(vec![answer()], 0, 0).await;
    let seen = game.seen_by(&World::new()).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(seen.message, "`Friday night` plays de_dust2 with 5 of 24 players, 2 of them bots");
    assert_eq!(seen.peer, Some(game.address.ip()));
    assert!(seen.phases.first_byte.is_some());
    assert_eq!(game.questions.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_challenge_may_change_and_a_datagram_be_lost() {
    let game = Game::start(vec![answer()], 1, 2).await;
    let seen = game.seen_by(&World::new()).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(game.questions.load(Ordering::SeqCst), 5);
    let never = Game::start(vec![answer()], 0, u32::MAX).await;
    let seen = never.seen_by(&World::new()).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::SteamMalformed));
    assert_eq!(seen.message, "the server answered 8 times with another challenge");
}

#[tokio::test]
async fn parts_are_put_together_in_whatever_order_they_come() {
    let mut datagrams = parts(&answer(), 30);
    assert!(datagrams.len() > 2);
    datagrams.reverse();
    datagrams.insert(1, datagrams[0].clone());
    let game = Game::start(datagrams, 0, 0).await;
    let seen = game.seen_by(&World::new()).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
}

#[tokio::test]
async fn players_and_map_are_judged_and_everything_said_is_evidence() {
    let game = Game::start(vec![answer()], 0, 0).await;
    let world = World::new();
    let few = SteamCheck { min_players: Some(6), ..game.check() };
    let many = SteamCheck { max_players: Some(4), ..game.check() };
    let map = SteamCheck { expected_map: Some("de_nuke".into()), ..game.check() };
    for (check, reason, end) in [
        (few, Reason::SteamPlayers, "expected at least 6"),
        (many, Reason::SteamPlayers, "expected at most 4"),
        (map, Reason::SteamMap, "expected the map de_nuke"),
    ] {
        let seen = world.run(Check::Steam(Box::new(check))).await;
        assert_eq!(seen.outcome, Outcome::Failure(reason));
        assert!(seen.message.ends_with(end), "{}", seen.message);
        assert_eq!(fact(&seen, "map"), Some("de_dust2"));
        assert_eq!(fact(&seen, "players"), Some("5 of 24"));
        assert_eq!(fact(&seen, "version"), Some("1.38"));
    }
}

#[tokio::test]
async fn broken_answers_are_the_servers_and_silence_is_silence() {
    let cut = answer()[..40].to_vec();
    let compressed = b"\xfe\xff\xff\xff\x01\x00\x00\x80\x02\x00\xe0\x04BZh91AY".to_vec();
    for (datagrams, reason, message) in [
        (vec![cut], Reason::SteamMalformed, "the server sent an answer that ends too early"),
        (
            vec![compressed],
            Reason::SteamMalformed,
            "the server sent a compressed answer, which A2S_INFO never needs",
        ),
        (
            parts(&answer(), 30)[1..].to_vec(),
            Reason::Timeout,
            "a challenge came and then no answer to it within 900 ms",
        ),
    ] {
        let game = Game::start(datagrams, 0, 0).await;
        let seen = game.seen_by(&impatient()).await;
        assert_eq!(seen.outcome, Outcome::Failure(reason));
        assert_eq!(seen.message, message);
    }
    let deaf = Game::start(vec![answer()], u32::MAX, 0).await;
    let seen = deaf.seen_by(&impatient()).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Timeout));
    assert_eq!(seen.message, "no answer to the query within 900 ms");
    let flood = Game::start(vec![parts(&answer(), 30)[1].clone(); 100], 0, 0).await;
    let seen = flood.seen_by(&World::new()).await;
    assert_eq!(seen.message, "no answer within 64 datagrams");
}

#[tokio::test]
async fn a_closed_port_and_a_forbidden_address_are_told_apart() {
    let game = Game::start(vec![], 0, 0).await;
    let check = game.check();
    drop(game);
    // The port is free once the stub's task is gone.
    while UdpSocket::bind((check.host.as_str(), check.port)).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut world = World::new();
    let seen = world.run(Check::Steam(Box::new(check.clone()))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::ConnectionRefused), "{seen:?}");
    world.settings.networking.egress.deny = vec!["127.0.0.0/8".parse().unwrap()];
    let seen = world.run(Check::Steam(Box::new(check))).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied));
}

#[tokio::test]
async fn what_a_server_says_can_be_asked_for() {
    let game = Game::start(vec![answer()], 0, 0).await;
    let world = World::new();
    let judged = async |source: &str| {
        let mut monitor = monitor(Check::Steam(Box::new(game.check())));
        let condition = Condition::compile(source, &variables(CheckType::Steam)).unwrap();
        monitor.criteria.condition = Some(condition);
        world.run_monitor(&monitor).await
    };
    for condition in [
        "players - bots == 3 && slots == 24",
        "map.startsWith('de_') && name == 'Friday night'",
        "players * 2 < slots",
    ] {
        let seen = judged(condition).await;
        assert_eq!(seen.outcome, Outcome::Success, "{condition}: {seen:?}");
    }
    let seen = judged("bots == 0").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Condition));
    assert!(fact(&seen, "players").is_some(), "{seen:?}");
}
