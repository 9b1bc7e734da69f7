//! Telegram: the contract, once for each mark-up, against a server that reads mark-up as strictly
//! as Telegram does.

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{Provider, ProviderConfig, TelegramConfig, TelegramMarkup};
use kuma_fixture::vendor::telegram::{html, markdown, markdown_v2, vendor};
use kuma_notify::{DeliveryError, DeliveryReason, Transports};
use serde_json::Value;

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, event, message, provider, text};

struct Bot {
    server: HttpServer,
    secrets: MapSecrets,
    config: TelegramConfig,
}

impl Bot {
    async fn start(markup: TelegramMarkup) -> Self {
        let server = HttpServer::start(vendor).await;
        let done = r#"{"ok": true, "result": {"message_id": 12}}"#;
        server.always(Reaction::Answer(200, Vec::new(), done.into()));
        let secrets = MapSecrets::default();
        secrets.set("shop", "bot", "token", &format!("1:{CANARY}"));
        secrets.set("shop", "bot", "chat", "-1001");
        let config = TelegramConfig {
            bot_token: text("${SECRET:bot:token}"),
            chat_id: text("${SECRET:bot:chat}"),
            markup,
            message_thread_id: Some(7),
            api_base_url: text(&server.url("")),
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

impl Fixture for Bot {
    fn provider(&self) -> Provider {
        provider("bot", ProviderConfig::Telegram(self.config.clone()))
    }

    fn transports(&self) -> Transports {
        Transports::with_timeout(Duration::from_secs(1))
    }

    fn secrets(&self) -> &MapSecrets {
        &self.secrets
    }

    fn elsewhere(&self, address: SocketAddr) -> Provider {
        let mut config = self.config.clone();
        config.api_base_url = text(&format!("http://{address}"));
        provider("bot", ProviderConfig::Telegram(config))
    }

    fn script(&self, trouble: Trouble) -> bool {
        let mut headers = Vec::new();
        let (status, more) = match trouble {
            Trouble::Throttled(Some(after)) => {
                (429, format!(", \"parameters\": {{\"retry_after\": {after}}}"))
            }
            Trouble::Throttled(None) => (429, String::new()),
            Trouble::Later(after) => {
                headers.extend(after.map(|after| ("retry-after", after.to_string())));
                (502, String::new())
            }
            Trouble::Rejected => (400, String::new()),
            Trouble::Unauthorized => (401, String::new()),
        };
        let body = format!("{{\"ok\": false, \"description\": \"1:{CANARY}\"{more}}}");
        self.server.next(Reaction::Answer(status, headers, body));
        true
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server
            .received()
            .iter()
            .map(|request| {
                let body = request.json();
                let text = body["text"].as_str().unwrap();
                let seen = match self.config.markup {
                    TelegramMarkup::Html => html(text),
                    TelegramMarkup::Markdown => markdown(text),
                    TelegramMarkup::MarkdownV2 => markdown_v2(text),
                };
                Arrived {
                    key: request.headers["idempotency-key"].clone(),
                    text: seen.unwrap(),
                    raw: request.body.clone(),
                }
            })
            .collect()
    }
}

#[tokio::test]
async fn the_contract_holds_in_html() {
    contract::holds(&Bot::start(TelegramMarkup::Html).await).await;
}

#[tokio::test]
async fn the_contract_holds_in_the_old_markdown() {
    contract::holds(&Bot::start(TelegramMarkup::Markdown).await).await;
}

#[tokio::test]
async fn the_contract_holds_in_markdown_v2() {
    contract::holds(&Bot::start(TelegramMarkup::MarkdownV2).await).await;
}

#[tokio::test]
async fn a_message_has_a_bold_title_facts_and_links() {
    let bot = Bot::start(TelegramMarkup::Html).await;
    let payload = rendered(&bot, &message("text", &event(EventKind::Down)));
    let body: Value = serde_json::from_slice(&payload.0).unwrap();
    assert!(body.get("chat_id").is_none(), "the chat may be a secret");
    insta::assert_snapshot!(body["text"].as_str().unwrap());
}

#[tokio::test]
async fn what_telegram_says_for_good_is_permanent() {
    let bot = Bot::start(TelegramMarkup::Html).await;
    for (status, description, reason) in [
        (403, "bot was blocked by the user", DeliveryReason::Unauthorized),
        (404, "Not Found", DeliveryReason::Unauthorized),
        (400, "chat not found", DeliveryReason::Rejected),
        (200, "odd", DeliveryReason::BadAnswer),
    ] {
        let body = format!("{{\"ok\": false, \"description\": \"{description}\"}}");
        let error = bot.answers(status, &body).await;
        assert_eq!(error.reason(), reason, "{error}");
        assert!(error.to_string().contains(description), "{error}");
        assert!(!error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_never_sent() {
    let bot = Bot::start(TelegramMarkup::Html).await;
    bot.secrets.set("shop", "bot", "token", "x/../../steal?a=");
    let message = message("token", &event(EventKind::Down));
    let payload = rendered(&bot, &message);
    let error = attempt(&bot, &bot.provider(), &payload, &message.key, false).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Misconfigured);
    assert!(bot.server.received().is_empty());
}
