//! Gotify: the contract against a server that refuses what Gotify refuses.

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{GotifyConfig, Provider, ProviderConfig};
use kuma_fixture::vendor::gotify::vendor;
use kuma_notify::{DeliveryReason, Transports};
use serde_json::Value;

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, event, message, provider, text};

struct Gotify {
    server: HttpServer,
    secrets: MapSecrets,
    config: GotifyConfig,
}

impl Gotify {
    async fn start() -> Self {
        let server = HttpServer::start(vendor).await;
        let done = r#"{"id": 25, "appid": 5, "date": "2026-01-01T00:00:00Z"}"#;
        server.always(Reaction::Answer(200, Vec::new(), done.into()));
        let secrets = MapSecrets::default();
        secrets.set("shop", "push", "token", CANARY);
        let config = GotifyConfig {
            url: text(&server.url("/push/")),
            token: text("${SECRET:push:token}"),
            priority: None,
        };
        Self { server, secrets, config }
    }
}

impl Fixture for Gotify {
    fn provider(&self) -> Provider {
        provider("push", ProviderConfig::Gotify(self.config.clone()))
    }

    fn transports(&self) -> Transports {
        Transports::with_timeout(Duration::from_secs(1))
    }

    fn secrets(&self) -> &MapSecrets {
        &self.secrets
    }

    fn elsewhere(&self, address: SocketAddr) -> Provider {
        let mut config = self.config.clone();
        config.url = text(&format!("http://{address}"));
        provider("push", ProviderConfig::Gotify(config))
    }

    fn script(&self, trouble: Trouble) -> bool {
        let (status, after) = match trouble {
            // Gotify itself has no limits; proxies before it do.
            Trouble::Throttled(after) => (429, after),
            Trouble::Later(after) => (500, after),
            Trouble::Rejected => (400, None),
            Trouble::Unauthorized => (401, None),
        };
        let headers = after.map(|seconds| ("retry-after", seconds.to_string()));
        let body = format!("{{\"error\": \"{CANARY}\", \"errorCode\": {status}}}");
        self.server.next(Reaction::Answer(status, headers.into_iter().collect(), body));
        true
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server
            .received()
            .iter()
            .map(|request| {
                let body = request.json();
                let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                Arrived {
                    key: request.headers["idempotency-key"].clone(),
                    text: format!("{}\n{}", text("title"), text("message")),
                    raw: request.body.clone(),
                }
            })
            .collect()
    }
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&Gotify::start().await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let push = Gotify::start().await;
    let version = r#"{"version": "2.6.3", "commit": "", "buildDate": ""}"#;
    push.server.always(Reaction::Answer(200, Vec::new(), version.into()));
    contract::verifies(&push, None).await;
    assert_eq!(contract::asked(&push.server), ["GET /push/version"]);
}

#[tokio::test]
async fn outages_are_louder_than_the_rest_unless_set() {
    let mut push = Gotify::start().await;
    let priority = |push: &Gotify, kind| {
        let payload = rendered(push, &message("priority", &event(kind)));
        serde_json::from_slice::<Value>(&payload.0).unwrap()["priority"].clone()
    };
    assert_eq!(priority(&push, EventKind::Down), 8);
    assert_eq!(priority(&push, EventKind::Up), 4);
    push.config.priority = Some(2);
    assert_eq!(priority(&push, EventKind::Down), 2);
    assert_eq!(priority(&push, EventKind::Up), 2);
}

#[tokio::test]
async fn a_click_leads_to_the_runbook() {
    let push = Gotify::start().await;
    let payload = rendered(&push, &message("click", &event(EventKind::Down)));
    let body: Value = serde_json::from_slice(&payload.0).unwrap();
    assert_eq!(body["extras"]["client::notification"]["click"]["url"], "https://wiki.example/api");
}

#[tokio::test]
async fn long_facts_do_not_push_the_links_out() {
    let push = Gotify::start().await;
    let mut event = event(EventKind::Down);
    event.note = Some("n".repeat(40_000));
    let payload = rendered(&push, &message("links", &event));
    let body: Value = serde_json::from_slice(&payload.0).unwrap();
    let text = body["message"].as_str().unwrap();
    assert!(text.encode_utf16().count() <= 16_000);
    assert!(text.starts_with("shop/api is down since"), "{text}");
    let links = "…\n\nRunbook: https://wiki.example/api\nOpen: https://api.example/health";
    assert!(text.ends_with(links), "{}", &text[text.len() - 200..]);
}

#[tokio::test]
async fn a_sign_in_page_is_no_delivery() {
    let push = Gotify::start().await;
    let message = message("portal", &event(EventKind::Down));
    let payload = rendered(&push, &message);
    let page = "<html>Sign in</html>".to_owned();
    push.server.next(Reaction::Answer(200, Vec::new(), page));
    let error = attempt(&push, &push.provider(), &payload, &message.key, false).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::BadAnswer);
}
