//! Discord webhooks: one embed in the colour of its severity
//! (<https://docs.discord.com/developers/resources/webhook#execute-webhook>).

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::{DiscordConfig, Provider};
use kuma_core::secret::{ExposeSecret, SecretSource, SecretString};
use kuma_core::time::Timestamp;
use serde_json::{Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::http::{Answer, Http, seconds_of};
use crate::human;
use crate::message::{Message, Severity};
use crate::over;
use crate::rest::{self, REPEAT, join_within, or_dash, units};
use crate::secrets::Secrets;

mod edit;

/// Longest title of an embed.
const LONGEST_TITLE: usize = 256;
/// Longest description of an embed.
const LONGEST_DESCRIPTION: usize = 4_096;
/// Longest value of a field.
const LONGEST_VALUE: usize = 1_024;
/// Most fields of an embed.
const MOST_FIELDS: usize = 25;
/// Longest texts of all embeds together, less the room for [`REPEAT`].
const LONGEST_EMBED: usize = 6_000 - 100;
/// A field that would be cut to less is left out.
const SHORTEST_VALUE: usize = 20;
/// Discord's code for a webhook that was deleted.
const UNKNOWN_WEBHOOK: u64 = 10_015;

/// A Discord webhook.
pub(crate) struct Discord<'a> {
    provider: &'a Provider,
    config: &'a DiscordConfig,
    http: &'a Http,
}

impl<'a> Discord<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a DiscordConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    fn body(&self, message: &Message) -> Value {
        let mut body = json!({
            "embeds": [embed(message)],
            // Nothing that a target says may ring everybody.
            "allowed_mentions": {"parse": []},
        });
        if let Some(name) = &self.config.username {
            body["username"] = name.clone().into();
        }
        if let Some(own) = over::own(message) {
            rest::keep_own(&mut body, own);
        }
        body
    }

    /// The webhook's address, asking Discord to answer only when the message is there, or the
    /// address of one of its messages.
    fn address(
        &self,
        secrets: &mut Secrets<'_>,
        message: Option<&str>,
    ) -> Result<SecretString, DeliveryError> {
        let written = secrets.text(&self.config.webhook_url)?;
        let Ok(mut url) = url::Url::parse(written.expose_secret().trim()) else {
            // The client says what is wrong with it.
            return Ok(written);
        };
        if let (Some(message), Ok(mut path)) = (message, url.path_segments_mut()) {
            path.pop_if_empty().push("messages").push(message);
        }
        if message.is_none() {
            url.query_pairs_mut().append_pair("wait", "true");
        }
        if let Some(thread) = &self.config.thread_id {
            url.query_pairs_mut().append_pair("thread_id", thread);
        }
        Ok(url.to_string().into())
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut body: Value = rest::stored(payload)?;
        let own = rest::take_own(&mut body);
        if context.may_be_repeat {
            body["embeds"][0]["footer"] = json!({"text": REPEAT});
        }
        let mut secrets = Secrets::new(self.provider, context.secrets);
        if let Some(avatar) = &self.config.avatar_url {
            body["avatar_url"] = secrets.text(avatar)?.expose_secret().trim().into();
        }
        let url = self.address(&mut secrets, None)?;
        let request = rest::post_json(url, &body, context);
        let answer = self.http.send(request, &mut secrets, context.now).await?;
        let id = rest::json_of(&answer)["id"].as_str().map(str::to_owned);
        let receipt = outcome(answer)?;
        if over::is_end(&own) {
            over::in_time(self.edit_earlier(&own, &mut secrets, context)).await;
        }
        let id = id.filter(|_| over::is_edited_later(&own));
        Ok(receipt.with_handle(id.map(|id| edit::handle(&id, &body))))
    }

    /// Marks the messages about what is over
    /// (<https://docs.discord.com/developers/resources/webhook#edit-webhook-message>). The
    /// recovery has arrived, so what goes wrong here is not worth an alarm.
    async fn edit_earlier(&self, own: &Value, secrets: &mut Secrets<'_>, context: SendContext<'_>) {
        for (message, body) in over::ended(own, context.earlier, edit::edit) {
            let edited = async {
                let url = self.address(secrets, Some(&message))?;
                let request = rest::patch_json(url, &body, context);
                outcome(self.http.send(request, secrets, context.now).await?)
            };
            if let Err(error) = edited.await {
                tracing::info!(provider = %self.provider.name, %error, "an earlier message stays as it is");
                return;
            }
        }
    }

    /// Reads the webhook by its token
    /// (<https://docs.discord.com/developers/resources/webhook#get-webhook-with-token>).
    async fn look(&self, source: &dyn SecretSource, now: Timestamp) -> Result<(), DeliveryError> {
        let mut secrets = Secrets::new(self.provider, source);
        let url = secrets.text(&self.config.webhook_url)?;
        outcome(self.http.send(rest::get(url), &mut secrets, now).await?).map(drop)
    }
}

