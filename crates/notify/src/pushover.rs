//! Pushover: a form with the message (<https://pushover.net/api>).

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::event::Event;
use kuma_core::provider::{Provider, PushoverConfig};
use kuma_core::secret::{ExposeSecret, SecretSource, SecretString};
use kuma_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::condition::{Condition, identity, is_over};
use crate::hash::sha256_hex;
use crate::http::{Answer, Http};
use crate::message::{Message, Severity};
use crate::rest::{self, REPEAT, cut, or_dash, units};
use crate::secrets::Secrets;

/// Longest message, less the room for [`REPEAT`].
const LONGEST_MESSAGE: usize = 1_024 - 70;
/// Longest title.
const LONGEST_TITLE: usize = 250;
/// Longest address; one that is longer is left out.
const LONGEST_ADDRESS: usize = 512;
/// Longest title of an address.
const LONGEST_ADDRESS_TITLE: usize = 100;
/// Most tags of a message.
const MOST_TAGS: usize = 20;
/// The priority that rings until somebody acknowledges it.
const EMERGENCY: i32 = 2;

/// Pushover.
pub(crate) struct Pushover<'a> {
    provider: &'a Provider,
    config: &'a PushoverConfig,
    http: &'a Http,
}

/// The stored form: the form's fields but for token and user.
#[derive(Debug, Serialize, Deserialize)]
struct Frozen {
    message: String,
    fields: Vec<(String, String)>,
    /// Tags of emergencies that are over.
    #[serde(default)]
    over: Vec<String>,
}

