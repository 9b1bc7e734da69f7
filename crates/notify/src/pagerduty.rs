//! PagerDuty, Events API v2: one alert per incident, triggered by the outage and resolved by its
//! end (<https://developer.pagerduty.com/docs/events-api-v2-overview>,
//! <https://developer.pagerduty.com/docs/send-alert-event>).

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::event::{Event, EventKind};
use kuma_core::provider::{PagerdutyConfig, PagerdutySeverity, Provider};
use kuma_core::secret::{ExposeSecret, SecretSource, SecretString};
use kuma_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::condition::{identity, is_over};
use crate::hash::sha256_hex;
use crate::http::{Answer, Http};
use crate::human;
use crate::message::{Message, Severity};
use crate::rest::{self, REPEAT, cut, or_dash, units};
use crate::secrets::Secrets;
use crate::text;

/// Longest `payload.summary` (Send an Alert Event, Parameters).
const LONGEST_SUMMARY: usize = 1_024;
/// Longest `dedup_key` (ibid.).
const LONGEST_KEY: usize = 255;
/// Longest text of one detail.
const LONGEST_DETAIL: usize = 8_000;
/// Longest texts of all details together. An event may have 512 KB (Overview, Size Limits), and a
/// unit takes six bytes at most when it is escaped.
const LONGEST_DETAILS: usize = 60_000;
/// Longest address of a link; one that is longer is left out.
const LONGEST_ADDRESS: usize = 2_000;

/// A PagerDuty integration.
pub(crate) struct PagerDuty<'a> {
    provider: &'a Provider,
    config: &'a PagerdutyConfig,
    http: &'a Http,
}

impl<'a> PagerDuty<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a PagerdutyConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    /// The stored form: an event for each thing that is told, so that every incident is an alert
    /// of its own, without the routing key.
    fn events(&self, message: &Message) -> Value {
        let single = message.events.len() == 1;
        message
            .events
            .iter()
            .map(
                |event| {
                    if single { self.told(event, message) } else { self.listed(event, message) }
                },
            )
            .collect()
    }

    /// The event of a message about one thing, in the message's words.
    fn told(&self, event: &Event, message: &Message) -> Value {
        let mut details = vec![("Text", message.text.as_str())];
        details.extend(message.fields.iter().map(|field| (field.name, field.value.as_str())));
        details.extend(message.template_error.iter().map(|error| ("Template", error.as_str())));
        self.event(event, &message.title, &details)
    }

    /// The event of one thing among several, in the default words.
    fn listed(&self, event: &Event, message: &Message) -> Value {
        let sentences = text::sentences(event, message.at);
        let fields = text::fields(event, message.at);
        let mut details = vec![("Text", sentences.as_str())];
        details.extend(fields.iter().map(|field| (field.name, field.value.as_str())));
        self.event(event, &text::title(event, message.at), &details)
    }

    fn event(&self, event: &Event, title: &str, details: &[(&str, &str)]) -> Value {
        let source =
            if event.target.is_empty() { event.monitor.to_string() } else { event.target.clone() };
        json!({
            "event_action": if is_over(event) { "resolve" } else { "trigger" },
            "dedup_key": dedup_key(event),
            "client": "KubeKuma",
            "links": links(event),
            "payload": {
                "summary": or_dash(cut(title, LONGEST_SUMMARY)),
                "source": cut(&source, LONGEST_SUMMARY),
                "severity": self.severity(event),
                "timestamp": human::rfc3339(event.at),
                "component": event.monitor.name,
                "group": event.monitor.namespace,
                "class": cut(event.reason.as_deref().unwrap_or_else(|| event.kind.as_str()), LONGEST_SUMMARY),
                "custom_details": custom_details(details),
            },
        })
    }

    fn severity(&self, event: &Event) -> &'static str {
        let severity = match (event.kind, Severity::of(event.kind)) {
            (EventKind::MassOutage, _) | (_, Severity::Critical) => self.config.severity,
            (EventKind::OwnTrouble, _) => PagerdutySeverity::Error,
            (_, Severity::Warning | Severity::Unknown) => PagerdutySeverity::Warning,
            (_, Severity::Ok | Severity::Info) => PagerdutySeverity::Info,
        };
        severity.as_str()
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let events: Vec<Value> = rest::stored(payload)?;
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let routing_key = secrets.text(&self.config.routing_key)?;
        let base = secrets.text(&self.config.api_base_url)?;
        let mut last = None;
        // A repeated event changes nothing at PagerDuty: it has the same deduplication key.
        for mut event in events {
            event["routing_key"] = routing_key.expose_secret().trim().into();
            if context.may_be_repeat {
                event["payload"]["custom_details"]["Repeat"] = REPEAT.into();
            }
            last = Some(self.post(&base, &event, &mut secrets, context).await?);
        }
        last.ok_or_else(|| {
            DeliveryError::permanent(DeliveryReason::Unrenderable, "the message is empty")
        })
    }

    async fn post(
        &self,
        base: &SecretString,
        event: &Value,
        secrets: &mut Secrets<'_>,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let request = rest::post_json(rest::under(base, "/v2/enqueue"), event, context);
        outcome(&self.http.send(request, secrets, context.now).await?)
    }
}

