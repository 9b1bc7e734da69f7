//! Telegram: the contract, once for each mark-up, against a server that reads mark-up as strictly
//! as Telegram does.

use kuma_core::event::EventKind;
use kuma_core::ports::{Earlier, LONGEST_RECEIPT};
use kuma_core::provider::{ProviderConfig, TelegramConfig, TelegramMarkup};
use kuma_fixture::vendor::telegram::{html, markdown, markdown_v2, vendor};
use kuma_notify::DeliveryReason;
use serde_json::Value;

use crate::contract::{self, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, event, message, text};
use crate::stub::{Kind, Stub, later};

const DONE: &str = r#"{"ok": true, "result": {"message_id": 12}}"#;

fn trouble(trouble: Trouble) -> Reaction {
    let body = |more: &str| format!("{{\"ok\": false, \"description\": \"1:{CANARY}\"{more}}}");
    match trouble {
        Trouble::Throttled(Some(after)) => {
            later(429, None, body(&format!(", \"parameters\": {{\"retry_after\": {after}}}")))
        }
        Trouble::Throttled(None) => later(429, None, body("")),
        Trouble::Later(after) => later(502, after, body("")),
        Trouble::Rejected => later(400, None, body("")),
        Trouble::Unauthorized => later(401, None, body("")),
    }
}

async fn start(markup: TelegramMarkup) -> Stub<TelegramConfig> {
    let server = HttpServer::start(vendor).await;
    server.always(Reaction::Answer(200, Vec::new(), DONE.into()));
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
    let kind = Kind {
        wrap: ProviderConfig::Telegram,
        turn: |config, base| config.api_base_url = text(base),
        trouble,
        shown: |config, request| {
            let body = request.json();
            let text = body["text"].as_str().unwrap();
            let seen = match config.markup {
                TelegramMarkup::Html => html(text),
                TelegramMarkup::Markdown => markdown(text),
                TelegramMarkup::MarkdownV2 => markdown_v2(text),
            };
            seen.unwrap()
        },
    };
    Stub::new(server, secrets, config, kind)
}

#[tokio::test]
async fn the_contract_holds_in_html() {
    contract::holds(&start(TelegramMarkup::Html).await).await;
}

#[tokio::test]
async fn the_contract_holds_in_the_old_markdown() {
    contract::holds(&start(TelegramMarkup::Markdown).await).await;
}

#[tokio::test]
async fn the_contract_holds_in_markdown_v2() {
    contract::holds(&start(TelegramMarkup::MarkdownV2).await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let bot = start(TelegramMarkup::Html).await;
    contract::verifies(&bot, Some(DeliveryReason::Unauthorized)).await;
    let asked = contract::asked(&bot.server);
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|it| it.ends_with("/getChat")), "{asked:?}");
}

#[tokio::test]
async fn a_message_has_a_bold_title_facts_and_links() {
    let bot = start(TelegramMarkup::Html).await;
    let payload = rendered(&bot, &message("text", &event(EventKind::Down)));
    let body: Value = serde_json::from_slice(&payload.0).unwrap();
    assert!(body.get("chat_id").is_none(), "the chat may be a secret");
    insta::assert_snapshot!(body["text"].as_str().unwrap());
}

#[tokio::test]
async fn what_telegram_says_for_good_is_permanent() {
    let bot = start(TelegramMarkup::Html).await;
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
    let bot = start(TelegramMarkup::Html).await;
    bot.secrets.set("shop", "bot", "token", "x/../../steal?a=");
    let message = message("token", &event(EventKind::Down));
    let payload = rendered(&bot, &message);
    let error = attempt(&bot, &bot.provider(), &payload, &message.key, false).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Misconfigured);
    assert!(bot.server.received().is_empty());
}

#[tokio::test]
async fn what_follows_an_outage_replies_to_its_first_message() {
    let mut bot = start(TelegramMarkup::Html).await;
    let down = bot.begins(EventKind::Down).await.json();
    assert_eq!(down["reply_parameters"], Value::Null);
    for kind in [EventKind::Resend, EventKind::Up] {
        bot.got(kind).await;
        let requests = bot.server.received();
        let later = requests.iter().rev().find(|it| it.path.ends_with("/sendMessage")).unwrap();
        assert_eq!(later.json()["reply_parameters"]["message_id"], 12, "{kind}");
    }
    // A message's number means nothing in another chat.
    bot.secrets.set("shop", "bot", "chat", "-1002");
    let message = message("moved", &event(EventKind::Up));
    assert!(bot.sends(&message).await.is_err(), "this vendor knows one chat");
    let moved = bot.server.received().pop().unwrap().json();
    assert_eq!(moved["reply_parameters"], Value::Null);
}

#[tokio::test]
async fn a_recovery_says_in_the_messages_about_the_outage_that_it_is_over() {
    for markup in [TelegramMarkup::Html, TelegramMarkup::Markdown, TelegramMarkup::MarkdownV2] {
        let mut bot = start(markup).await;
        let down = bot.begins(EventKind::Down).await.json();
        bot.begins(EventKind::Resend).await;
        bot.sends(&message("up", &event(EventKind::Up))).await.unwrap();
        let asked = contract::asked(&bot.server);
        let methods: Vec<_> = asked.iter().map(|it| it.rsplit('/').next().unwrap()).collect();
        let edit = "editMessageText";
        assert_eq!(
            methods,
            ["sendMessage", "sendMessage", "sendMessage", edit, edit],
            "news first"
        );
        let edited = bot.server.received()[3].json();
        assert_eq!(edited["message_id"], 12);
        let said = edited["text"].as_str().unwrap();
        let (over, before) = said.split_once("\n\n").unwrap();
        assert!(
            over.replace('\\', "").contains("OVER – up since 2023-11-14 22:14:20 UTC, after 1 min")
        );
        assert_eq!(down["text"], before);
        assert_eq!(edited["link_preview_options"], down["link_preview_options"]);
    }
}

#[tokio::test]
async fn what_cannot_be_edited_keeps_no_news_back() {
    let mut bot = start(TelegramMarkup::Html).await;
    let mut long = event(EventKind::Down);
    long.note = Some("日".repeat(20_000));
    long.tags = vec!["日".repeat(20_000)];
    long.message = Some("日".repeat(20_000));
    let kept = bot.sends(&message("long", &long)).await.unwrap().handle.unwrap();
    assert!(kept.len() <= LONGEST_RECEIPT, "{} bytes", kept.len());
    bot.earlier.push(Earlier { incident: long.incident.unwrap(), receipt: kept });
    // What older versions kept names a message and no text.
    let place = bot.earlier[0].receipt.split(' ').next().unwrap().to_owned();
    bot.earlier.push(Earlier { incident: long.incident.unwrap(), receipt: format!("{place} 7") });
    let gone = r#"{"ok": false, "description": "Bad Request: message to edit not found"}"#;
    bot.server.next(Reaction::Answer(200, Vec::new(), DONE.into()));
    bot.server.next(Reaction::Answer(400, Vec::new(), gone.into()));
    bot.sends(&message("up", &event(EventKind::Up))).await.unwrap();
}
