//! Telegram bots: `sendMessage` with the chosen mark-up
//! (<https://core.telegram.org/bots/api#sendmessage>).

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::ports::Earlier;
use kuma_core::provider::{Provider, TelegramConfig, TelegramMarkup};
use kuma_core::secret::{ExposeSecret, SecretSource, SecretString};
use kuma_core::time::Timestamp;
use serde_json::{Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::hash::sha256_hex;
use crate::http::{Answer, Http, seconds_of};
use crate::message::Message;
use crate::over;
use crate::rest::{self, REPEAT, cut, units};
use crate::secrets::Secrets;

mod edit;
mod markup;

/// Longest text, counted without its mark-up, less the room for [`REPEAT`].
const LONGEST_TEXT: usize = 4_096 - 100;
/// Longest title within it.
const LONGEST_TITLE: usize = 300;
/// Longest sentences within it, so that facts and links fit, too.
const LONGEST_SENTENCES: usize = 2_600;
/// Longest fact.
const LONGEST_FACT: usize = 500;
/// Longest address that is linked.
const LONGEST_ADDRESS: usize = 1_000;

/// A Telegram bot.
pub(crate) struct Telegram<'a> {
    provider: &'a Provider,
    config: &'a TelegramConfig,
    http: &'a Http,
}

impl<'a> Telegram<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a TelegramConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    /// The stored form: all but the chat, which may be a secret.
    fn body(&self, message: &Message) -> Value {
        let mut body = json!({
            "text": text(message, self.config.markup),
            "parse_mode": self.config.markup,
            "link_preview_options": {"is_disabled": true},
        });
        if let Some(topic) = self.config.message_thread_id {
            body["message_thread_id"] = topic.into();
        }
        if let Some(own) = over::own(message) {
            rest::keep_own(&mut body, own);
        }
        body
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut body: Value = rest::stored(payload)?;
        let own = rest::take_own(&mut body);
        let kept = over::is_edited_later(&own).then(|| edit::kept(&body));
        if context.may_be_repeat {
            // As it was marked up when it was rendered, whatever the provider says now.
            let markup = serde_json::from_value(body["parse_mode"].clone()).unwrap_or_default();
            let text = body["text"].as_str().unwrap_or_default();
            body["text"] = format!("{text}\n\n{}", markup::escape(REPEAT, markup)).into();
        }
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let token = secrets.text(&self.config.bot_token)?;
        let chat = secrets.text(&self.config.chat_id)?;
        body["chat_id"] = chat.expose_secret().trim().into();
        let place = place(&token, &chat);
        if let Some(first) = first_of(&own["incident"], &place, context.earlier) {
            // The outage that this is about may have been deleted meanwhile.
            body["reply_parameters"] =
                json!({"message_id": first, "allow_sending_without_reply": true});
        }
        let base = secrets.text(&self.config.api_base_url)?;
        let url = address(&base, &token, "sendMessage")?;
        let request = rest::post_json(url, &body, context);
        let answer = self.http.send(request, &mut secrets, context.now).await?;
        let (receipt, id) = outcome(answer)?;
        if over::is_end(&own) {
            let url = address(&base, &token, "editMessageText")?;
            over::in_time(self.edit_earlier(&own, &place, &url, &mut secrets, context)).await;
        }
        Ok(receipt.with_handle(id.map(|id| edit::handle(&place, id, kept))))
    }

    /// Marks the messages about what is over
    /// (<https://core.telegram.org/bots/api#editmessagetext>). The recovery has arrived, so what
    /// goes wrong here is not worth an alarm.
    async fn edit_earlier(
        &self,
        own: &Value,
        place: &str,
        url: &SecretString,
        secrets: &mut Secrets<'_>,
        context: SendContext<'_>,
    ) {
        let Ok(chat) = secrets.text(&self.config.chat_id) else {
            return;
        };
        let edits = over::ended(own, context.earlier, |kept, note| edit::edit(kept, place, note));
        for mut body in edits {
            body["chat_id"] = chat.expose_secret().trim().into();
            let request = rest::post_json(url.clone(), &body, context);
            let edited = self.http.send(request, secrets, context.now).await.and_then(outcome);
            if let Err(error) = edited {
                tracing::info!(provider = %self.provider.name, %error, "an earlier message stays as it is");
                return;
            }
        }
    }

    /// `getChat` (<https://core.telegram.org/bots/api#getchat>) fails for a token that is not known
    /// and for a chat that the bot cannot see.
    async fn look(&self, source: &dyn SecretSource, now: Timestamp) -> Result<(), DeliveryError> {
        let mut secrets = Secrets::new(self.provider, source);
        let token = secrets.text(&self.config.bot_token)?;
        let chat = secrets.text(&self.config.chat_id)?;
        let base = secrets.text(&self.config.api_base_url)?;
        let url = address(&base, &token, "getChat")?;
        let body = json!({"chat_id": chat.expose_secret().trim()});
        let request = rest::just_post(url, "application/json", body.to_string().into_bytes());
        let answer = self.http.send(request, &mut secrets, now).await?;
        outcome(answer).map(drop)
    }
}

