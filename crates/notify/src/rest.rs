//! What providers with an HTTP API of their own share: requests, texts cut to a vendor's limit,
//! and answers that only the vendor gives.

use http::{HeaderMap, HeaderValue, Method, header};
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::id::ObjectName;
use kuma_core::secret::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::channel::{Payload, Receipt, SendContext};
use crate::http::{Answer, Request};

/// What a repeat says.
pub(crate) const REPEAT: &str = "This may be a repeat: an earlier attempt may have arrived.";

/// A POST of `body`. The message's key goes along: vendors ignore it, what stands between us and
/// them may dedupe by it.
pub(crate) fn post(
    url: SecretString,
    content_type: &'static str,
    body: Vec<u8>,
    context: SendContext<'_>,
) -> Request {
    let mut request = just_post(url, content_type, body);
    if let Ok(key) = HeaderValue::from_str(context.key) {
        request.headers.insert("idempotency-key", key);
    }
    request
}

/// A POST that is no message.
pub(crate) fn just_post(url: SecretString, content_type: &'static str, body: Vec<u8>) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Request { method: Method::POST, url, headers, body: Some(body) }
}

/// A POST of JSON.
pub(crate) fn post_json(url: SecretString, body: &Value, context: SendContext<'_>) -> Request {
    post(url, "application/json", body.to_string().into_bytes(), context)
}

/// A PATCH of JSON.
pub(crate) fn patch_json(url: SecretString, body: &Value, context: SendContext<'_>) -> Request {
    Request { method: Method::PATCH, ..post_json(url, body, context) }
}

/// A GET.
pub(crate) fn get(url: SecretString) -> Request {
    Request { method: Method::GET, url, headers: HeaderMap::new(), body: None }
}

/// What is stored with a message's JSON for ourselves: taken out before it is sent.
const OWN: &str = "kubekuma";

/// Adds what is stored for ourselves.
pub(crate) fn keep_own(body: &mut Value, own: Value) {
    body[OWN] = own;
}

/// Takes out what is stored for ourselves; null if there is nothing, as in messages of older
/// versions.
pub(crate) fn take_own(body: &mut Value) -> Value {
    body.as_object_mut().and_then(|body| body.remove(OWN)).unwrap_or_default()
}

/// The stored message of a provider.
pub(crate) fn stored<T: DeserializeOwned>(payload: &Payload) -> Result<T, DeliveryError> {
    serde_json::from_slice(&payload.0).map_err(|error| {
        DeliveryError::permanent(
            DeliveryReason::Unrenderable,
            format!("the stored message cannot be read: {error}"),
        )
    })
}

/// An address under a base address.
pub(crate) fn under(base: &SecretString, path: &str) -> SecretString {
    let base = base.expose_secret().trim().trim_end_matches('/');
    format!("{base}{path}").into()
}

/// The answer as JSON; null if it is something else.
pub(crate) fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or(Value::Null)
}

/// The usual reading of an answer, where a 2xx must also be the vendor's own: a sign-in page in
/// between says 200, too.
pub(crate) fn outcome(
    answer: &Answer,
    vendor: &str,
    is_own: impl FnOnce(&Value) -> bool,
) -> Result<Receipt, DeliveryError> {
    let receipt = answer.outcome()?;
    if is_own(&json_of(answer)) {
        return Ok(receipt);
    }
    Err(DeliveryError::permanent(
        DeliveryReason::BadAnswer,
        format!("this is not an answer of {vendor}: {}", answer.said()),
    ))
}

/// What several receivers of one provider said: one that took the message is enough. Of refusals
/// the one that another attempt may mend counts.
pub(crate) fn any_of(
    results: Vec<Result<Receipt, DeliveryError>>,
    what: &str,
    provider: &ObjectName,
) -> Result<Receipt, DeliveryError> {
    let (told, all) = (results.iter().filter(|result| result.is_ok()).count(), results.len());
    let mut taken = None;
    let mut refused: Option<DeliveryError> = None;
    for result in results {
        match result {
            Ok(receipt) => taken = Some(receipt),
            Err(error) => {
                if told > 0 {
                    tracing::warn!(%provider, %error, "one of several {what} was not told");
                }
                if refused.as_ref().is_none_or(|known| !known.is_retryable()) {
                    refused = Some(error);
                }
            }
        }
    }
    match (taken, refused) {
        (Some(receipt), _) if all == 1 => Ok(receipt),
        (Some(_), _) => Ok(Receipt::of(format!("{told} of {all} {what} took it"))),
        (None, Some(error)) => Err(error),
        (None, None) => Err(DeliveryError::permanent(DeliveryReason::Misconfigured, "no address")),
    }
}

/// Length in UTF-16 units: never less than what a vendor counts as characters.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Joins pieces up to `most` UTF-16 units; `…` stands for what is cut. No piece is cut in half.
pub(crate) fn join_within(pieces: impl IntoIterator<Item = String>, most: usize) -> String {
    let mut text = String::new();
    let mut length = 0_usize;
    let mut last = 0_usize;
    for piece in pieces {
        let width = units(&piece);
        if length + width > most {
            // Room for the sign that something is missing.
            if length + 1 > most {
                text.truncate(last);
            }
            if most > 0 {
                text.push('…');
            }
            return text;
        }
        last = text.len();
        length += width;
        text.push_str(&piece);
    }
    text
}

/// At most `most` UTF-16 units of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    join_within(text.chars().map(String::from), most)
}

/// Bytes of a text within JSON, without the quotes.
pub(crate) fn json_length(text: &str) -> usize {
    text.chars().map(json_width).sum()
}

fn json_width(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if u32::from(c) < 0x20 => 6,
        c => c.len_utf8(),
    }
}

/// At most `most` bytes of a text, as it is within JSON.
pub(crate) fn cut_json(text: &str, most: usize) -> String {
    if json_length(text) <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub('…'.len_utf8());
    let mut short = String::new();
    for c in text.chars() {
        let Some(left) = room.checked_sub(json_width(c)) else {
            break;
        };
        room = left;
        short.push(c);
    }
    if most >= '…'.len_utf8() {
        short.push('…');
    }
    short
}

/// An empty text is refused by most vendors.
pub(crate) fn or_dash(text: String) -> String {
    if text.trim().is_empty() { "–".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_base_address_may_end_in_a_slash() {
        let base = "https://push.example/gotify/ ".to_owned().into();
        assert_eq!(under(&base, "/message").expose_secret(), "https://push.example/gotify/message");
    }

    proptest! {
        #[test]
        fn bytes_are_counted_as_json_has_them(text in "\\PC{0,30}[\\x00-\\x1f\"\\\\]{0,9}", most in 0_usize..60) {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(json_length(&text), written.len() - 2);
            let short = cut_json(&text, most);
            prop_assert!(json_length(&short) <= most);
            prop_assert!(text.starts_with(short.strip_suffix('…').unwrap_or(&short)));
        }

        #[test]
        fn a_cut_text_is_a_beginning_within_the_limit(text in "[aé🔥]{0,40}", most in 0_usize..50) {
            let short = cut(&text, most);
            prop_assert!(units(&short) <= most);
            let kept = short.strip_suffix('…').unwrap_or(&short);
            prop_assert!(text.starts_with(kept));
            prop_assert_eq!(units(&text) <= most, short == text);
        }
    }
}
