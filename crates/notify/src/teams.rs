//! Microsoft Teams: an Adaptive Card to a workflow that starts "when a Teams webhook request is
//! received" (<https://learn.microsoft.com/connectors/teams/#when-a-teams-webhook-request-is-received>).
//! The Office connectors with their `MessageCard` are retired.

use futures_util::future::BoxFuture;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::{Provider, TeamsConfig};
use kuma_core::secret::SecretSource;
use kuma_core::time::Timestamp;
use serde_json::{Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::http::{Answer, Http};
use crate::message::{Message, Severity};
use crate::rest::{self, REPEAT, or_dash};
use crate::secrets::Secrets;

/// Longest card in bytes of JSON, the room for [`REPEAT`] and the frame included. Teams refuses
/// messages of "approximately 28 KB"
/// (<https://learn.microsoft.com/connectors/teams/#known-issues-and-limitations-with-actions>);
/// people report refusals from 21 KB on, since it counts its own form of the message.
const LONGEST_CARD: usize = 20_000;
/// What the frame and the repeat need of it.
const FRAME: usize = 1_000;
/// Longest title, in bytes of JSON.
const LONGEST_TITLE: usize = 1_200;
/// Longest sentences, so that facts fit, too.
const LONGEST_TEXT: usize = 10_000;
/// Longest fact.
const LONGEST_FACT: usize = 2_000;
/// A fact that would be cut to less is left out.
const SHORTEST_FACT: usize = 40;
/// What the JSON around a block needs.
const BLOCK: usize = 160;
/// Longest address of a button; one that is longer is left out.
const LONGEST_ADDRESS: usize = 2_000;
/// Most buttons: Teams shows six.
const MOST_ACTIONS: usize = 6;

/// A workflow of Teams.
pub(crate) struct Teams<'a> {
    provider: &'a Provider,
    config: &'a TeamsConfig,
    http: &'a Http,
}

impl<'a> Teams<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a TeamsConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut body: Value = rest::stored(payload)?;
        if context.may_be_repeat
            && let Some(blocks) =
                body.pointer_mut("/attachments/0/content/body").and_then(Value::as_array_mut)
        {
            blocks.push(rich(&[json!({"type": "TextRun", "text": REPEAT, "isSubtle": true})]));
        }
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let url = secrets.text(&self.config.webhook_url)?;
        let request = rest::post_json(url, &body, context);
        outcome(&self.http.send(request, &mut secrets, context.now).await?)
    }
}

impl Channel for Teams<'_> {
    fn render(&self, message: &Message) -> Result<Payload, DeliveryError> {
        Ok(Payload(body(message).to_string().into_bytes()))
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
            let url = secrets.text(&self.config.webhook_url)?;
            self.http.reach(&url, &mut secrets).await
        })
    }
}

/// A workflow takes a request with 202 before it runs; an Office connector that is still there
/// says 200 and hides the refusal of Teams in the text.
fn outcome(answer: &Answer) -> Result<Receipt, DeliveryError> {
    let receipt = answer.outcome()?;
    let body = answer.body.trim_start();
    if body.starts_with('<') {
        return Err(DeliveryError::permanent(
            DeliveryReason::BadAnswer,
            format!("a web page answered instead of Teams: {}", answer.said()),
        ));
    }
    if body.contains("HTTP error 429") {
        return Err(DeliveryError::throttled(answer.retry_after, answer.said()));
    }
    if body.contains("returned HTTP error") {
        return Err(DeliveryError::permanent(DeliveryReason::Rejected, answer.said()));
    }
    Ok(receipt)
}

fn body(message: &Message) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": card(message),
        }],
    })
}

/// Title, sentences, facts, buttons. What leads further takes its room first, so that long facts
/// cannot push it out.
fn card(message: &Message) -> Value {
    let mut room = LONGEST_CARD - FRAME;
    let mut take = |text: &str, most: usize| {
        let text = rest::cut_json(text, most.min(room));
        room = room.saturating_sub(rest::json_length(&text) + BLOCK);
        (text, room)
    };
    let (title, _) = take(&message.title, LONGEST_TITLE);
    let mut actions = Vec::new();
    for link in message.links.iter().take(MOST_ACTIONS) {
        if link.url.len() <= LONGEST_ADDRESS {
            let (title, _) = take(&link.title, 200);
            take(&link.url, LONGEST_ADDRESS);
            actions.push(json!({"type": "Action.OpenUrl", "title": title, "url": link.url}));
        }
    }
    let (text, mut left) = take(&message.text, LONGEST_TEXT);
    let mut blocks = vec![
        json!({
            "type": "Container",
            "style": style(message.severity),
            "bleed": true,
            "items": [rich(&[json!({
                "type": "TextRun", "text": or_dash(title), "weight": "Bolder", "size": "Large",
            })])],
        }),
        rich(&[json!({"type": "TextRun", "text": or_dash(text)})]),
    ];
    let template = message.template_error.iter().map(|error| ("Template", error));
    let facts = message.fields.iter().map(|field| (field.name, &field.value));
    for (name, value) in facts.chain(template) {
        if left < SHORTEST_FACT + BLOCK {
            break;
        }
        let (value, rest) = take(value, LONGEST_FACT);
        left = rest;
        blocks.push(rich(&[
            json!({"type": "TextRun", "text": format!("{name}: "), "weight": "Bolder"}),
            json!({"type": "TextRun", "text": or_dash(value)}),
        ]));
    }
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": blocks,
        "actions": actions,
    })
}

/// A paragraph. The runs of a rich text are shown as they are; a text block or a fact set would
/// read Markdown, which no two clients escape alike.
fn rich(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

/// The background of the title, which follows the reader's theme.
const fn style(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "attention",
        Severity::Warning => "warning",
        Severity::Ok => "good",
        Severity::Unknown => "emphasis",
        Severity::Info => "accent",
    }
}
