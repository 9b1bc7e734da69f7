//! Microsoft Teams: the contract against a server that refuses what a workflow refuses.

use kuma_core::event::EventKind;
use kuma_core::provider::{ProviderConfig, TeamsConfig};
use kuma_notify::DeliveryReason;
use serde_json::Value;

use crate::contract::{self, Fixture, Trouble};
use crate::http_server::{HttpServer, Reaction, Received};
use crate::kit::{CANARY, MapSecrets, event, message, text};
use crate::stub::{Kind, Stub, later};

/// What a workflow asks for: a message with one Adaptive Card, at most 28 KB however it counts.
fn vendor(request: &Received) -> Result<(), (u16, String)> {
    let invalid = |what: &str| Err((400, format!("{{\"error\": {{\"code\": \"{what}\"}}}}")));
    if request.method != "POST"
        || request.path != format!("/workflows/1/triggers/manual/paths/invoke?sig={CANARY}")
    {
        return Err((401, r#"{"error": {"code": "AuthorizationFailed"}}"#.into()));
    }
    if request.headers.get("content-type").map(String::as_str) != Some("application/json") {
        return invalid("content-type");
    }
    if request.body.len() > 21_000 {
        return Err((413, "Request Entity Too Large".into()));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return invalid("InvalidRequestContent");
    };
    let Some([attachment]) = body["attachments"].as_array().map(Vec::as_slice) else {
        return invalid("attachments");
    };
    let card = &attachment["content"];
    if body["type"] != "message"
        || attachment["contentType"] != "application/vnd.microsoft.card.adaptive"
        || card["type"] != "AdaptiveCard"
        || card["version"] != "1.4"
    {
        return invalid("card");
    }
    let blocks = card["body"].as_array().cloned().unwrap_or_default();
    let actions = card["actions"].as_array().cloned().unwrap_or_default();
    let good = |action: &Value| {
        action["type"] == "Action.OpenUrl"
            && action["url"].as_str().is_some_and(|url| url::Url::parse(url).is_ok())
    };
    if blocks.is_empty()
        || !blocks.iter().all(block)
        || actions.len() > 6
        || !actions.iter().all(good)
    {
        return invalid("block");
    }
    Ok(())
}

/// Whether a block is one that shows texts as they are.
fn block(block: &Value) -> bool {
    let runs = |block: &Value| {
        block["type"] == "RichTextBlock"
            && block["inlines"].as_array().is_some_and(|runs| {
                !runs.is_empty()
                    && runs.iter().all(|run| {
                        run["type"] == "TextRun"
                            && run["text"].as_str().is_some_and(|text| !text.is_empty())
                    })
            })
    };
    match block["type"].as_str() {
        Some("Container") => {
            let styles = ["default", "emphasis", "good", "attention", "warning", "accent"];
            styles.contains(&block["style"].as_str().unwrap_or_default())
                && block["items"].as_array().is_some_and(|items| items.iter().all(runs))
        }
        _ => runs(block),
    }
}

/// The runs of a paragraph are one text.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join("\n"),
        Value::Object(map) => match map.get("inlines").and_then(Value::as_array) {
            Some(runs) => runs.iter().filter_map(|run| run["text"].as_str()).collect(),
            None => map.values().map(shown).collect::<Vec<_>>().join("\n"),
        },
        _ => String::new(),
    }
}

fn trouble(trouble: Trouble) -> Option<Reaction> {
    let body = format!("{{\"error\": {{\"message\": \"{CANARY}\"}}}}");
    Some(match trouble {
        Trouble::Throttled(after) => later(429, after, body),
        Trouble::Later(after) => later(502, after, body),
        Trouble::Rejected => later(400, None, body),
        Trouble::Unauthorized => later(401, None, body),
    })
}

async fn start() -> Stub<TeamsConfig> {
    let server = HttpServer::start(vendor).await;
    server.always(Reaction::status(202));
    let secrets = MapSecrets::default();
    let path = format!("/workflows/1/triggers/manual/paths/invoke?sig={CANARY}");
    secrets.set("shop", "team", "url", &server.url(&path));
    let config = TeamsConfig { webhook_url: text("${SECRET:team:url}") };
    let kind = Kind {
        wrap: ProviderConfig::Teams,
        turn: |config, base| config.webhook_url = text(&format!("{base}/${{SECRET:team:url}}")),
        trouble,
        shown: |_, request| shown(&request.json()["attachments"][0]["content"]["body"]),
    };
    Stub { server, secrets, config, kind }
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&start().await).await;
}

#[tokio::test]
async fn a_message_is_a_card_in_the_colour_of_its_severity() {
    let body = start().await.got(EventKind::Down).await.json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
}

#[tokio::test]
async fn a_recovery_is_green_and_says_how_long_it_was_down() {
    let body = start().await.got(EventKind::Up).await.json();
    let card = &body["attachments"][0]["content"];
    assert_eq!(card["body"][0]["style"], "good");
    assert!(shown(&card["body"]).contains("Lasted: 1 min"), "{card}");
}

#[tokio::test]
async fn long_facts_do_not_push_the_buttons_out() {
    let team = start().await;
    let mut event = event(EventKind::Down);
    event.reason = Some("\u{1}é\"".repeat(5_000));
    event.note = Some("\u{1}é\"".repeat(20_000));
    event.tags = vec!["t".repeat(20_000)];
    let message = message("links", &event);
    let payload = contract::rendered(&team, &message);
    contract::attempt(&team, &team.provider(), &payload, &message.key, true).await.unwrap();
    let body = team.server.received().pop().unwrap().json();
    let actions = &body["attachments"][0]["content"]["actions"];
    assert_eq!(actions[0]["url"], "https://wiki.example/api");
    assert!(body.to_string().contains("may be a repeat"));
}

#[tokio::test]
async fn a_connector_hides_refusals_in_an_answer_that_says_200() {
    let team = start().await;
    let said = |code: u16| {
        format!(
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {code} with ContextId x"
        )
    };
    assert_eq!(team.answers(200, &said(429)).await.reason(), DeliveryReason::Throttled);
    let large = team.answers(200, &said(413)).await;
    assert_eq!((large.is_retryable(), large.reason()), (false, DeliveryReason::Rejected));
    let portal = team.answers(200, "<html>Sign in</html>").await;
    assert_eq!(portal.reason(), DeliveryReason::BadAnswer);
    let off = team.answers(404, r#"{"error": {"code": "WorkflowNotFound"}}"#).await;
    assert!(!off.is_retryable(), "{off}");
}
