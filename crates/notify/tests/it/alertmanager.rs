//! Alertmanager: the contract against a server that refuses what Alertmanager refuses, and the
//! life of an alert at a real one.

use std::sync::Arc;
use std::time::Duration;

use kuma_core::event::{Event, EventKind};
use kuma_core::ports::Store;
use kuma_core::provider::{AlertmanagerConfig, Provider, ProviderConfig, SignIn};
use kuma_core::time::Clock;
use kuma_fixture::alertmanager::Alertmanager;
use kuma_fixture::vendor::alertmanager::vendor;
use kuma_notify::{Deliverer, DelivererConfig, DeliveryReason, Transports};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::contract::{self, Fixture, Trouble, rendered};
use crate::http_server::{HttpServer, Reaction, refused};
use crate::kit::{CANARY, FixedCatalog, MapSecrets, event, message, provider, row, text, until};
use crate::memory_store::{MemoryStore, Status};
use crate::stub::{Kind, Stub, later, texts};

fn trouble(trouble: Trouble) -> Reaction {
    let body = format!("\"bad_data: {CANARY}\"");
    match trouble {
        Trouble::Throttled(after) => later(429, after, body),
        Trouble::Later(after) => later(503, after, body),
        Trouble::Rejected => later(400, None, body),
        Trouble::Unauthorized => later(401, None, body),
    }
}

async fn start() -> Stub<AlertmanagerConfig> {
    let server = HttpServer::start(vendor).await;
    server.always(Reaction::Answer(200, Vec::new(), String::new()));
    let secrets = MapSecrets::default();
    secrets.set("shop", "alerts", "token", CANARY);
    let config = AlertmanagerConfig {
        urls: vec![text(&server.url("/am/"))],
        labels: vec![("cluster".into(), "eu-1".into())],
        sign_in: Some(SignIn::Bearer(text("${SECRET:alerts:token}"))),
    };
    let kind = Kind {
        wrap: ProviderConfig::Alertmanager,
        turn: |config, base| config.urls = vec![text(base)],
        trouble,
        shown: |_, request| texts(&request.json()[0]["annotations"]),
    };
    Stub::new(server, secrets, config, kind)
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&start().await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let fixture = start().await;
    contract::verifies(&fixture, Some(DeliveryReason::Unauthorized)).await;
    assert_eq!(contract::asked(&fixture.server), ["GET /am/api/v2/status"; 2]);
}

#[tokio::test]
async fn an_alert_has_labels_to_route_by_and_annotations_to_read() {
    let body = start().await.got(EventKind::Down).await.json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
}

#[tokio::test]
async fn an_end_has_the_labels_of_its_beginning_whatever_was_changed_meanwhile() {
    let mut alerts = start().await;
    let down = alerts.begins(EventKind::Down).await.json();
    alerts.config.labels.clear();
    let mut up = event(EventKind::Up);
    up.labels.insert("team".into(), "another".into());
    alerts.sends(&message("up", &up)).await.unwrap();
    let up = alerts.server.received().pop().unwrap().json();
    assert_eq!(up[0]["labels"], down[0]["labels"]);
    assert_eq!(up[0]["startsAt"], down[0]["startsAt"]);
    assert!(up[0]["endsAt"].as_str() < down[0]["endsAt"].as_str());
}

#[tokio::test]
async fn every_alertmanager_is_told_and_one_that_takes_it_is_enough() {
    let mut alerts = start().await;
    let second = HttpServer::start(vendor).await;
    second.always(Reaction::status(200));
    let away = refused().await;
    alerts.secrets.set(
        "shop",
        "alerts",
        "urls",
        &format!("{}\nhttp://{away}\n", second.url("/am")),
    );
    alerts.config.urls.push(text("${SECRET:alerts:urls}"));
    let receipt = alerts.sends(&message("ha", &event(EventKind::Down))).await.unwrap();
    assert_eq!(receipt.answer, "2 of 3 Alertmanagers took it");
    assert_eq!((alerts.server.received().len(), second.received().len()), (1, 1));

    let refusal = || Reaction::Answer(400, Vec::new(), "\"no\"".into());
    alerts.server.next(refusal());
    second.next(refusal());
    let error = alerts.sends(&message("none", &event(EventKind::Down))).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Connect, "{error}: the one that may come back");
}

#[tokio::test]
async fn a_sign_in_page_is_no_delivery() {
    let error = start().await.answers(200, "<html>Sign in</html>").await;
    assert_eq!(error.reason(), DeliveryReason::BadAnswer);
}

/// The clock of the machine: a real Alertmanager has no other.
struct Machine;

