//! Webhooks: the documented JSON or an own body, sent to any HTTP server, signed as Standard
//! Webhooks describes (<https://www.standardwebhooks.com>).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::{Provider, WebhookConfig};
use kuma_core::secret::{ExposeSecret, SecretRef, SecretSource, SecretText, Segment};
use kuma_core::time::Timestamp;
use kuma_expr::{EVENT_VARIABLES, Template};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::http::{Http, Request};
use crate::human;
use crate::message::Message;
use crate::render::{event_json, message_values};
use crate::secrets::Secrets;

/// Longest body that is sent.
const LONGEST_BODY: usize = 256 * 1024;
/// Brackets of a secret's place in a template that is being filled; taken out of all values.
const PLACE: (char, char) = ('\u{F0000}', '\u{F0001}');
/// Says that the message may have arrived before.
const REPEAT_HEADER: HeaderName = HeaderName::from_static("kubekuma-may-be-repeat");

/// A webhook.
pub(crate) struct Webhook<'a> {
    provider: &'a Provider,
    config: &'a WebhookConfig,
    http: &'a Http,
}

/// The frozen form: a body in pieces, so that secrets are filled in when it is sent and text that
/// came from a target is never read as a reference to one.
#[derive(Debug, Serialize, Deserialize)]
struct Frozen {
    own: bool,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Part {
    Text(String),
    Secret(SecretRef),
}

impl<'a> Webhook<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a WebhookConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    fn is_json(&self) -> bool {
        self.config
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .all(|(_, value)| value.as_written().to_ascii_lowercase().contains("json"))
    }

    fn own_body(&self, template: &Template, message: &Message) -> Result<Vec<Part>, String> {
        let text = SecretText::parse(template.as_str()).map_err(|error| error.to_string())?;
        let mut source = String::new();
        let mut places = Vec::new();
        for segment in text.segments() {
            match segment {
                Segment::Literal(literal) => source.push_str(literal),
                Segment::Secret(at) => {
                    source.extend([
                        PLACE.0.to_string(),
                        places.len().to_string(),
                        PLACE.1.to_string(),
                    ]);
                    places.push(at.clone());
                }
            }
        }
        let template =
            Template::compile(&source, EVENT_VARIABLES).map_err(|error| error.to_string())?;
        let values = without_places(message_values(message));
        let filled =
            if self.is_json() { template.render_json(&values) } else { template.render(&values) };
        let filled = filled.map_err(|error| error.to_string())?;
        Ok(split_places(&filled, &places))
    }

    fn body(
        frozen: &Frozen,
        secrets: &mut Secrets<'_>,
        repeat: bool,
    ) -> Result<Vec<u8>, DeliveryError> {
        let mut body = String::new();
        for part in &frozen.parts {
            match part {
                Part::Text(text) => body.push_str(text),
                Part::Secret(at) => body.push_str(secrets.entry(at)?.expose_secret()),
            }
        }
        if repeat && !frozen.own {
            body = mark_repeat(&body);
        }
        Ok(body.into_bytes())
    }

    fn headers(
        &self,
        body: &[u8],
        context: SendContext<'_>,
        secrets: &mut Secrets<'_>,
    ) -> Result<HeaderMap, DeliveryError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &self.config.headers {
            let bad = |what: &str| {
                DeliveryError::permanent(
                    DeliveryReason::Misconfigured,
                    format!("the {what} of header `{}` is not valid", human::shorten(name, 60)),
                )
            };
            let value = secrets.text(value)?;
            let mut value =
                HeaderValue::from_str(value.expose_secret()).map_err(|_| bad("value"))?;
            value.set_sensitive(true);
            let name = HeaderName::try_from(name.as_str()).map_err(|_| bad("name"))?;
            headers.insert(name, value);
        }
        let unusable = |_| {
            DeliveryError::permanent(DeliveryReason::Unrenderable, "the key is not a header value")
        };
        let seconds = context.now.as_second();
        headers.insert("webhook-id", HeaderValue::from_str(context.key).map_err(unusable)?);
        headers.insert("webhook-timestamp", HeaderValue::from(seconds));
        if context.may_be_repeat {
            headers.insert(REPEAT_HEADER, HeaderValue::from_static("true"));
        }
        if let Some(at) = &self.config.signing_secret {
            let secret = secrets.entry(at)?;
            let signature = sign(secret.expose_secret(), context.key, context.now, body)?;
            headers
                .insert("webhook-signature", HeaderValue::from_str(&signature).map_err(unusable)?);
        }
        Ok(headers)
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let frozen: Frozen = serde_json::from_slice(&payload.0).map_err(|error| {
            DeliveryError::permanent(
                DeliveryReason::Unrenderable,
                format!("the stored message cannot be read: {error}"),
            )
        })?;
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let body = Self::body(&frozen, &mut secrets, context.may_be_repeat)?;
        let headers = self.headers(&body, context, &mut secrets)?;
        let url = secrets.text(&self.config.url)?;
        let method = Method::from_bytes(self.config.method.as_bytes()).map_err(|_| {
            DeliveryError::permanent(DeliveryReason::Misconfigured, "the method is not valid")
        })?;
        let body = (method != Method::GET).then_some(body);
        let request = Request { method, url, headers, body };
        self.http.send(request, &mut secrets, context.now).await?.outcome()
    }
}

