//! Receivers that are asked over HTTP.

use std::time::Duration;

use kuma_fixture::CANARY;
use kuma_fixture::http_server::{HttpServer, Logged, Reaction, Vendor};
use kuma_fixture::vendor;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{Mood, Receiver};
use crate::evidence::Message;

/// Slow enough that a kill often finds a message on its way.
const SLOW: Duration = Duration::from_millis(120);

pub(super) struct Http {
    server: HttpServer,
    /// What it answers when all is well.
    done: &'static str,
    /// The header with the key.
    key: &'static str,
    config: Value,
    secret: Value,
}

impl Http {
    pub(super) fn start(
        handle: &Handle,
        vendor: Vendor,
        key: &'static str,
        done: &'static str,
    ) -> (HttpServer, impl FnOnce(HttpServer, Value, Value) -> Box<dyn Receiver + Send> + use<>)
    {
        let server = handle.block_on(HttpServer::start(vendor));
        server.slow(SLOW);
        server.always(Reaction::Answer(200, Vec::new(), done.into()));
        (server, move |server, config, secret| Box::new(Self { server, done, key, config, secret }))
    }
}

impl Receiver for Http {
    fn config(&self) -> Value {
        self.config.clone()
    }

    fn secret(&self) -> Value {
        self.secret.clone()
    }

    fn be(&self, mood: Mood) {
        let after = || vec![("retry-after", "1".to_owned())];
        self.server.always(match mood {
            Mood::Well => Reaction::Answer(200, Vec::new(), self.done.into()),
            Mood::Failing => Reaction::Answer(503, after(), "{}".into()),
            Mood::Throttling => Reaction::Answer(429, after(), "{}".into()),
            Mood::Closing => Reaction::Close,
            Mood::Hanging => Reaction::Hang,
            Mood::Garbage => Reaction::Garbage,
        });
    }

    fn messages(&self, provider: &str) -> Vec<Message> {
        let log = self.server.log();
        // An edit of an earlier message tells nobody anything, nor does a verification.
        let silent = ["/editMessage", "/getChat", "/users/validate.json"];
        let told = log.iter().filter(|logged| {
            logged.request.method == "POST"
                && !silent.iter().any(|path| logged.request.path.contains(path))
        });
        told.map(|logged| message(provider, self.key, logged)).collect()
    }
}

fn message(provider: &str, key: &str, logged: &Logged) -> Message {
    let request = &logged.request;
    // Forms write spaces as signs.
    let text = String::from_utf8_lossy(&request.body).replace('+', " ");
    let lower = text.to_lowercase();
    let marked = request.headers.contains_key("kubekuma-may-be-repeat")
        || lower.contains("may be a repeat")
        || lower.contains("\"mayberepeat\":true");
    Message {
        provider: provider.to_owned(),
        key: request.headers.get(key).cloned().unwrap_or_default(),
        at: logged.at_ms,
        marked,
        taken: logged.answered.is_some_and(|status| (200..300).contains(&status)),
        refused: logged.refused.clone(),
        text,
        dedupes: false,
        renews: false,
        alerts: Vec::new(),
    }
}

pub(super) fn reference(provider: &str, key: &str) -> Value {
    json!({ "name": provider, "key": key })
}

pub(super) fn webhook(handle: &Handle) -> Box<dyn Receiver + Send> {
    let (server, done) = Http::start(handle, vendor::webhook::vendor, "webhook-id", "");
    let config = json!({
        "url": server.url("/in"),
        "signingSecretRef": reference("webhook", "key"),
    });
    done(server, config, json!({ "key": CANARY }))
}

pub(super) fn slack(handle: &Handle) -> Box<dyn Receiver + Send> {
    let (server, done) = Http::start(handle, vendor::slack::vendor, "idempotency-key", "ok");
    let secret = json!({ "url": server.url(&format!("/services/{CANARY}")) });
    done(server, json!({ "webhookUrlSecretRef": reference("slack", "url") }), secret)
}

