//! An Alertmanager, by its documented API: it is told again each minute what stands.

use jiff::Timestamp;
use kuma_fixture::CANARY;
use kuma_fixture::vendor::alertmanager::vendor;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::http::{Http, reference};
use super::{Mood, Receiver};
use crate::evidence::{Alert, Message};

/// The key that every round of what stands carries.
const RENEWAL: &str = "renewal";

struct Alerts(Box<dyn Receiver + Send>);

impl Receiver for Alerts {
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
        messages
            .map(|message| Message {
                renews: message.key == RENEWAL,
                alerts: alerts(&message.text, message.at),
                ..message
            })
            .collect()
    }
}

/// The alerts of a body that came `at`. An end that is still to come only says for how long the
/// alert fires if nobody tells of it again.
fn alerts(body: &str, at: i64) -> Vec<Alert> {
    let listed: Vec<Value> = serde_json::from_str(body).unwrap_or_default();
    let time = |text: &Value| {
        let parsed = text.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        parsed.map_or(0, Timestamp::as_millisecond)
    };
    listed
        .iter()
        .map(|alert| Alert {
            labels: alert["labels"].to_string(),
            starts: time(&alert["startsAt"]),
            fires: time(&alert["endsAt"]) > at,
        })
        .collect()
}

pub(super) fn alertmanager(handle: &Handle) -> Box<dyn Receiver + Send> {
    let (server, done) = Http::start(handle, vendor, "idempotency-key", "");
    let config = json!({
        "url": server.url("/am/"),
        "bearerTokenSecretRef": reference("alertmanager", "token"),
    });
    Box::new(Alerts(done(server, config, json!({ "token": CANARY }))))
}
