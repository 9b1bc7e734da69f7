//! Telegram: the contract, once for each mark-up, against a server that reads mark-up as strictly
//! as Telegram does.

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{Provider, ProviderConfig, TelegramConfig, TelegramMarkup};
use kuma_notify::{DeliveryError, DeliveryReason, Transports};
use serde_json::Value;

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction, Received};
use crate::kit::{CANARY, MapSecrets, event, message, provider, text};

struct Bot {
    server: HttpServer,
    secrets: MapSecrets,
    config: TelegramConfig,
}

fn vendor(request: &Received) -> Result<(), (u16, String)> {
    let error = |status: u16, what: &str| {
        Err((
            status,
            format!("{{\"ok\": false, \"error_code\": {status}, \"description\": \"{what}\"}}"),
        ))
    };
    if request.method != "POST" || request.path != format!("/bot1:{CANARY}/sendMessage") {
        return error(404, "Not Found");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return error(400, "Bad Request: message text is empty");
    };
    if body["chat_id"] != "-1001" || body["message_thread_id"] != 7 {
        return error(400, "Bad Request: chat not found");
    }
    let text = body["text"].as_str().unwrap_or_default();
    let seen = match body["parse_mode"].as_str() {
        Some("HTML") => html(text),
        Some("Markdown") => markdown(text),
        Some("MarkdownV2") => markdown_v2(text),
        _ => None,
    };
    match seen.map(|seen| seen.trim().encode_utf16().count()) {
        None => error(400, "Bad Request: can't parse entities"),
        Some(1..=4_096) => Ok(()),
        Some(0) => error(400, "Bad Request: message text is empty"),
        Some(_) => error(400, "Bad Request: message is too long"),
    }
}

/// What people see of HTML; none if Telegram refuses it.
fn html(text: &str) -> Option<String> {
    let mut seen = String::new();
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        seen.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('<') {
            let end = rest.find('>')?;
            match &rest[1..end] {
                "b" => open.push("b"),
                tag if tag.starts_with("a href=\"") && tag.ends_with('"') => open.push("a"),
                tag => (open.pop()? == tag.strip_prefix('/')?).then_some(())?,
            }
            rest = &rest[end + 1..];
        } else {
            let entities = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')];
            let (entity, c) = entities.iter().find(|(name, _)| rest.starts_with(name))?;
            seen.push(*c);
            rest = &rest[entity.len()..];
        }
    }
    seen.push_str(rest);
    open.is_empty().then_some(seen)
}

/// The old Markdown: `*bold*` without escapes in it, `[text](url)`, `\` before `_*` and so on.
fn markdown(text: &str) -> Option<String> {
    let mut seen = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(|next| "_*`[".contains(*next)) => {
                seen.extend(chars.next());
            }
            '*' => loop {
                match chars.next()? {
                    '*' => break,
                    inner => seen.push(inner),
                }
            },
            '[' => {
                loop {
                    match chars.next()? {
                        ']' => break,
                        inner => seen.push(inner),
                    }
                }
                (chars.next()? == '(').then_some(())?;
                chars.by_ref().find(|c| *c == ')')?;
            }
            '_' | '`' => return None,
            _ => seen.push(c),
        }
    }
    Some(seen)
}

/// Markdown, version 2: everything special is escaped or mark-up.
fn markdown_v2(text: &str) -> Option<String> {
    let mut seen = String::new();
    let (mut bold, mut link) = (false, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => seen.push(chars.next().filter(char::is_ascii)?),
            '*' => bold = !bold,
            '[' => link = true,
            ']' if link => {
                link = false;
                (chars.next()? == '(').then_some(())?;
                loop {
                    match chars.next()? {
                        ')' => break,
                        '\\' => _ = chars.next()?,
                        _ => {}
                    }
                }
            }
            _ if "_]()~`>#+-=|{}.!".contains(c) => return None,
            _ => seen.push(c),
        }
    }
    (!bold && !link).then_some(seen)
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
