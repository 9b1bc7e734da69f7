//! A provider on a loopback server that stands in for its vendor: everything that the suites of
//! such providers have in common. A suite says what differs in a [`Kind`].

use std::net::SocketAddr;
use std::time::Duration;

use kuma_core::event::EventKind;
use kuma_core::ports::Earlier;
use kuma_core::provider::{Provider, ProviderConfig};
use kuma_notify::{DeliveryError, Message, Receipt, Transports};

use crate::contract::{Arrived, Fixture, Trouble, attempt, rendered};
use crate::http_server::{HttpServer, Reaction, Received};
use crate::kit::{MapSecrets, event, message, provider};

/// What differs between vendors.
pub(crate) struct Kind<C> {
    /// The configuration in its variant.
    pub(crate) wrap: fn(C) -> ProviderConfig,
    /// Makes the provider send to another server, `http://<address>`.
    pub(crate) turn: fn(&mut C, &str),
    /// How the vendor says that there is trouble.
    pub(crate) trouble: fn(Trouble) -> Reaction,
    /// Everything that a person can read in a request.
    pub(crate) shown: fn(&C, &Received) -> String,
}

/// A provider and its vendor.
pub(crate) struct Stub<C> {
    pub(crate) server: HttpServer,
    pub(crate) secrets: MapSecrets,
    pub(crate) config: C,
    pub(crate) kind: Kind<C>,
    /// What is known of earlier messages.
    pub(crate) earlier: Vec<Earlier>,
}

impl<C: Clone + Sync> Stub<C> {
    pub(crate) const fn new(
        server: HttpServer,
        secrets: MapSecrets,
        config: C,
        kind: Kind<C>,
    ) -> Self {
        Self { server, secrets, config, kind, earlier: Vec::new() }
    }

    /// Sends an event and remembers what the vendor gave back for it.
    pub(crate) async fn begins(&mut self, kind: EventKind) -> Received {
        let event = event(kind);
        let receipt = self.sends(&message(kind.as_str(), &event)).await.unwrap().handle;
        let incident = event.incident.unwrap();
        self.earlier.extend(receipt.map(|receipt| Earlier { incident, receipt }));
        self.server.received().pop().unwrap()
    }

    pub(crate) async fn sends(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let payload = rendered(self, message);
        attempt(self, &self.provider(), &payload, &message.key, false).await
    }

    /// What the vendor got of an event of this kind.
    pub(crate) async fn got(&self, kind: EventKind) -> Received {
        self.sends(&message("got", &event(kind))).await.unwrap();
        self.server.received().pop().unwrap()
    }

    /// What the provider makes of an answer.
    pub(crate) async fn answers(&self, status: u16, body: &str) -> DeliveryError {
        self.server.next(Reaction::Answer(status, Vec::new(), body.into()));
        self.sends(&message("answers", &event(EventKind::Down))).await.unwrap_err()
    }

    fn wrapped(&self, config: C) -> Provider {
        provider("channel", (self.kind.wrap)(config))
    }
}

impl<C: Clone + Sync> Fixture for Stub<C> {
    fn provider(&self) -> Provider {
        self.wrapped(self.config.clone())
    }

    fn transports(&self) -> Transports {
        Transports::with_timeout(Duration::from_secs(1))
    }

    fn secrets(&self) -> &MapSecrets {
        &self.secrets
    }

    fn elsewhere(&self, address: SocketAddr) -> Provider {
        let mut config = self.config.clone();
        (self.kind.turn)(&mut config, &format!("http://{address}"));
        self.wrapped(config)
    }

    fn script(&self, trouble: Trouble) -> bool {
        self.server.next((self.kind.trouble)(trouble));
        true
    }

    fn earlier(&self) -> Vec<Earlier> {
        self.earlier.clone()
    }

    fn arrived(&self) -> Vec<Arrived> {
        let read = |request: &Received| Arrived {
            key: request.headers["idempotency-key"].clone(),
            text: (self.kind.shown)(&self.config, request),
            raw: request.body.clone(),
        };
        self.server.received().iter().map(read).collect()
    }
}

/// An answer with the header that says when to come again, if it says so.
pub(crate) fn later(status: u16, after: Option<u64>, body: String) -> Reaction {
    let headers = after.map(|seconds| ("retry-after", seconds.to_string()));
    Reaction::Answer(status, headers.into_iter().collect(), body)
}

/// Every text in a value, each in a line.
pub(crate) fn texts(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Array(items) => items.iter().map(texts).collect::<Vec<_>>().join("\n"),
        Value::Object(map) => map.values().map(texts).collect::<Vec<_>>().join("\n"),
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}
