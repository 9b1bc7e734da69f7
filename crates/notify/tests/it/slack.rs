//! Slack: the contract against a server that refuses what Slack refuses.

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{Provider, ProviderConfig, SlackConfig};
use kuma_fixture::vendor::slack::vendor;
use kuma_notify::{DeliveryReason, Transports};
use serde_json::Value;

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, event, message, provider, text};

struct Chat {
    server: HttpServer,
    secrets: MapSecrets,
    config: SlackConfig,
}

impl Chat {
    async fn start() -> Self {
        let server = HttpServer::start(vendor).await;
        let secrets = MapSecrets::default();
        let url = server.url(&format!("/services/{CANARY}"));
        secrets.set("shop", "chat", "url", &url);
        let config = SlackConfig {
            webhook_url: text("${SECRET:chat:url}"),
            channel: Some("#ops".into()),
            username: Some("KubeKuma".into()),
            icon_emoji: Some(":bear:".into()),
        };
        Self { server, secrets, config }
    }
}

impl Fixture for Chat {
    fn provider(&self) -> Provider {
        provider("chat", ProviderConfig::Slack(self.config.clone()))
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
        provider("chat", ProviderConfig::Slack(config))
    }

    fn script(&self, trouble: Trouble) -> bool {
        let (status, after, body) = match trouble {
            Trouble::Throttled(after) => (429, after, "rate_limited"),
            Trouble::Later(after) => (503, after, "service_unavailable"),
            Trouble::Rejected => (400, None, "invalid_payload"),
            Trouble::Unauthorized => (403, None, "action_prohibited"),
        };
        let headers = after.map(|seconds| ("retry-after", seconds.to_string()));
        let body = format!("{body} /services/{CANARY}");
        self.server.next(Reaction::Answer(status, headers.into_iter().collect(), body));
        true
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server
            .received()
            .iter()
            .map(|request| {
                let mut texts = Vec::new();
                texts_of(&request.json()["attachments"][0]["blocks"], &mut texts);
                Arrived {
                    key: request.headers["idempotency-key"].clone(),
                    text: texts.join("\n"),
                    raw: request.body.clone(),
                }
            })
            .collect()
    }
}

/// The texts as Slack shows them.
fn texts_of(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, into)),
        Value::Object(map) => {
            match (map.get("type").and_then(Value::as_str), map.get("text")) {
                (Some("mrkdwn"), Some(Value::String(text))) => {
                    into.push(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
                }
                (Some("plain_text"), Some(Value::String(text))) => into.push(text.clone()),
                _ => {}
            }
            map.values().for_each(|item| texts_of(item, into));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&Chat::start().await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let fixture = Chat::start().await;
    contract::verifies(&fixture, None).await;
    assert!(contract::asked(&fixture.server).is_empty(), "a connection and nothing else");
}

#[tokio::test]
async fn a_message_is_blocks_in_the_colour_of_its_severity() {
    let chat = Chat::start().await;
    let payload = rendered(&chat, &message("blocks", &event(EventKind::Down)));
    let body: Value = serde_json::from_slice(&payload.0).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
}

#[tokio::test]
async fn what_slack_refuses_for_good_is_permanent() {
    let chat = Chat::start().await;
    let message = message("refused", &event(EventKind::Down));
    let payload = rendered(&chat, &message);
    for (status, body) in [
        (400, "invalid_payload"),
        (404, "channel_not_found"),
        (404, "no_service"),
        (410, "channel_is_archived"),
        (403, "invalid_token"),
    ] {
        chat.server.next(Reaction::Answer(status, Vec::new(), body.into()));
        let error =
            attempt(&chat, &chat.provider(), &payload, &message.key, false).await.unwrap_err();
        assert!(!error.is_retryable(), "{error}");
        assert!(error.to_string().contains(body), "{error}");
    }
}

#[tokio::test]
async fn a_sign_in_page_is_no_delivery() {
    let chat = Chat::start().await;
    let message = message("portal", &event(EventKind::Down));
    let payload = rendered(&chat, &message);
    chat.server.next(Reaction::Answer(200, Vec::new(), "<html>Sign in</html>".into()));
    let error = attempt(&chat, &chat.provider(), &payload, &message.key, false).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::BadAnswer);
}