impl Clock for Machine {
    fn now(&self) -> kuma_core::time::Now {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let mono = kuma_core::time::Mono(u64::try_from(since.as_nanos()).unwrap());
        let wall = kuma_core::time::from_ms(i64::try_from(since.as_millis()).unwrap());
        kuma_core::time::Now { mono, wall }
    }
}

fn real(at: &Alertmanager) -> Provider {
    let config = AlertmanagerConfig {
        urls: vec![text(&at.url())],
        labels: Vec::new(),
        sign_in: Some(SignIn::Basic {
            username: text("${SECRET:alerts:user}"),
            password: text("${SECRET:alerts:password}"),
        }),
    };
    provider("alerts", ProviderConfig::Alertmanager(config))
}

/// The alerts that Alertmanager shows as active.
async fn active(at: &Alertmanager) -> Vec<Value> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let url = format!("{}/api/v2/alerts?active=true", at.url());
    let asked = client.get(url).basic_auth("kubekuma", Some(CANARY)).send().await;
    let Ok(answer) = asked else {
        return Vec::new();
    };
    serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
}

async fn shows(at: &Alertmanager, count: usize) -> Vec<Value> {
    for _ in 0..1_500 {
        let alerts = active(at).await;
        if alerts.len() == count {
            return alerts;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {count} alerts: {:?}", active(at).await);
}

/// A worker that sends to a real Alertmanager.
struct World {
    store: Arc<MemoryStore>,
    worker: Arc<Deliverer>,
    stop: CancellationToken,
}

impl World {
    fn start(at: &Alertmanager) -> Self {
        let store = Arc::<MemoryStore>::default();
        let secrets = MapSecrets::default();
        secrets.set("shop", "alerts", "user", "kubekuma");
        secrets.set("shop", "alerts", "password", CANARY);
        let config = DelivererConfig {
            store: Arc::clone(&store) as Arc<dyn Store>,
            catalog: FixedCatalog::of(vec![real(at)], Vec::new()),
            secrets: Arc::new(secrets),
            clock: Arc::new(Machine),
            authority: Arc::new(kuma_core::ports::Alone),
            feedback: None,
        };
        let transports = Transports::with_timeout(Duration::from_secs(5));
        let worker = Arc::new(Deliverer::with_transports(config, transports));
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&worker).run(stop.clone()));
        Self { store, worker, stop }
    }

    async fn tells(&self, kind: EventKind) {
        let now = Machine.now().wall;
        let started = kuma_core::time::minus(now, Duration::from_mins(1));
        let ended_at = kind.is_recovery().then_some(now);
        let event = Event { at: started, started_at: Some(started), ended_at, ..event(kind) };
        let row = kuma_core::ports::OutboxRow { event, ..row("api", "alerts", kind) };
        let key = row.key.clone();
        self.store.enqueue(row, now);
        self.worker.wake();
        until("sent", || self.store.status(&key) == Status::Sent).await;
    }
}

#[tokio::test]
async fn at_a_real_alertmanager_an_outage_fires_survives_its_restart_and_resolves() {
    let mut at = Alertmanager::with_password();
    let world = World::start(&at);
    world.tells(EventKind::Down).await;
    let alerts = shows(&at, 1).await;
    assert_eq!(alerts[0]["labels"]["alertname"], "MonitorDown");
    assert_eq!(alerts[0]["labels"]["monitor"], "api");
    assert_eq!(alerts[0]["annotations"]["runbook_url"], "https://wiki.example/api");
    let fingerprint = alerts[0]["fingerprint"].clone();

    // It forgets its alerts when it ends, and hears of them in the next round.
    at.stop();
    at.start_again();
    for _ in 0..1_500 {
        world.worker.renew().await;
        if !active(&at).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shows(&at, 1).await[0]["fingerprint"], fingerprint, "the same alert");

    world.tells(EventKind::Resend).await;
    assert_eq!(shows(&at, 1).await[0]["fingerprint"], fingerprint);
    world.tells(EventKind::Up).await;
    shows(&at, 0).await;
    world.worker.renew().await;
    shows(&at, 0).await;
    world.stop.cancel();
}

#[tokio::test]
async fn a_real_alertmanager_refuses_a_wrong_password() {
    let at = Alertmanager::with_password();
    let mut alerts = start().await;
    alerts.config.urls = vec![text(&at.url())];
    let mut refusal = None;
    for _ in 0..1_500 {
        let error = alerts.sends(&message("no", &event(EventKind::Down))).await.unwrap_err();
        if error.reason() != DeliveryReason::Connect {
            refusal = Some(error);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refusal = refusal.unwrap();
    assert_eq!(refusal.reason(), DeliveryReason::Unauthorized, "{refusal}");
    let stored = rendered(&alerts, &message("stored", &event(EventKind::Down)));
    assert!(!String::from_utf8_lossy(&stored.0).contains(CANARY));
    assert!(alerts.provider().enabled);
}
