//! Discord: the contract against a server that refuses what Discord refuses.

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{DiscordConfig, Provider, ProviderConfig};
use kuma_fixture::vendor::discord::vendor;
use kuma_notify::{DeliveryError, DeliveryReason, Transports};
use serde_json::Value;

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, event, message, provider, text};

const DONE: &str = r#"{"id": "1", "type": 0, "embeds": []}"#;

struct Discord {
    server: HttpServer,
    secrets: MapSecrets,
    config: DiscordConfig,
}

impl Discord {
    async fn start() -> Self {
        let server = HttpServer::start(vendor).await;
        server.always(Reaction::Answer(200, Vec::new(), DONE.into()));
        let secrets = MapSecrets::default();
        let url = server.url(&format!("/api/webhooks/1/{CANARY}"));
        secrets.set("shop", "chat", "url", &url);
        let config = DiscordConfig {
            webhook_url: text("${SECRET:chat:url}"),
            username: Some("KubeKuma".into()),
            avatar_url: Some("https://kubekuma.example/bear.png".into()),
            thread_id: Some("42".into()),
        };
        Self { server, secrets, config }
    }

    async fn answers(&self, status: u16, body: &str) -> DeliveryError {
        let message = message("answers", &event(EventKind::Down));
        let payload = rendered(self, &message);
        self.server.next(Reaction::Answer(status, Vec::new(), body.into()));
        attempt(self, &self.provider(), &payload, &message.key, false).await.unwrap_err()
    }
}

impl Fixture for Discord {
    fn provider(&self) -> Provider {
        provider("chat", ProviderConfig::Discord(self.config.clone()))
    }

    fn transports(&self) -> Transports {
        Transports::with_timeout(Duration::from_secs(1))
    }

    fn secrets(&self) -> &MapSecrets {
        &self.secrets
    }

    fn elsewhere(&self, address: SocketAddr) -> Provider {
        let mut config = self.config.clone();
        config.webhook_url = text(&format!("http://{address}/${{SECRET:chat:url}}"));
        provider("chat", ProviderConfig::Discord(config))
    }

    fn script(&self, trouble: Trouble) -> bool {
        let mut headers = Vec::new();
        let (status, body) = match trouble {
            Trouble::Throttled(Some(after)) => {
                // The header is in whole seconds, the body has the truth.
                headers.push(("retry-after", (after + 1).to_string()));
                (429, format!("\"retry_after\": {after}.0, \"global\": false"))
            }
            Trouble::Throttled(None) => (429, "\"global\": false".to_owned()),
            Trouble::Later(after) => {
                headers.extend(after.map(|after| ("retry-after", after.to_string())));
                (502, "\"code\": 0".to_owned())
            }
            Trouble::Rejected => (400, "\"code\": 50035".to_owned()),
            Trouble::Unauthorized => (401, "\"code\": 50027".to_owned()),
        };
        let body = format!("{{{body}, \"message\": \"{CANARY}\"}}");
        self.server.next(Reaction::Answer(status, headers, body));
        true
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server
            .received()
            .iter()
            .map(|request| {
                let mut texts = Vec::new();
                texts_of(&request.json()["embeds"], &mut texts);
                Arrived {
                    key: request.headers["idempotency-key"].clone(),
                    text: texts.join("\n"),
                    raw: request.body.clone(),
                }
            })
            .collect()
    }
}

fn texts_of(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, into)),
        Value::Object(map) => map.values().for_each(|item| texts_of(item, into)),
        Value::String(text) => into.push(shown(text)),
        _ => {}
    }
}

/// The text as Discord shows it; fails on mark-up that nobody meant.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        if word.starts_with("https://") || word.contains("](https://") {
            shown.push_str(word);
            continue;
        }
        let mut chars = word.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => shown.extend(chars.next()),
                '*' | '_' | '~' | '`' | '|' | '<' | '@' => panic!("{c} is mark-up in {text}"),
                _ => shown.push(c),
            }
        }
    }
    shown
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&Discord::start().await).await;
}

#[tokio::test]
async fn a_message_is_an_embed_in_the_colour_of_its_severity() {
    let chat = Discord::start().await;
    let payload = rendered(&chat, &message("embed", &event(EventKind::Down)));
    let body: Value = serde_json::from_slice(&payload.0).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
}

#[tokio::test]
async fn long_facts_do_not_push_the_links_out() {
    let chat = Discord::start().await;
    let mut event = event(EventKind::Down);
    event.reason = Some("R".repeat(5_000));
    event.note = Some("n".repeat(20_000));
    event.tags = vec!["t".repeat(20_000)];
    let message = message("links", &event);
    let payload = rendered(&chat, &message);
    let sent = attempt(&chat, &chat.provider(), &payload, &message.key, true).await;
    assert!(sent.is_ok(), "{sent:?}");
    let arrived = chat.arrived().pop().unwrap();
    assert!(arrived.text.contains("https://wiki.example/api"));
}

#[tokio::test]
async fn what_discord_says_for_good_is_permanent() {
    let chat = Discord::start().await;
    let gone = chat.answers(404, r#"{"code": 10015, "message": "Unknown Webhook"}"#).await;
    assert_eq!(gone.reason(), DeliveryReason::Gone, "{gone}");
    let thread = chat.answers(404, r#"{"code": 10003, "message": "Unknown Channel"}"#).await;
    assert_eq!(thread.reason(), DeliveryReason::Rejected, "{thread}");
    let portal = chat.answers(200, "<html>Sign in</html>").await;
    assert_eq!(portal.reason(), DeliveryReason::BadAnswer, "{portal}");
}