impl Channel for Discord<'_> {
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

/// Discord says how long to wait, to the millisecond, in the body of a 429, and that a webhook is
/// gone in the code of a 404.
fn outcome(mut answer: Answer) -> Result<Receipt, DeliveryError> {
    let body = rest::json_of(&answer);
    if let Some(wait) = body["retry_after"].as_f64().and_then(seconds_of) {
        answer.retry_after = Some(wait);
    }
    if answer.status == 404 && body["code"] == UNKNOWN_WEBHOOK {
        return Err(DeliveryError::permanent(DeliveryReason::Gone, answer.said()));
    }
    rest::outcome(&answer, "Discord", |body| body["id"].is_string())
}

fn embed(message: &Message) -> Value {
    let title = escape(&message.title, LONGEST_TITLE);
    let description = or_dash(escape(&message.text, LONGEST_DESCRIPTION));
    let mut room = LONGEST_EMBED.saturating_sub(units(&title) + units(&description));
    let mut fields = Vec::new();
    // What leads further is placed first, so that long facts cannot push it out.
    let links = links(message);
    room = room.saturating_sub(units(&links) + 10);
    for field in &message.fields {
        let left = room.saturating_sub(units(field.name)).min(LONGEST_VALUE);
        if left < SHORTEST_VALUE || fields.len() + 2 >= MOST_FIELDS {
            break;
        }
        let value = or_dash(escape(&field.value, left));
        room = room.saturating_sub(units(field.name) + units(&value));
        let inline = units(&value) <= 40;
        fields.push(json!({"name": field.name, "value": value, "inline": inline}));
    }
    if let Some(error) = &message.template_error {
        let left = room.saturating_sub(10).min(LONGEST_VALUE);
        if left >= SHORTEST_VALUE {
            fields.push(json!({"name": "Template", "value": escape(error, left)}));
        }
    }
    if !links.is_empty() {
        fields.push(json!({"name": "Links", "value": links}));
    }
    json!({
        "title": title,
        "description": description,
        "color": colour(message.severity),
        "timestamp": human::rfc3339(message.at),
        "fields": fields,
    })
}

fn colour(severity: Severity) -> u32 {
    let digits = severity.colour().trim_start_matches('#');
    u32::from_str_radix(digits, 16).unwrap_or_default()
}

/// Links that fit; cutting an address would break it.
fn links(message: &Message) -> String {
    let mut text = String::new();
    for link in &message.links {
        let url = link.url.replace('(', "%28").replace(')', "%29");
        let shown = format!("[{}]({url})", escape(&link.title, 80));
        if units(&text) + units(&shown) + 3 > LONGEST_VALUE {
            continue;
        }
        if !text.is_empty() {
            text.push_str(" · ");
        }
        text.push_str(&shown);
    }
    text
}

/// Escapes what Discord reads as mark-up, within `most` units. Addresses stay as they are: Discord
/// reads them whole, and a backslash would become part of them.
fn escape(text: &str, most: usize) -> String {
    let mut pieces = Vec::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let address = ["https://", "http://"]
            .iter()
            .filter_map(|scheme| word.find(scheme))
            .min()
            .unwrap_or(word.len());
        let (before, address) = word.split_at(address);
        pieces.extend(before.chars().map(escaped));
        pieces.extend(address.chars().map(String::from));
    }
    join_within(pieces, most)
}

fn escaped(c: char) -> String {
    if "\\*_~`|<>#[]@".contains(c) { format!("\\{c}") } else { c.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_up_is_escaped_and_addresses_are_not() {
        assert_eq!(
            escape("*a* <@1> see https://x.example/a_b_c _now_", 100),
            "\\*a\\* \\<\\@1\\> see https://x.example/a_b_c \\_now\\_"
        );
    }

    #[test]
    fn no_escape_is_cut_in_half() {
        assert_eq!(escape("a**", 4), "a\\*…");
        assert_eq!(escape("a**", 3), "a…");
        assert_eq!(escape("a**", 5), "a\\*\\*");
    }
}
