//! The worker: order, retries, pauses, dead letters and fallbacks, hanging providers, crashes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::id::ObjectName;
use kuma_core::ports::Store;
use kuma_core::provider::{ProviderConfig, ProviderType};

use crate::bench::{Bench, hook};
use crate::http_server::{HttpServer, Reaction, Received, refused};
use crate::kit::{at, name, policy, provider, row, until};
use crate::memory_store::Status;

async fn server() -> HttpServer {
    HttpServer::start(|_| Ok(())).await
}

fn events(server: &HttpServer) -> Vec<String> {
    let received = server.received();
    received.iter().map(|request| request.json()["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_enqueued_is_sent_without_waiting_for_a_timer() {
    let server = server().await;
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    bench.start();
    let sent = bench.enqueue(row("api", "a", EventKind::Down));
    // This waits for less than the worker naps.
    until("it is sent", || bench.store.status(&sent) == Status::Sent).await;
    assert_eq!(server.received()[0].headers["webhook-id"], sent);
    assert!(bench.health("a").healthy);
    assert_eq!(bench.number("deliveries"), "1");
    assert_eq!(bench.number("deliveries_running"), "0");
}

#[tokio::test]
async fn a_retry_sends_the_same_bytes_and_an_up_never_overtakes_its_down() {
    let server = server().await;
    server.next(Reaction::status(503));
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    bench.start();
    let down = bench.enqueue(row("api", "a", EventKind::Down));
    bench.attempted(&down, 1).await;
    let up = bench.enqueue(row("api", "a", EventKind::Up));
    assert_eq!(bench.store.status(&up), Status::Pending);
    assert!(bench.store.row(&down).last_error.unwrap().contains("SERVER_ERROR"));
    bench.pass(Duration::from_secs(10));
    bench.becomes(&up, Status::Sent).await;
    assert_eq!(events(&server), ["down", "down", "up"]);
    assert_eq!(server.received()[0].body, server.received()[1].body);
    assert_eq!(bench.number("delivery_retries"), "1");
}

#[tokio::test]
async fn an_up_whose_down_was_never_attempted_is_told_with_it() {
    let server = server().await;
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    let down = bench.enqueue(row("api", "a", EventKind::Down));
    let mut up = row("api", "a", EventKind::Up);
    up.merges = Some(down.clone());
    bench.enqueue(up);
    bench.start();
    bench.becomes(&down, Status::Sent).await;
    assert_eq!(events(&server), ["up"]);
    let body = server.received()[0].json();
    assert_eq!(body["title"], "UP: shop/api was down for 1 min");
}

#[tokio::test]
async fn a_group_is_one_message() {
    let server = server().await;
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    for monitor in ["api", "db", "web"] {
        let mut row = row(monitor, "a", EventKind::Down);
        row.group_key = Some("night".into());
        bench.enqueue(row);
    }
    bench.start();
    until("all are sent", || bench.store.rows().iter().all(|row| row.status == Status::Sent)).await;
    assert_eq!(events(&server), ["digest"]);
    assert_eq!(server.received()[0].json()["events"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_provider_that_hangs_delays_nobody_else() {
    let (slow, quick) = (server().await, server().await);
    slow.always(Reaction::Hang);
    let providers = vec![hook("slow", &slow.url("/")), hook("quick", &quick.url("/"))];
    let mut bench = Bench::new(providers, Vec::new());
    for number in 0..100 {
        bench.enqueue(row(&format!("m{number}"), "slow", EventKind::Down));
    }
    let keys: Vec<_> = (0..20)
        .map(|number| bench.enqueue(row(&format!("m{number}"), "quick", EventKind::Down)))
        .collect();
    bench.start();
    let all = async {
        for key in &keys {
            bench.becomes(key, Status::Sent).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), all).await.unwrap();
    assert!(slow.received().len() <= 2, "two at a time");
}

#[tokio::test]
async fn what_is_claimed_is_frozen_before_any_of_it_is_sent_and_is_no_repeat() {
    let server = server().await;
    server.always(Reaction::Hang);
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    let keys: Vec<_> = (0..5)
        .map(|number| bench.enqueue(row(&format!("m{number}"), "a", EventKind::Down)))
        .collect();
    bench.start();
    until("two are being sent", || server.received().len() == 2).await;
    let frozen: Vec<_> = keys.iter().map(|key| bench.store.row(key).frozen.unwrap()).collect();
    server.always(Reaction::status(200));
    let mut bench = bench.die().await;
    bench.start();
    for key in &keys {
        bench.becomes(key, Status::Sent).await;
    }
    let same = keys.iter().zip(frozen).all(|(key, was)| bench.store.row(key).frozen == Some(was));
    assert!(same, "rendered once");
}

#[tokio::test]
async fn a_429_pauses_the_whole_provider() {
    let server = server().await;
    let wait = vec![("retry-after", "60".to_owned())];
    server.next(Reaction::Answer(429, wait, String::new()));
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    bench.start();
    let first = bench.enqueue(row("api", "a", EventKind::Down));
    bench.attempted(&first, 1).await;
    let pauses = bench.store.provider_pauses().await.unwrap();
    assert_eq!(pauses, [(name("a"), at(60_000))]);
    let other = bench.enqueue(row("db", "a", EventKind::Down));
    bench.pass(Duration::from_secs(59));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.received().len(), 1, "left alone");
    let mut bench = bench.die().await;
    bench.start();
    bench.worker.wake();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.received().len(), 1, "also after a restart");
    bench.pass(Duration::from_secs(2));
    bench.becomes(&first, Status::Sent).await;
    bench.becomes(&other, Status::Sent).await;
}

#[tokio::test]
async fn a_dead_letter_goes_to_the_fallback_providers() {
    let (gone, other) = (server().await, server().await);
    gone.always(Reaction::status(410));
    let providers = vec![hook("gone", &gone.url("/")), hook("other", &other.url("/"))];
    let mut bench = Bench::new(providers, vec![policy("ops", &["other"])]);
    bench.start();
    let mut row = row("api", "gone", EventKind::Down);
    row.policy = Some(name("ops"));
    let dead = bench.enqueue(row);
    bench.becomes(&dead, Status::Dead).await;
    until("the fallback arrives", || other.received().len() == 1).await;
    let body = other.received()[0].json();
    assert!(body["note"].as_str().unwrap().contains("shop/gone failed: GONE"), "{body}");
    assert!(!bench.health("gone").healthy);
    assert_eq!(bench.number("delivery_dead_letters"), "1");
}

#[tokio::test]
async fn a_fallback_hears_of_the_up_that_was_merged_into_the_dead_down() {
    let (gone, other) = (server().await, server().await);
    gone.always(Reaction::status(410));
    let providers = vec![hook("gone", &gone.url("/")), hook("other", &other.url("/"))];
    let mut bench = Bench::new(providers, vec![policy("ops", &["other"])]);
    for kind in [EventKind::Down, EventKind::Up] {
        let mut row = row("api", "gone", kind);
        row.policy = Some(name("ops"));
        let down = crate::kit::row("api", "gone", EventKind::Down).key;
        row.merges = (kind == EventKind::Up).then_some(down);
        bench.enqueue(row);
    }
    bench.start();
    until("the fallback arrives", || !other.received().is_empty()).await;
    assert_eq!(events(&other), ["up"]);
}

#[tokio::test]
async fn what_cannot_be_sent_at_all_is_dead_with_the_reason() {
    let mut disabled = hook("disabled", "http://127.0.0.1:9/");
    disabled.enabled = false;
    let later = provider("later", ProviderConfig::Unsupported(ProviderType::Discord));
    let mut bench = Bench::new(vec![disabled, later], Vec::new());
    bench.start();
    for (to, reason) in [
        ("disabled", "PROVIDER_DISABLED"),
        ("later", "PROVIDER_UNSUPPORTED"),
        ("nobody", "PROVIDER_MISSING"),
    ] {
        let key = bench.enqueue(row("api", to, EventKind::Down));
        bench.becomes(&key, Status::Dead).await;
        let error = bench.store.row(&key).last_error.unwrap();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_away_for_an_hour_hears_everything_in_order_and_nobody_waits_for_it() {
    let (away, present) = (server().await, server().await);
    away.always(Reaction::status(503));
    let providers = vec![hook("away", &away.url("/")), hook("present", &present.url("/"))];
    let mut bench = Bench::new(providers, Vec::new());
    bench.start();
    let mut keys = Vec::new();
    // Three outages begin and end within the hour; the first attempt at each beginning fails.
    for name in ["api", "db", "web"] {
        for kind in [EventKind::Down, EventKind::Up] {
            let told = bench.enqueue(row(name, "present", kind));
            bench.becomes(&told, Status::Sent).await;
            let key = bench.enqueue(row(name, "away", kind));
            if kind == EventKind::Down {
                bench.attempted(&key, 1).await;
            }
            keys.push(key);
        }
        bench.pass(Duration::from_mins(20));
    }
    assert_eq!(events(&present), ["down", "up", "down", "up", "down", "up"]);
    let tried = away.received().len();
    assert!(tried < 60, "{tried} attempts in an hour");
    for key in &keys {
        assert_eq!(bench.store.status(key), Status::Pending);
    }
    away.always(Reaction::status(200));
    // The longest pause between two attempts, with its jitter.
    bench.pass(Duration::from_mins(15));
    for key in &keys {
        bench.becomes(key, Status::Sent).await;
    }
    let taken = &away.received()[tried..];
    for name in ["api", "db", "web"] {
        let of = |request: &&Received| request.json()["monitor"]["name"] == name;
        let told: Vec<_> = taken.iter().filter(of).map(|it| it.json()["event"].clone()).collect();
        assert_eq!(told.last(), Some(&serde_json::json!("up")), "{name}: {told:?}");
        assert_eq!(told.iter().filter(|it| **it == "up").count(), 1, "{name}: {told:?}");
        assert!(told.iter().any(|it| it == "down"), "{name}: {told:?}");
    }
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day_of_retries() {
    let nobody = refused().await;
    let mut bench = Bench::new(vec![hook("a", &format!("http://{nobody}/"))], Vec::new());
    bench.start();
    let key = bench.enqueue(row("api", "a", EventKind::Down));
    bench.attempted(&key, 1).await;
    bench.pass(Duration::from_hours(12));
    bench.attempted(&key, 2).await;
    assert_eq!(bench.store.status(&key), Status::Pending);
    bench.pass(Duration::from_hours(12));
    bench.becomes(&key, Status::Dead).await;
    assert!(bench.store.row(&key).last_error.unwrap().starts_with("EXPIRED"));
}

#[tokio::test]
async fn after_a_crash_what_was_being_sent_is_repeated_once_and_says_so() {
    let server = server().await;
    server.next(Reaction::Hang);
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    bench.start();
    let key = bench.enqueue(row("api", "a", EventKind::Down));
    until("it is being sent", || server.received().len() == 1).await;
    let mut bench = bench.die().await;
    bench.start();
    bench.becomes(&key, Status::Sent).await;
    let received = server.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].headers["webhook-id"], received[1].headers["webhook-id"]);
    assert_eq!(received[0].json()["mayBeRepeat"], false);
    assert_eq!(received[1].json()["mayBeRepeat"], true);
}

#[tokio::test]
async fn what_was_sent_is_not_sent_again_when_the_store_cannot_record_it() {
    let server = server().await;
    server.next(Reaction::Late(Duration::from_secs(2)));
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    bench.start();
    let key = bench.enqueue(row("api", "a", EventKind::Down));
    until("it is taken", || server.received().len() == 1).await;
    bench.store.down.store(true, Ordering::SeqCst);
    until("recording fails", || bench.store.refused.load(Ordering::SeqCst) > 2).await;
    assert_eq!(bench.store.status(&key), Status::Sending);
    bench.store.down.store(false, Ordering::SeqCst);
    bench.becomes(&key, Status::Sent).await;
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_stop_lets_running_sends_finish() {
    let server = server().await;
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    bench.start();
    let key = bench.enqueue(row("api", "a", EventKind::Down));
    until("it is taken", || !server.received().is_empty()).await;
    bench.stop.cancel();
    let task = bench.task.take().unwrap();
    tokio::time::timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
    assert_eq!(bench.store.status(&key), Status::Sent);
    let after = bench.enqueue(row("db", "a", EventKind::Down));
    assert_eq!(bench.store.status(&after), Status::Pending);
}

#[tokio::test]
async fn a_test_message_is_sent_past_the_outbox() {
    let server = server().await;
    let target = hook("a", &server.url("/"));
    let bench = Bench::new(vec![target.clone()], Vec::new());
    bench.worker.send_test(&target).await.unwrap();
    assert_eq!(events(&server), ["test"]);
    server.next(Reaction::status(404));
    assert!(bench.worker.send_test(&target).await.is_err());
    let health = bench.health("a");
    assert!(!health.healthy && health.last_error.unwrap().contains("REJECTED"));
    assert_eq!(health.name, ObjectName::new("shop", "a"));
}
