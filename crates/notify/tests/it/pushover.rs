//! Pushover: the contract against a server that refuses what Pushover refuses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::provider::{Provider, ProviderConfig, PushoverConfig, PushoverRepeat};
use kuma_fixture::vendor::pushover::{form, vendor};
use kuma_notify::{DeliveryError, DeliveryReason, Transports};

use crate::contract::{self, Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{CANARY, MapSecrets, at, event, key, message, provider, text};

struct Pushover {
    server: HttpServer,
    secrets: MapSecrets,
    config: PushoverConfig,
}

impl Pushover {
    async fn start() -> Self {
        let server = HttpServer::start(vendor).await;
        let done = r#"{"status": 1, "request": "647d2300-702c-4b38-8b2f-d56326ae460b"}"#;
        server.always(Reaction::Answer(200, Vec::new(), done.into()));
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
        Self { server, secrets, config }
    }

    async fn sends(&self, kind: EventKind) -> Result<BTreeMap<String, String>, DeliveryError> {
        let message = message("sends", &event(kind));
        let payload = rendered(self, &message);
        attempt(self, &self.provider(), &payload, &message.key, false).await?;
        Ok(form(&self.server.received().pop().unwrap()))
    }
}

impl Fixture for Pushover {
    fn provider(&self) -> Provider {
        provider("push", ProviderConfig::Pushover(self.config.clone()))
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
        provider("push", ProviderConfig::Pushover(config))
    }

    fn script(&self, trouble: Trouble) -> bool {
        let mut headers = Vec::new();
        let (status, body) = match trouble {
            Trouble::Throttled(after) => {
                // The month's messages are used up until then.
                let reset =
                    after.map(|after| at(5_000).as_second() + i64::try_from(after).unwrap());
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
        self.server.next(Reaction::Answer(status, headers, body));
        true
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.server
            .received()
            .iter()
            .map(|request| {
                let form = form(request);
                Arrived {
                    key: request.headers["idempotency-key"].clone(),
                    text: format!("{}\n{}", form["title"], form["message"]),
                    raw: request.body.clone(),
                }
            })
            .collect()
    }
}

#[tokio::test]
async fn the_contract_holds() {
    contract::holds(&Pushover::start().await).await;
}

#[tokio::test]
async fn the_form_has_what_a_phone_shows() {
    let push = Pushover::start().await;
    let mut form = push.sends(EventKind::Down).await.unwrap();
    form.remove("user");
    insta::assert_debug_snapshot!(form);
}

#[tokio::test]
async fn only_outages_ring_until_they_are_acknowledged() {
    let mut push = Pushover::start().await;
    push.config.priority = Some(2);
    push.config.repeat = Some(PushoverRepeat { retry: 60, expire: 3_600 });
    let down = push.sends(EventKind::Down).await.unwrap();
    assert_eq!((&*down["priority"], &*down["retry"]), ("2", "60"));
    let up = push.sends(EventKind::Up).await.unwrap();
    assert_eq!(up["priority"], "0");
    assert!(!up.contains_key("retry"));
}

#[tokio::test]
async fn a_wrong_token_is_told_from_a_wrong_message() {
    let push = Pushover::start().await;
    push.secrets.set("shop", "push", "token", "another");
    let error = push.sends(EventKind::Down).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::Unauthorized, "{error}");
}

#[tokio::test]
async fn a_sign_in_page_is_no_delivery() {
    let push = Pushover::start().await;
    let payload = rendered(&push, &message("portal", &event(EventKind::Down)));
    let page = "<html>Sign in</html>".to_owned();
    push.server.next(Reaction::Answer(200, Vec::new(), page));
    let error =
        attempt(&push, &push.provider(), &payload, &key("portal"), false).await.unwrap_err();
    assert_eq!(error.reason(), DeliveryReason::BadAnswer);
}
