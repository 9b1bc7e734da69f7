//! Microsoft Teams: the contract against a server that refuses what a workflow refuses.

use kuma_core::event::EventKind;
use kuma_core::provider::{ProviderConfig, TeamsConfig};
use kuma_fixture::vendor::teams::{shown, vendor};
use kuma_notify::DeliveryReason;

use crate::contract::{self, Fixture, Trouble};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, event, message, text};
use crate::stub::{Kind, Stub, later};

fn trouble(trouble: Trouble) -> Reaction {
    let body = format!("{{\"error\": {{\"message\": \"{CANARY}\"}}}}");
    match trouble {
        Trouble::Throttled(after) => later(429, after, body),
        Trouble::Later(after) => later(502, after, body),
        Trouble::Rejected => later(400, None, body),
        Trouble::Unauthorized => later(401, None, body),
    }
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
    Stub::new(server, secrets, config, kind)
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&start().await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let fixture = start().await;
    contract::verifies(&fixture, None).await;
    assert!(contract::asked(&fixture.server).is_empty(), "a connection and nothing else");
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
