//! PagerDuty: the contract against a server that refuses what the Events API refuses.

use kuma_core::event::{Event, EventKind};
use kuma_core::id::{IncidentId, MonitorId};
use kuma_core::provider::{PagerdutyConfig, PagerdutySeverity, ProviderConfig};
use kuma_fixture::vendor::pagerduty::vendor;
use kuma_notify::{DeliveryReason, RenderInput, render};

use crate::contract::{self, Trouble};
use crate::http_server::{HttpServer, Reaction, Received};
use crate::kit::{CANARY, MapSecrets, at, event, key, name, text};
use crate::stub::{Kind, Stub, later, texts};

const DONE: &str = r#"{"status": "success", "message": "Event processed", "dedup_key": "k"}"#;

fn trouble(trouble: Trouble) -> Reaction {
    match trouble {
        Trouble::Throttled(after) => later(429, after, format!("{{\"m\": \"{CANARY}\"}}")),
        Trouble::Later(after) => later(503, after, String::new()),
        Trouble::Rejected => later(
            400,
            None,
            format!("{{\"status\": \"invalid event\", \"errors\": [\"{CANARY}\"]}}"),
        ),
        Trouble::Unauthorized => later(400, None, "{\"errors\": [\"Invalid routing key\"]}".into()),
    }
}

async fn start() -> Stub<PagerdutyConfig> {
    let server = HttpServer::start(vendor).await;
    server.always(Reaction::Answer(202, Vec::new(), DONE.into()));
    let secrets = MapSecrets::default();
    secrets.set("shop", "pager", "key", CANARY);
    let config = PagerdutyConfig {
        routing_key: text("${SECRET:pager:key}"),
        severity: PagerdutySeverity::Critical,
        api_base_url: text(&server.url("/")),
    };
    let kind = Kind {
        wrap: ProviderConfig::Pagerduty,
        turn: |config, base| config.api_base_url = text(base),
        trouble,
        shown: |_, request| texts(&request.json()["payload"]),
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
async fn an_event_says_what_is_down_and_where_to_read_on() {
    let mut body = start().await.got(EventKind::Down).await.json();
    body["routing_key"] = "…".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap());
}

#[tokio::test]
async fn an_outage_is_one_alert_from_its_beginning_to_its_end() {
    let pager = start().await;
    let down = pager.got(EventKind::Down).await.json();
    assert_eq!(
        down["dedup_key"],
        format!("kubekuma/shop/api/{}", IncidentId::new(MonitorId(7), 3).0)
    );
    for (kind, action) in [
        (EventKind::Resend, "trigger"),
        (EventKind::Escalation, "trigger"),
        (EventKind::Up, "resolve"),
        (EventKind::Closed, "resolve"),
    ] {
        let later = pager.got(kind).await.json();
        assert_eq!(later["event_action"], action, "{kind}");
        assert_eq!(later["dedup_key"], down["dedup_key"], "{kind}");
    }
}

#[tokio::test]
async fn severities_are_those_of_pagerduty() {
    let mut pager = start().await;
    pager.config.severity = PagerdutySeverity::Error;
    for (kind, severity) in [
        (EventKind::Down, "error"),
        (EventKind::MassOutage, "error"),
        (EventKind::Degraded, "warning"),
        (EventKind::Unknown, "warning"),
        (EventKind::Test, "info"),
    ] {
        assert_eq!(pager.got(kind).await.json()["payload"]["severity"], severity, "{kind}");
    }
}

#[tokio::test]
async fn a_digest_is_an_event_for_each_incident() {
    let pager = start().await;
    let events: Vec<_> = ["api", "web"]
        .iter()
        .zip([EventKind::Down, EventKind::Up])
        .map(|(monitor, kind)| Event { monitor: name(monitor), ..event(kind) })
        .collect();
    let key = key("digest");
    let input = RenderInput { key: &key, events: &events, policy: None, now: at(60_000) };
    pager.sends(&render(input).unwrap()).await.unwrap();
    let got: Vec<_> = pager.server.received().iter().map(Received::json).collect();
    let told: Vec<_> = got
        .iter()
        .map(|body| {
            (body["event_action"].as_str().unwrap(), body["payload"]["summary"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [("trigger", "DOWN: shop/api (TIMEOUT)"), ("resolve", "UP: shop/web was down for 1 min")]
    );
}

#[tokio::test]
async fn a_sign_in_page_is_no_delivery() {
    let error = start().await.answers(200, "<html>Sign in</html>").await;
    assert_eq!(error.reason(), DeliveryReason::BadAnswer);
}