impl Channel for PagerDuty<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        Ok(Payload(self.events(message).to_string().into_bytes()))
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
            secrets.text(&self.config.routing_key)?;
            let base = secrets.text(&self.config.api_base_url)?;
            self.http.reach(&base, &mut secrets).await
        })
    }
}

/// Events with the same key belong to the same alert. An identity that is too long is replaced by
/// its hash.
fn dedup_key(event: &Event) -> String {
    let identity = identity(event);
    if identity.chars().count() <= LONGEST_KEY {
        return identity;
    }
    format!("kubekuma/{}", sha256_hex(&identity))
}

fn custom_details(details: &[(&str, &str)]) -> Map<String, Value> {
    let mut room = LONGEST_DETAILS;
    let mut map = Map::new();
    for (name, value) in details {
        let value = cut(value, room.min(LONGEST_DETAIL));
        room = room.saturating_sub(units(&value) + units(name));
        if !value.is_empty() {
            map.insert((*name).to_owned(), value.into());
        }
    }
    map
}

fn links(event: &Event) -> Vec<Value> {
    text::links(event)
        .into_iter()
        .filter(|link| units(&link.url) <= LONGEST_ADDRESS)
        .map(|link| json!({"href": link.url, "text": link.title}))
        .collect()
}

/// PagerDuty takes events with 202 and says in the errors of a 400 that it does not know the
/// routing key (Overview, Response Codes & Retry Logic).
fn outcome(answer: &Answer) -> Result<Receipt, DeliveryError> {
    let body = rest::json_of(answer);
    let about_key = |error: &Value| {
        let error = error.as_str().unwrap_or_default().to_lowercase();
        error.contains("routing_key") || error.contains("routing key")
    };
    if answer.status == 400
        && body["errors"].as_array().is_some_and(|all| all.iter().any(about_key))
    {
        return Err(DeliveryError::permanent(DeliveryReason::Unauthorized, answer.said()));
    }
    rest::outcome(answer, "PagerDuty", |body| body["status"] == "success")
}

#[cfg(test)]
mod tests {
    use kuma_core::id::ObjectName;

    use super::*;
    use crate::render::tests::event;

    #[test]
    fn a_key_that_is_too_long_becomes_a_hash_that_is_stable() {
        let mut long = event(EventKind::Down);
        long.monitor = ObjectName::new("n".repeat(63), "m".repeat(253));
        let key = dedup_key(&long);
        assert!(key.len() <= LONGEST_KEY);
        assert_eq!(key, dedup_key(&Event { kind: EventKind::Resend, ..long.clone() }));
        long.monitor = ObjectName::new("n".repeat(63), "m".repeat(252));
        assert_ne!(key, dedup_key(&long));
    }
}
