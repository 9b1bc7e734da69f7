//! Webhooks: the contract, the documented body, own bodies, signatures.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use kuma_core::event::EventKind;
use kuma_core::provider::{Provider, ProviderConfig, WebhookConfig};
use kuma_core::secret::SecretRef;
use kuma_expr::{EVENT_VARIABLES, Template};
use kuma_fixture::vendor::webhook::vendor;
use kuma_notify::{
    DeliveryError, DeliveryReason, Names, RenderInput, SendContext, Transports, channel, render,
};

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, at, event, key, message, provider, text};

struct Hook {
    server: HttpServer,
    secrets: MapSecrets,
    config: WebhookConfig,
}

impl Hook {
    async fn start() -> Self {
        let server = HttpServer::start(vendor).await;
        let secrets = MapSecrets::default();
        secrets.set("shop", "hook", "token", CANARY);
        let config = WebhookConfig {
            url: text(&server.url("/in/${SECRET:hook:token}?t=${SECRET:hook:token}")),
            method: "POST".into(),
            headers: vec![("X-Token".into(), text("Bearer ${SECRET:hook:token}"))],
            body: None,
            signing_secret: Some(SecretRef { name: "hook".into(), key: "token".into() }),
        };
        Self { server, secrets, config }
    }

    fn with_body(mut self, source: &str) -> Self {
        self.config.body = Some(Template::compile(source, EVENT_VARIABLES).unwrap());
        self
    }
}

impl Fixture for Hook {
    fn provider(&self) -> Provider {
        provider("hook", ProviderConfig::Webhook(self.config.clone()))
    }

    fn transports(&self) -> Transports {
        Transports::with_timeout(Duration::from_secs(1))
    }

    fn secrets(&self) -> &MapSecrets {
        &self.secrets
    }

    fn elsewhere(&self, address: SocketAddr) -> Provider {
        let mut config = self.config.clone();
        config.url = text(&format!("http://{address}/${{SECRET:hook:token}}"));
        provider("hook", ProviderConfig::Webhook(config))
    }

    fn script(&self, trouble: Trouble) -> bool {
        let (status, after) = match trouble {
            Trouble::Throttled(after) => (429, after),
            Trouble::Later(after) => (503, after),
            Trouble::Rejected => (422, None),
            Trouble::Unauthorized => (403, None),
        };
        let headers = after.map(|seconds| ("retry-after", seconds.to_string()));
        // It echoes what it got, as debugging servers do.
        let echo = format!("you sent Bearer {CANARY} to /in/{CANARY}");
        self.server.next(Reaction::Answer(status, headers.into_iter().collect(), echo));
        true
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server
            .received()
            .iter()
            .map(|request| {
                let body = request.json();
                let mut strings = Vec::new();
                strings_of(&body, &mut strings);
                if body["mayBeRepeat"] == true {
                    strings.push("mayBeRepeat".into());
                }
                Arrived {
                    key: request.headers["webhook-id"].clone(),
                    text: strings.join("\n"),
                    raw: request.body.clone(),
                }
            })
            .collect()
    }
}

fn strings_of(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => into.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings_of(item, into)),
        serde_json::Value::Object(map) => map.values().for_each(|item| strings_of(item, into)),
        _ => {}
    }
}

/// Says the same address of every name.
#[derive(Debug)]
struct Points(&'static str);

impl Names for Points {
    fn lookup<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::new(self.0.parse().unwrap(), port)]) })
    }
}

#[tokio::test]
async fn a_name_is_judged_by_the_address_that_is_dialled() {
    let mut hook = Hook::start().await;
    hook.config.url = text(&hook.server.url("/in").replace("127.0.0.1", "hooks.example"));
    let payload = rendered(&hook, &message("named", &event(EventKind::Down)));
    for (points, reason) in
        [("169.254.169.254", Some(DeliveryReason::EgressDenied)), ("127.0.0.1", None)]
    {
        let transports = hook.transports().with_names(Arc::new(Points(points)));
        let provider = hook.provider();
        let channel = channel(&provider, &transports).unwrap();
        let context = SendContext {
            key: "key",
            may_be_repeat: false,
            earlier: &[],
            secrets: hook.secrets(),
            now: at(5_000),
        };
        let sent = channel.send(&payload, context).await;
        assert_eq!(sent.as_ref().err().map(DeliveryError::reason), reason, "{sent:?}");
        assert!(sent.is_ok() || !sent.unwrap_err().is_retryable());
    }
    assert_eq!(hook.server.received().len(), 1);
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&Hook::start().await).await;
}

#[tokio::test]
async fn it_is_verified_without_a_message() {
    let fixture = Hook::start().await;
    contract::verifies(&fixture, None).await;
    assert!(contract::asked(&fixture.server).is_empty(), "a connection and nothing else");
}

#[tokio::test]
async fn the_documented_body_is_what_is_sent() {
    let hook = Hook::start().await;
    let message = message("body", &event(EventKind::Up));
    let payload = rendered(&hook, &message);
    attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap();
    let received = hook.server.received().pop().unwrap();
    assert_eq!(received.path, format!("/in/{CANARY}?t={CANARY}"));
    assert_eq!(received.headers["x-token"], format!("Bearer {CANARY}"));
    assert_eq!(received.headers["webhook-timestamp"], "1700000005");
    let pretty = serde_json::to_string_pretty(&received.json()).unwrap();
    insta::assert_snapshot!(pretty);
}

