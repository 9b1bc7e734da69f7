//! Pushover: the contract against a server that refuses what Pushover refuses.

use kuma_core::event::EventKind;
use kuma_core::provider::{ProviderConfig, PushoverConfig, PushoverRepeat};
use kuma_core::state::MonitorState;
use kuma_fixture::vendor::pushover::{form, vendor};
use kuma_notify::DeliveryReason;

use crate::contract::{self, Trouble};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, at, event, message, text};
use crate::stub::{Kind, Stub};

const DONE: &str = r#"{"status": 1, "request": "647d2300-702c-4b38-8b2f-d56326ae460b", "receipt": "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy"}"#;

fn trouble(trouble: Trouble) -> Reaction {
    let mut headers = Vec::new();
    let (status, body) = match trouble {
        Trouble::Throttled(after) => {
            // The month's messages are used up until then.
            let reset = after.map(|after| at(5_000).as_second() + i64::try_from(after).unwrap());
            headers.extend(reset.map(|reset| ("x-limit-app-reset", reset.to_string())));
            (429, "\"limit\": 0")
        }
        Trouble::Later(after) => {
            headers.extend(after.map(|after| ("retry-after", after.to_string())));
            (500, "\"limit\": 1")
        }
        Trouble::Rejected => (400, "\"message\": \"cannot be blank\""),
        Trouble::Unauthorized => (400, "\"user\": \"invalid\""),
    };
    let body = format!("{{{body}, \"status\": 0, \"errors\": [\"{CANARY}\"]}}");
    Reaction::Answer(status, headers, body)
}

async fn start() -> Stub<PushoverConfig> {
    let server = HttpServer::start(vendor).await;
    server.always(Reaction::Answer(200, Vec::new(), DONE.into()));
    let secrets = MapSecrets::default();
    secrets.set("shop", "push", "token", "a-token");
    secrets.set("shop", "push", "user", CANARY);
    let config = PushoverConfig {
        user_key: text("${SECRET:push:user}"),
        api_token: text("${SECRET:push:token}"),
        priority: None,
        repeat: None,
        sound: Some("siren".into()),
        device: Some("phone".into()),
        api_base_url: text(&server.url("")),
    };
    let kind = Kind {
        wrap: ProviderConfig::Pushover,
        turn: |config, base| config.api_base_url = text(base),
        trouble,
        shown: |_, request| {
            let form = form(request);
            format!("{}\n{}", form["title"], form["message"])
        },
    };
    Stub::new(server, secrets, config, kind)
}

/// Rings until somebody acknowledges it.
async fn loud() -> Stub<PushoverConfig> {
    let mut push = start().await;
    push.config.priority = Some(2);
    push.config.repeat = Some(PushoverRepeat { retry: 60, expire: 3_600 });
    push
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&start().await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let fixture = start().await;
    contract::verifies(&fixture, Some(DeliveryReason::Unauthorized)).await;
    assert_eq!(contract::asked(&fixture.server), ["POST /1/users/validate.json"; 2]);
}

#[tokio::test]
async fn the_form_has_what_a_phone_shows() {
    let mut form = form(&start().await.got(EventKind::Down).await);
    form.remove("user");
    insta::assert_debug_snapshot!(form);
}

#[tokio::test]
async fn only_outages_ring_until_they_are_acknowledged() {
    let push = loud().await;
    let down = form(&push.got(EventKind::Down).await);
    assert_eq!((&*down["priority"], &*down["retry"]), ("2", "60"));
    let up = form(&push.got(EventKind::Up).await);
    assert_eq!(up["priority"], "0");
    assert!(!up.contains_key("retry"));
}

#[tokio::test]
async fn a_recovery_ends_the_repeats_before_it_is_told() {
    let mut push = loud().await;
    let down = form(&push.begins(EventKind::Down).await);
    let again = form(&push.begins(EventKind::Resend).await);
    assert_eq!(down["tags"], again["tags"]);
    // The provider may have been made quieter meanwhile: what rings must stop all the same.
    push.config.priority = Some(1);
    push.got(EventKind::Up).await;
    let requests = push.server.received();
    assert_eq!(requests.len(), 4);
    let cancel = format!("/1/receipts/cancel_by_tag/{}.json", down["tags"]);
    assert_eq!(requests[2].path, cancel);
    assert_eq!(requests[3].path, "/1/messages.json");
}

/// A priority that is set holds for warnings too, which are about no incident.
#[tokio::test]
async fn the_end_of_what_is_no_outage_ends_its_repeats_too() {
    let push = loud().await;
    let mut slow = event(EventKind::Degraded);
    slow.incident = None;
    push.sends(&message("slow", &slow)).await.unwrap();
    let rings = form(&push.server.received()[0]);
    assert_eq!(rings["priority"], "2");
    let mut well = event(EventKind::Up);
    (well.incident, well.previous_state) = (None, MonitorState::Degraded);
    push.sends(&message("well", &well)).await.unwrap();
    let cancel = format!("/1/receipts/cancel_by_tag/{}.json", rings["tags"]);
    assert_eq!(push.server.received()[1].path, cancel);
    // The end of an outage that came of it ends it as well; that of a certificate's trouble does not.
    let down = form(&push.got(EventKind::Down).await);
    assert_eq!(down["tags"], rings["tags"]);
    let expiring = form(&push.got(EventKind::CertExpiring).await);
    assert_ne!(expiring["tags"], rings["tags"]);
}

#[tokio::test]
async fn repeats_that_cannot_be_ended_now_are_tried_again_and_refusals_keep_nothing_back() {
    let push = loud().await;
    let up = message("up", &event(EventKind::Up));
    push.server.next(Reaction::status(503));
    let error = push.sends(&up).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(push.server.received().len(), 1, "the message waits for the next attempt");
    push.server.next(Reaction::Answer(404, Vec::new(), r#"{"status": 0}"#.into()));
    push.sends(&up).await.unwrap();
}

#[tokio::test]
async fn nothing_is_cancelled_where_nothing_rings() {
    let push = start().await;
    push.got(EventKind::Up).await;
    assert_eq!(push.server.received().len(), 1);
}

#[tokio::test]
async fn a_wrong_token_is_told_from_a_wrong_message() {
    let push = start().await;
    push.secrets.set("shop", "push", "token", "another");
    let error = push.sends(&message("token", &event(EventKind::Down))).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Unauthorized, "{error}");
}

#[tokio::test]
async fn a_sign_in_page_is_no_delivery() {
    let error = start().await.answers(200, "<html>Sign in</html>").await;
    assert_eq!(error.reason(), DeliveryReason::BadAnswer);
}