impl Channel for Telegram<'_> {
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

/// The token is part of the path, so it may only be what tokens are made of.
fn address(
    base: &SecretString,
    token: &SecretString,
    method: &str,
) -> Result<SecretString, DeliveryError> {
    let token = token.expose_secret().trim();
    let good = !token.is_empty()
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte));
    if !good {
        return Err(DeliveryError::permanent(
            DeliveryReason::Misconfigured,
            "the bot's token holds characters that no token has",
        ));
    }
    Ok(rest::under(base, &format!("/bot{token}/{method}")))
}

/// Telegram says how long to wait in the body of a 429. A token that it does not know is a 404, a
/// chat that the bot may not write to a 403. With the number of the message, if it is about one.
fn outcome(mut answer: Answer) -> Result<(Receipt, Option<i64>), DeliveryError> {
    let body = rest::json_of(&answer);
    let wait = body.pointer("/parameters/retry_after");
    if let Some(wait) = wait.and_then(Value::as_f64).and_then(seconds_of) {
        answer.retry_after = Some(wait);
    }
    if answer.status == 404 {
        return Err(DeliveryError::permanent(
            DeliveryReason::Unauthorized,
            format!("the bot's token is not known: {}", answer.said()),
        ));
    }
    let receipt = rest::outcome(&answer, "Telegram", |body| body["ok"] == true)?;
    Ok((receipt, body.pointer("/result/message_id").and_then(Value::as_i64)))
}

/// Tells chats of bots apart without giving them away: a message's number means nothing in
/// another chat.
fn place(token: &SecretString, chat: &SecretString) -> String {
    let text = format!("{} {}", token.expose_secret().trim(), chat.expose_secret().trim());
    sha256_hex(&text).chars().take(16).collect()
}

/// The first message about the incident in this place.
fn first_of(incident: &Value, place: &str, earlier: &[Earlier]) -> Option<i64> {
    let incident = incident.as_i64()?;
    earlier
        .iter()
        .filter(|it| it.incident.0 == incident)
        .find_map(|it| edit::read(&it.receipt, place).map(|(id, _)| id))
}

/// Title, sentences, facts and links. Texts are cut before they are marked up, since Telegram
/// counts what people see.
fn text(message: &Message, markup: TelegramMarkup) -> String {
    let title = cut(&message.title, LONGEST_TITLE);
    let sentences = cut(&message.text, LONGEST_SENTENCES);
    let mut room = LONGEST_TEXT.saturating_sub(units(&title) + units(&sentences) + 10);
    let mut shown =
        format!("{}\n\n{}", markup::bold(&title, markup), markup::escape(&sentences, markup));
    let links = links(message, markup, &mut room);
    let mut facts = Vec::new();
    for field in &message.fields {
        let left = room.saturating_sub(units(field.name) + 3).min(LONGEST_FACT);
        if left < 20 {
            break;
        }
        let value = cut(&field.value, left);
        room = room.saturating_sub(units(field.name) + units(&value) + 3);
        let name = markup::bold(&format!("{}:", field.name), markup);
        facts.push(format!("{name} {}", markup::escape(&value, markup)));
    }
    if let Some(error) = &message.template_error
        && room >= 20
    {
        facts.push(markup::escape(&cut(error, room.min(LONGEST_FACT)), markup));
    }
    for part in [facts.join("\n"), links] {
        if !part.is_empty() {
            shown.push_str("\n\n");
            shown.push_str(&part);
        }
    }
    shown
}

fn links(message: &Message, markup: TelegramMarkup, room: &mut usize) -> String {
    let mut links = Vec::new();
    for link in &message.links {
        let title = cut(&link.title, 80);
        let width = units(&title) + 3;
        if width > *room || units(&link.url) > LONGEST_ADDRESS {
            continue;
        }
        *room -= width;
        links.push(markup::link(&title, &link.url, markup));
    }
    links.join(" · ")
}
