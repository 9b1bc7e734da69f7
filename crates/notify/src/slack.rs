//! Slack incoming webhooks: blocks in a coloured attachment
//! (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::{Provider, SlackConfig};
use kuma_core::secret::SecretSource;
use kuma_core::time::Timestamp;
use serde_json::{Value, json};

use crate::channel::{Channel, Payload, Receipt, SendContext, Transports};
use crate::http::{Http, Request};
use crate::human;
use crate::message::Message;
use crate::secrets::Secrets;

/// Longest header block, in characters.
const LONGEST_HEADER: usize = 150;
/// Longest section text, in characters.
const LONGEST_SECTION: usize = 3_000;
/// Longest text of one field, in characters.
const LONGEST_FIELD: usize = 2_000;
/// Most fields of a section.
const MOST_FIELDS: usize = 10;
/// What a repeat says.
const REPEAT: &str = "This may be a repeat: an earlier attempt may have arrived.";

/// A Slack webhook.
pub(crate) struct Slack<'a> {
    provider: &'a Provider,
    config: &'a SlackConfig,
    http: &'a Http,
}

impl<'a> Slack<'a> {
    pub(crate) fn new(
        provider: &'a Provider,
        config: &'a SlackConfig,
        transports: &'a Transports,
    ) -> Self {
        Self { provider, config, http: &transports.http }
    }

    fn body(&self, message: &Message) -> Value {
        let title = escape(&message.title, LONGEST_SECTION);
        let mut body = json!({
            "text": title,
            "attachments": [{
                "color": message.severity.colour(),
                "fallback": title,
                "blocks": blocks(message),
            }],
        });
        let own = [
            ("channel", &self.config.channel),
            ("username", &self.config.username),
            ("icon_emoji", &self.config.icon_emoji),
        ];
        for (name, value) in own {
            if let Some(value) = value {
                body[name] = value.clone().into();
            }
        }
        body
    }

    async fn attempt(
        &self,
        payload: &Payload,
        context: SendContext<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let mut secrets = Secrets::new(self.provider, context.secrets);
        let url = secrets.text(&self.config.webhook_url)?;
        let body = if context.may_be_repeat { mark_repeat(&payload.0) } else { payload.0.clone() };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Slack ignores it; what stands between us and Slack may dedupe by it.
        if let Ok(key) = HeaderValue::from_str(context.key) {
            headers.insert("idempotency-key", key);
        }
        let request = Request { method: Method::POST, url, headers, body: Some(body) };
        let answer = self.http.send(request, &mut secrets, context.now).await?;
        let receipt = answer.outcome()?;
        // Slack says `ok`, servers that speak its format say other things, but none says HTML.
        if answer.body.trim_start().starts_with('<') {
            return Err(DeliveryError::permanent(
                DeliveryReason::BadAnswer,
                format!("a web page answered instead of Slack: {}", answer.said()),
            ));
        }
        Ok(receipt)
    }
}

impl Channel for Slack<'_> {
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
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let mut secrets = Secrets::new(self.provider, secrets);
            let url = secrets.text(&self.config.webhook_url)?;
            self.http.reach(&url, &mut secrets).await
        })
    }
}

fn blocks(message: &Message) -> Vec<Value> {
    let mut blocks = vec![
        json!({
            "type": "header",
            "text": {"type": "plain_text", "text": human::shorten(&message.title, LONGEST_HEADER)},
        }),
        section(&message.text),
    ];
    for fields in message.fields.chunks(MOST_FIELDS) {
        let fields: Vec<_> = fields
            .iter()
            .map(|field| {
                let value = escape(&field.value, LONGEST_FIELD - 100);
                mrkdwn(&format!("*{}*\n{value}", field.name))
            })
            .collect();
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    let links: Vec<_> = message
        .links
        .iter()
        .filter_map(|link| {
            // Cutting an address would break it, so one that is too long is left out.
            let url = escape(&link.url, usize::MAX).replace('|', "%7C");
            (url.len() <= LONGEST_FIELD).then(|| format!("<{url}|{}>", escape(&link.title, 100)))
        })
        .collect();
    if !links.is_empty() {
        blocks.push(json!({"type": "context", "elements": [mrkdwn(&links.join("  ·  "))]}));
    }
    if let Some(error) = &message.template_error {
        blocks
            .push(json!({"type": "context", "elements": [mrkdwn(&escape(error, LONGEST_FIELD))]}));
    }
    blocks
}

fn section(text: &str) -> Value {
    let text = escape(text, LONGEST_SECTION);
    // An empty text is refused by Slack.
    let text = if text.trim().is_empty() { "–".to_owned() } else { text };
    json!({"type": "section", "text": mrkdwn(&text)})
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text})
}

/// Escapes the three characters that Slack reads as control, cutting so that the escaped text has
/// at most `most` characters and no entity is cut in half.
fn escape(text: &str, most: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut length = 0_usize;
    for c in text.chars() {
        let piece: &str = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        let width = piece.len().max(1);
        if length.saturating_add(width) >= most {
            escaped.push('…');
            break;
        }
        length += width;
        if piece.is_empty() {
            escaped.push(c);
        } else {
            escaped.push_str(piece);
        }
    }
    escaped
}

fn mark_repeat(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    if let Some(blocks) = value.pointer_mut("/attachments/0/blocks").and_then(Value::as_array_mut) {
        blocks.push(json!({"type": "context", "elements": [mrkdwn(REPEAT)]}));
    }
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_of_slack_are_escaped() {
        assert_eq!(escape("<!channel> & co", 100), "&lt;!channel&gt; &amp; co");
    }

    proptest! {
        #[test]
        fn escaping_stays_within_the_limit_and_cuts_no_entity(text in "[a<>&é🔥]{0,60}", most in 2_usize..80) {
            let escaped = escape(&text, most);
            prop_assert!(escaped.chars().count() <= most);
            prop_assert!(!escaped.contains(['<', '>']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let kept = back.strip_suffix('…').unwrap_or(&back);
            prop_assert!(text.starts_with(kept), "{escaped}");
        }
    }
}
