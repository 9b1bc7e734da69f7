//! Discord: the contract against a server that refuses what Discord refuses.

use kuma_core::event::{Event, EventKind};
use kuma_core::id::{IncidentId, MonitorId};
use kuma_core::ports::Earlier;
use kuma_core::provider::{DiscordConfig, ProviderConfig};
use kuma_fixture::vendor::discord::vendor;
use kuma_notify::{DeliveryReason, RenderInput, render};
use serde_json::Value;

use crate::contract::{self, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, at, event, key, message, name, text};
use crate::stub::{Kind, Stub, later};

const DONE: &str = r#"{"id": "1", "type": 0, "embeds": []}"#;

fn trouble(trouble: Trouble) -> Reaction {
    let body = |more: &str| format!("{{{more}, \"message\": \"{CANARY}\"}}");
    match trouble {
        // The header is in whole seconds, the body has the truth.
        Trouble::Throttled(Some(after)) => later(
            429,
            Some(after + 1),
            body(&format!("\"retry_after\": {after}.0, \"global\": true")),
        ),
        Trouble::Throttled(None) => later(429, None, body("\"global\": false")),
        Trouble::Later(after) => later(502, after, body("\"code\": 0")),
        Trouble::Rejected => later(400, None, body("\"code\": 50035")),
        Trouble::Unauthorized => later(401, None, body("\"code\": 50027")),
    }
}

async fn start() -> Stub<DiscordConfig> {
    let server = HttpServer::start(vendor).await;
    server.always(Reaction::Answer(200, Vec::new(), DONE.into()));
    let secrets = MapSecrets::default();
    let url = server.url(&format!("/api/webhooks/1/{CANARY}"));
    secrets.set("shop", "chat", "url", &url);
    secrets.set("shop", "chat", "picture", "bear");
    let config = DiscordConfig {
        webhook_url: text("${SECRET:chat:url}"),
        username: Some("KubeKuma".into()),
        avatar_url: Some(text("https://kubekuma.example/${SECRET:chat:picture}.png")),
        thread_id: Some("42".into()),
    };
    let kind = Kind {
        wrap: ProviderConfig::Discord,
        turn: |config, base| config.webhook_url = text(&format!("{base}/${{SECRET:chat:url}}")),
        trouble,
        shown: |_, request| {
            let mut texts = Vec::new();
            texts_of(&request.json()["embeds"], &mut texts);
            texts.join("\n")
        },
    };
    Stub::new(server, secrets, config, kind)
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
    contract::holds(&start().await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let fixture = start().await;
    contract::verifies(&fixture, Some(DeliveryReason::Gone)).await;
    let asked = contract::asked(&fixture.server);
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|it| it.starts_with("GET /api/webhooks/1/")), "{asked:?}");
}

#[tokio::test]
async fn a_message_is_an_embed_in_the_colour_of_its_severity() {
    let chat = start().await;
    let payload = rendered(&chat, &message("embed", &event(EventKind::Down)));
    let body: Value = serde_json::from_slice(&payload.0).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
}

#[tokio::test]
async fn long_facts_do_not_push_the_links_out() {
    let chat = start().await;
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
    let chat = start().await;
    let gone = chat.answers(404, r#"{"code": 10015, "message": "Unknown Webhook"}"#).await;
    assert_eq!(gone.reason(), DeliveryReason::Gone, "{gone}");
    let thread = chat.answers(404, r#"{"code": 10003, "message": "Unknown Channel"}"#).await;
    assert_eq!(thread.reason(), DeliveryReason::Rejected, "{thread}");
    let portal = chat.answers(200, "<html>Sign in</html>").await;
    assert_eq!(portal.reason(), DeliveryReason::BadAnswer, "{portal}");
}

#[tokio::test]
async fn the_picture_s_address_is_filled_from_its_secret_and_not_stored() {
    let chat = start().await;
    let body = chat.got(EventKind::Down).await.json();
    assert_eq!(body["avatar_url"], "https://kubekuma.example/bear.png");
    let stored = rendered(&chat, &message("stored", &event(EventKind::Down)));
    assert!(!String::from_utf8_lossy(&stored.0).contains("bear"));
}

#[tokio::test]
async fn a_recovery_turns_what_was_said_about_the_outage_green() {
    let mut chat = start().await;
    let down = chat.begins(EventKind::Down).await.json();
    chat.begins(EventKind::Resend).await;
    chat.sends(&message("up", &event(EventKind::Up))).await.unwrap();
    let requests = chat.server.received();
    let methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["POST", "POST", "POST", "PATCH", "PATCH"], "news first");
    let edited = requests[3].json();
    let embed = &edited["embeds"][0];
    assert_eq!(embed["title"], "OVER – DOWN: shop/api (TIMEOUT)");
    assert_eq!(embed["color"], 0x07_94_55);
    assert_eq!(embed["footer"]["text"], "up since 2023-11-14 22:14:20 UTC, after 1 min");
    assert_eq!(embed["description"], down["embeds"][0]["description"]);
    assert_eq!(embed["fields"], down["embeds"][0]["fields"]);
}

#[tokio::test]
async fn a_digest_is_not_over_when_one_of_its_outages_is() {
    let chat = start().await;
    let events: Vec<_> = ["api", "web"]
        .iter()
        .zip([3, 4])
        .map(|(monitor, number)| Event {
            monitor: name(monitor),
            incident: Some(IncidentId::new(MonitorId(7), number)),
            ..event(EventKind::Down)
        })
        .collect();
    let key = key("digest");
    let input = RenderInput { key: &key, events: &events, policy: None, now: at(60_000) };
    let receipt = chat.sends(&render(input).unwrap()).await.unwrap();
    assert_eq!(receipt.handle, None, "nothing to edit it by");
}

#[tokio::test]
async fn a_message_that_was_deleted_does_not_keep_the_news_back() {
    let mut chat = start().await;
    chat.begins(EventKind::Down).await;
    chat.server.next(Reaction::Answer(200, Vec::new(), DONE.into()));
    chat.server.next(Reaction::Answer(404, Vec::new(), r#"{"code": 10008}"#.into()));
    assert!(chat.sends(&message("up", &event(EventKind::Up))).await.is_ok());
    assert_eq!(chat.server.received().len(), 3);
}

#[tokio::test]
async fn a_message_too_large_to_be_kept_is_edited_above_its_embed() {
    let mut chat = start().await;
    let mut long = event(EventKind::Down);
    long.message = Some("日".repeat(20_000));
    long.note = Some("日".repeat(20_000));
    long.reason = Some("日".repeat(20_000));
    long.tags = vec!["日".repeat(20_000)];
    let handle = chat.sends(&message("long", &long)).await.unwrap().handle.unwrap();
    assert_eq!(handle, r#"{"id":"1"}"#);
    chat.earlier.push(Earlier { incident: long.incident.unwrap(), receipt: handle });
    let edit = chat.got(EventKind::Up).await.json();
    assert_eq!(edit["content"], "Over: up since 2023-11-14 22:14:20 UTC, after 1 min");
}