pub(super) fn discord(handle: &Handle) -> Box<dyn Receiver + Send> {
    let answer = r#"{"id": "1", "type": 0, "embeds": []}"#;
    let (server, done) = Http::start(handle, vendor::discord::vendor, "idempotency-key", answer);
    let secret = json!({ "url": server.url(&format!("/api/webhooks/1/{CANARY}")) });
    let config = json!({ "webhookUrlSecretRef": reference("discord", "url"), "threadId": "42" });
    done(server, config, secret)
}

pub(super) fn telegram(handle: &Handle) -> Box<dyn Receiver + Send> {
    let answer = r#"{"ok": true, "result": {"message_id": 12}}"#;
    let (server, done) = Http::start(handle, vendor::telegram::vendor, "idempotency-key", answer);
    let config = json!({
        "botTokenSecretRef": reference("telegram", "token"),
        "chatId": "-1001",
        "messageThreadId": 7,
        "parseMode": "HTML",
        "apiBaseUrl": server.url(""),
    });
    done(server, config, json!({ "token": format!("1:{CANARY}") }))
}

pub(super) fn gotify(handle: &Handle) -> Box<dyn Receiver + Send> {
    let answer = r#"{"id": 25, "appid": 5, "date": "2026-01-01T00:00:00Z"}"#;
    let (server, done) = Http::start(handle, vendor::gotify::vendor, "idempotency-key", answer);
    let config =
        json!({ "url": server.url("/push/"), "tokenSecretRef": reference("gotify", "token") });
    done(server, config, json!({ "token": CANARY }))
}

pub(super) fn pushover(handle: &Handle) -> Box<dyn Receiver + Send> {
    let answer = r#"{"status": 1, "request": "647d2300-702c-4b38-8b2f-d56326ae460b"}"#;
    let (server, done) = Http::start(handle, vendor::pushover::vendor, "idempotency-key", answer);
    let config = json!({
        "userKeySecretRef": reference("pushover", "user"),
        "apiTokenSecretRef": reference("pushover", "token"),
        "apiBaseUrl": server.url(""),
    });
    done(server, config, json!({ "user": CANARY, "token": "a-token" }))
}

/// It keeps one alert for each key of its own, so that a repeat changes nothing and need not say
/// that it is one.
struct Deduping(Box<dyn Receiver + Send>);

impl Receiver for Deduping {
    fn config(&self) -> Value {
        self.0.config()
    }

    fn secret(&self) -> Value {
        self.0.secret()
    }

    fn be(&self, mood: Mood) {
        self.0.be(mood);
    }

    fn messages(&self, provider: &str) -> Vec<Message> {
        let messages = self.0.messages(provider).into_iter();
        messages.map(|message| Message { dedupes: true, ..message }).collect()
    }
}

pub(super) fn pagerduty(handle: &Handle) -> Box<dyn Receiver + Send> {
    let answer = r#"{"status": "success", "message": "Event processed", "dedup_key": "k"}"#;
    let (server, done) = Http::start(handle, vendor::pagerduty::vendor, "idempotency-key", answer);
    let config = json!({
        "routingKeySecretRef": reference("pagerduty", "key"),
        "apiBaseUrl": server.url("/"),
    });
    Box::new(Deduping(done(server, config, json!({ "key": CANARY }))))
}

pub(super) fn teams(handle: &Handle) -> Box<dyn Receiver + Send> {
    let (server, done) = Http::start(handle, vendor::teams::vendor, "idempotency-key", "");
    let path = format!("/workflows/1/triggers/manual/paths/invoke?sig={CANARY}");
    let secret = json!({ "url": server.url(&path) });
    done(server, json!({ "webhookUrlSecretRef": reference("teams", "url") }), secret)
}

pub(super) fn apprise(handle: &Handle) -> Box<dyn Receiver + Send> {
    let (server, done) = Http::start(handle, vendor::apprise::vendor, "idempotency-key", "sent");
    let config =
        json!({ "apiUrl": server.url("/"), "urlsSecretRef": reference("apprise", "urls") });
    done(server, config, json!({ "urls": format!("discord://1/{CANARY}") }))
}