#[tokio::test]
async fn a_digest_lists_its_events() {
    let hook = Hook::start().await;
    let events = [event(EventKind::Down), event(EventKind::Up)];
    let key = key("digest");
    let message =
        render(RenderInput { key: &key, events: &events, policy: None, now: at(0) }).unwrap();
    let payload = rendered(&hook, &message);
    attempt(&hook, &hook.provider(), &payload, &key, false).await.unwrap();
    let body = hook.server.received().pop().unwrap().json();
    assert_eq!(body["type"], "digest");
    assert_eq!(body["events"][0]["event"], "down");
    assert_eq!(body["events"][1]["monitor"]["id"], "shop/api");
    assert_eq!(body["omitted"], 0);
}

#[tokio::test]
async fn an_own_body_is_escaped_and_its_secrets_are_filled_late() {
    let hook = Hook::start()
        .await
        .with_body(r#"{"token": "${SECRET:hook:token}", "text": "{{ .message }}", "m": "{{ .monitorName | upper }}"}"#);
    let mut event = event(EventKind::Down);
    let nasty = "a \"quote\" \u{F0000}0\u{F0001} and ${SECRET:hook:token}";
    event.message = Some(nasty.into());
    let message = message("own", &event);
    let payload = rendered(&hook, &message);
    assert!(!String::from_utf8_lossy(&payload.0).contains(CANARY));
    attempt(&hook, &hook.provider(), &payload, &message.key, true).await.unwrap();
    let received = hook.server.received().pop().unwrap();
    let body = received.json();
    assert_eq!(body["token"], CANARY);
    assert_eq!(body["text"], "a \"quote\" 0 and ${SECRET:hook:token}");
    assert_eq!(body["m"], "API");
    assert_eq!(received.headers["kubekuma-may-be-repeat"], "true");
}

#[tokio::test]
async fn an_own_body_that_fails_becomes_the_documented_one_with_the_error() {
    let hook = Hook::start().await.with_body("{{ .message }}{{ .message }}");
    let mut event = event(EventKind::Down);
    event.message = Some("x".repeat(40_000));
    let message = message("broken", &event);
    let payload = rendered(&hook, &message);
    attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap();
    let body = hook.server.received().pop().unwrap().json();
    assert_eq!(body["event"], "down");
    assert!(body["templateError"].as_str().unwrap().contains("body template"), "{body}");
}

#[tokio::test]
async fn signatures_are_those_of_standard_webhooks() {
    // The example of the specification's reference libraries.
    let hook = Hook::start().await;
    hook.secrets.set("shop", "hook", "token", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let message = message("signed", &event(EventKind::Down));
    let payload = rendered(&hook, &message);
    let error = attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Unauthorized, "another key is another signature");
    let received = hook.server.received().pop().unwrap();
    let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let content = format!("{}.1700000005.{}", message.key, received.text());
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), content.as_bytes());
    assert_eq!(
        received.headers["webhook-signature"],
        format!("v1,{}", STANDARD.encode(signature.as_ref()))
    );
}

#[tokio::test]
async fn an_unsigned_webhook_still_carries_its_key() {
    let mut hook = Hook::start().await;
    hook.config.signing_secret = None;
    let message = message("unsigned", &event(EventKind::Down));
    let payload = rendered(&hook, &message);
    attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap();
    let received = hook.server.received().pop().unwrap();
    assert_eq!(received.headers["webhook-id"], message.key);
    assert!(!received.headers.contains_key("webhook-signature"));
}

#[tokio::test]
async fn redirects_are_not_followed_and_gone_is_gone() {
    let hook = Hook::start().await;
    let message = message("moved", &event(EventKind::Down));
    let payload = rendered(&hook, &message);
    let there = vec![("location", hook.server.url("/elsewhere"))];
    hook.server.next(Reaction::Answer(307, there, String::new()));
    hook.server.next(Reaction::status(410));
    for reason in [DeliveryReason::Redirected, DeliveryReason::Gone] {
        let error =
            attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap_err();
        assert_eq!((error.is_retryable(), error.reason()), (false, reason));
    }
    assert_eq!(hook.server.received().len(), 2);
}

#[tokio::test]
async fn endless_answers_and_broken_connections_end() {
    let hook = Hook::start().await;
    let message = message("endless", &event(EventKind::Down));
    let payload = rendered(&hook, &message);
    hook.server.next(Reaction::Answer(400, Vec::new(), "x".repeat(5_000_000)));
    let error = attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap_err();
    assert!(error.to_string().len() < 700, "{error}");
    for (reaction, reason) in [
        (Reaction::Close, DeliveryReason::Network),
        (Reaction::Hang, DeliveryReason::Timeout),
        (Reaction::Garbage, DeliveryReason::BadAnswer),
    ] {
        hook.server.next(reaction);
        let error =
            attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap_err();
        assert_eq!((error.is_retryable(), error.reason()), (true, reason), "{error}");
    }
}

#[tokio::test]
async fn a_url_that_is_none_is_a_misconfiguration() {
    let mut hook = Hook::start().await;
    hook.config.url = text("${SECRET:hook:token}");
    let message = message("url", &event(EventKind::Down));
    let payload = rendered(&hook, &message);
    let error = attempt(&hook, &hook.provider(), &payload, &message.key, false).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.reason()), (false, DeliveryReason::Misconfigured));
    assert!(!error.to_string().contains(CANARY), "{error}");
}