impl<'a> Pushover<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a PushoverConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    /// Only outages may be louder than usual: nobody is to acknowledge good news.
    fn priority(&self, message: &Message) -> i32 {
        match (message.severity, self.config.priority) {
            (Severity::Critical, wanted) => wanted.unwrap_or(1),
            (Severity::Ok | Severity::Info, Some(wanted)) => wanted.min(0),
            (_, wanted) => wanted.unwrap_or(0),
        }
    }

    fn frozen(&self, message: &Message) -> Frozen {
        let mut fields = Vec::new();
        let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
        add("title", cut(&message.title, LONGEST_TITLE));
        let priority = self.priority(message);
        add("priority", priority.to_string());
        if let (EMERGENCY, Some(repeat)) = (priority, self.config.repeat) {
            add("retry", repeat.retry.to_string());
            add("expire", repeat.expire.to_string());
            let tags: Vec<_> = message.events.iter().filter_map(tag).take(MOST_TAGS).collect();
            add("tags", tags.join(","));
        }
        add("timestamp", message.at.as_second().to_string());
        let link = message.links.iter().find(|link| units(&link.url) <= LONGEST_ADDRESS);
        if let Some(link) = link {
            add("url", link.url.clone());
            add("url_title", cut(&link.title, LONGEST_ADDRESS_TITLE));
        }
        if let Some(sound) = &self.config.sound {
            add("sound", sound.clone());
        }
        if let Some(device) = &self.config.device {
            add("device", device.clone());
        }
        let over = message.events.iter().filter(|event| is_over(event)).filter_map(tag).collect();
        Frozen { message: or_dash(cut(&message.plain_text(), LONGEST_MESSAGE)), fields, over }
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let frozen: Frozen = rest::stored(payload)?;
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let token = secrets.text(&self.config.api_token)?;
        let user = secrets.text(&self.config.user_key)?;
        let base = secrets.text(&self.config.api_base_url)?;
        if self.config.priority == Some(EMERGENCY) || !context.earlier.is_empty() {
            for tag in &frozen.over {
                self.silence(tag, &token, &base, &mut secrets, context).await?;
            }
        }
        let form = form(&frozen, &token, &user, context.may_be_repeat);
        let request = rest::post(
            rest::under(&base, "/1/messages.json"),
            "application/x-www-form-urlencoded",
            form.into_bytes(),
            context,
        );
        let answer = self.http.send(request, &mut secrets, context.now).await?;
        let receipt = outcome(&answer)?;
        let handle = rest::json_of(&answer)["receipt"].as_str().map(str::to_owned);
        Ok(receipt.with_handle(handle))
    }

    /// Ends the repeats of emergencies with a tag
    /// (<https://pushover.net/api/receipts#cancel-tag>). When that may work later, so may the
    /// message: a phone that rings on is worse than good news that is late. What Pushover refuses
    /// for good must not keep the news back.
    async fn silence(
        &self,
        tag: &str,
        token: &SecretString,
        base: &SecretString,
        secrets: &mut Secrets<'_>,
        context: SendContext<'_>,
    ) -> Result<(), DeliveryError> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.expose_secret().trim())
            .finish();
        let request = rest::post(
            rest::under(base, &format!("/1/receipts/cancel_by_tag/{tag}.json")),
            "application/x-www-form-urlencoded",
            form.into_bytes(),
            context,
        );
        let answer = self.http.send(request, secrets, context.now).await?;
        match outcome(&answer) {
            Err(error) if !error.is_retryable() => {
                tracing::warn!(provider = %self.provider.name, %error, "an emergency goes on");
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Asks whether token, user and device are known (<https://pushover.net/api#validate>).
    async fn look(&self, source: &dyn SecretSource, now: Timestamp) -> Result<(), DeliveryError> {
        let mut secrets = Secrets::new(self.provider, source);
        let token = secrets.text(&self.config.api_token)?;
        let user = secrets.text(&self.config.user_key)?;
        let base = secrets.text(&self.config.api_base_url)?;
        let device = self.config.device.as_ref().map(|device| ("device", device));
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.expose_secret().trim())
            .append_pair("user", user.expose_secret().trim())
            .extend_pairs(device)
            .finish();
        let request = rest::just_post(
            rest::under(&base, "/1/users/validate.json"),
            "application/x-www-form-urlencoded",
            form.into_bytes(),
        );
        outcome(&self.http.send(request, &mut secrets, now).await?).map(drop)
    }
}

/// The tag of an event's emergency: letters, digits and `-`. All that a monitor's state can be ends
/// together: a recovery from an outage is told, and not that it had been slow before. A test is
/// about nothing.
fn tag(event: &Event) -> Option<String> {
    let about = match Condition::of(event) {
        Condition::Test => return None,
        Condition::Outage | Condition::Degraded | Condition::Unknown | Condition::Flapping => {
            format!("kubekuma/{}", event.monitor)
        }
        Condition::Certificate | Condition::MassOutage | Condition::OwnTrouble => identity(event),
    };
    let name: String = sha256_hex(&about).chars().take(24).collect();
    Some(format!("kubekuma-{name}"))
}

impl Channel for Pushover<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        serde_json::to_vec(&self.frozen(message)).map(Payload).map_err(|error| {
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
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.look(secrets, now))
    }
}

/// The form, with credentials.
fn form(frozen: &Frozen, token: &SecretString, user: &SecretString, repeat: bool) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token.expose_secret().trim());
    form.append_pair("user", user.expose_secret().trim());
    if repeat {
        form.append_pair("message", &format!("{}\n\n{REPEAT}", frozen.message));
    } else {
        form.append_pair("message", &frozen.message);
    }
    form.extend_pairs(&frozen.fields);
    form.finish()
}

/// Pushover says which of the credentials it does not know in the body of a 400.
fn outcome(answer: &Answer) -> Result<Receipt, DeliveryError> {
    let body = rest::json_of(answer);
    if answer.status == 400 && (body["token"] == "invalid" || body["user"] == "invalid") {
        return Err(DeliveryError::permanent(DeliveryReason::Unauthorized, answer.said()));
    }
    rest::outcome(answer, "Pushover", |body| body["status"] == 1)
}