impl Channel for Webhook<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        let mut failed = None;
        let own = self.config.body.as_ref().and_then(|template| {
            self.own_body(template, message).map_err(|error| failed = Some(error)).ok()
        });
        let frozen = match own {
            Some(parts) => Frozen { own: true, parts },
            None => Frozen {
                own: false,
                parts: vec![Part::Text(default_body(message, failed.as_deref()))],
            },
        };
        serde_json::to_vec(&frozen).map(Payload).map_err(|error| {
            DeliveryError::permanent(DeliveryReason::Unrenderable, error.to_string())
        })
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
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let mut secrets = Secrets::new(self.provider, secrets);
            let url = secrets.text(&self.config.url)?;
            self.http.reach(&url, &mut secrets).await
        })
    }
}

/// The documented body (`docs/providers/webhook.md`). A digest that is too long loses its last
/// events and says how many.
fn default_body(message: &Message, template_error: Option<&str>) -> String {
    let mut most = message.events.len();
    loop {
        let body = json_body(message, template_error, most).to_string();
        if body.len() <= LONGEST_BODY || most <= 1 {
            return body;
        }
        most /= 2;
    }
}

fn json_body(message: &Message, template_error: Option<&str>, most: usize) -> Value {
    let mut body = json!({
        "type": format!("monitor.{}", message.kind),
        "key": message.key,
        "title": message.title,
        "text": message.text,
        "severity": message.severity.as_str(),
        "mayBeRepeat": false,
    });
    let mut set = |name: &str, value: Value| {
        if let Some(map) = body.as_object_mut() {
            map.insert(name.to_owned(), value);
        }
    };
    if let [event] = message.events.as_slice() {
        if let Value::Object(facts) = event_json(event, message.at) {
            for (name, value) in facts {
                set(&name, value);
            }
        }
        let links: Vec<_> = message
            .links
            .iter()
            .map(|link| json!({"title": link.title, "url": link.url}))
            .collect();
        set("links", links.into());
    } else {
        let events: Vec<_> =
            message.events.iter().take(most).map(|event| event_json(event, message.at)).collect();
        set("type", "digest".into());
        set("event", "digest".into());
        set("timestamp", human::rfc3339(message.at).into());
        set("omitted", (message.events.len() - events.len()).into());
        set("events", events.into());
    }
    let errors: Vec<_> = message
        .template_error
        .as_deref()
        .into_iter()
        .map(str::to_owned)
        .chain(
            template_error
                .map(|error| format!("The body template of the provider failed: {error}")),
        )
        .collect();
    if !errors.is_empty() {
        set("templateError", errors.join(" ").into());
    }
    body
}

fn mark_repeat(body: &str) -> String {
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(mut map)) => {
            map.insert("mayBeRepeat".to_owned(), true.into());
            Value::Object(map).to_string()
        }
        _ => body.to_owned(),
    }
}

/// The signature `v1,<base64>` over `id.timestamp.body`. A secret with the prefix `whsec_` is
/// base64, any other is used as it is.
pub(crate) fn sign(
    secret: &str,
    id: &str,
    at: Timestamp,
    body: &[u8],
) -> Result<String, DeliveryError> {
    let secret = secret.trim();
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| {
            DeliveryError::permanent(
                DeliveryReason::Misconfigured,
                "the signing secret begins with `whsec_` but what follows is not base64",
            )
        })?,
        None => secret.as_bytes().to_vec(),
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    context.update(format!("{id}.{}.", at.as_second()).as_bytes());
    context.update(body);
    Ok(format!("v1,{}", STANDARD.encode(context.sign().as_ref())))
}

/// Takes the brackets of places out of every string, so that no value can stand for a secret.
fn without_places(value: Value) -> Value {
    let clean = |text: String| text.replace([PLACE.0, PLACE.1], "");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.into_iter().map(without_places).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(name, value)| (clean(name), without_places(value))).collect()
        }
        other => other,
    }
}

fn split_places(filled: &str, places: &[SecretRef]) -> Vec<Part> {
    let mut parts = Vec::new();
    for piece in filled.split_inclusive(PLACE.1) {
        let place = piece
            .strip_suffix(PLACE.1)
            .and_then(|piece| piece.rsplit_once(PLACE.0))
            .and_then(|(text, index)| Some((text, places.get(index.parse::<usize>().ok()?)?)));
        match place {
            Some((text, at)) => {
                parts.push(Part::Text(text.to_owned()));
                parts.push(Part::Secret(at.clone()));
            }
            None => parts.push(Part::Text(piece.to_owned())),
        }
    }
    parts
}
