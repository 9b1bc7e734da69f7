//! Gotify: `POST /message` with the application's token (<https://gotify.net/api-docs>).

use futures_util::future::BoxFuture;
use http::HeaderValue;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::{GotifyConfig, Provider};
use kuma_core::secret::{ExposeSecret, SecretSource};
use kuma_core::time::Timestamp;
use serde_json::{Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::http::Http;
use crate::message::{Message, Severity};
use crate::rest::{self, REPEAT, or_dash};
use crate::secrets::Secrets;

/// Longest text. Gotify names no limit; phones show no more.
const LONGEST_TEXT: usize = 16_000;

/// A Gotify server.
pub(crate) struct Gotify<'a> {
    provider: &'a Provider,
    config: &'a GotifyConfig,
    http: &'a Http,
}

impl<'a> Gotify<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a GotifyConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    fn body(&self, message: &Message) -> Value {
        let priority = self.config.priority.unwrap_or(match message.severity {
            Severity::Critical => 8,
            _ => 4,
        });
        let mut body = json!({
            "title": message.title,
            "message": or_dash(message.plain_text_within(LONGEST_TEXT)),
            "priority": priority,
            "extras": {"client::display": {"contentType": "text/plain"}},
        });
        if let Some(link) = message.links.first() {
            body["extras"]["client::notification"] = json!({"click": {"url": link.url}});
        }
        body
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut body: Value = rest::stored(payload)?;
        if context.may_be_repeat {
            let text = body["message"].as_str().unwrap_or_default();
            body["message"] = format!("{text}\n\n{REPEAT}").into();
        }
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let url = rest::under(&secrets.text(&self.config.url)?, "/message");
        let token = secrets.text(&self.config.token)?;
        let mut token = HeaderValue::from_str(token.expose_secret().trim()).map_err(|_| {
            DeliveryError::permanent(
                DeliveryReason::Misconfigured,
                "the application's token holds characters that no header may have",
            )
        })?;
        token.set_sensitive(true);
        let mut request = rest::post_json(url, &body, context);
        request.headers.insert("x-gotify-key", token);
        let answer = self.http.send(request, &mut secrets, context.now).await?;
        rest::outcome(&answer, "Gotify", |body| body["id"].is_number())
    }

    /// The server's version. Whether it knows an application's token only a message shows: such
    /// tokens may do nothing else.
    async fn look(&self, source: &dyn SecretSource, now: Timestamp) -> Result<(), DeliveryError> {
        let mut secrets = Secrets::new(self.provider, source);
        secrets.text(&self.config.token)?;
        let url = rest::under(&secrets.text(&self.config.url)?, "/version");
        let answer = self.http.send(rest::get(url), &mut secrets, now).await?;
        rest::outcome(&answer, "Gotify", |body| body["version"].is_string()).map(drop)
    }
}

impl Channel for Gotify<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        Ok(Payload(self.body(message).to_string().into_bytes()))
    }

    fn send<'a>(
        &'a self,
        payload: &'a Payload,
        context: SendContext<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        Box::pin(self.attempt(payload, context))
    }

    fn verify<'a>(
        &'a self,
        secrets: &'a dyn SecretSource,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.look(secrets, now))
    }
}
