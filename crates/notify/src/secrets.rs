//! Secrets of one attempt: resolved just before use, remembered only to keep them out of errors.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::Provider;
use kuma_core::secret::{
    ExposeSecret, SecretError, SecretRef, SecretSource, SecretString, SecretText,
};

/// Values shorter than this are not looked for in answers: they would match by chance.
const SHORTEST_REDACTED: usize = 4;

/// What stands where a secret was.
const HIDDEN: &str = "[secret]";

/// Resolves from the provider's namespace and knows what must not be shown.
#[derive(Clone)]
pub(crate) struct Secrets<'a> {
    namespace: &'a str,
    source: &'a dyn SecretSource,
    seen: Vec<SecretString>,
}

impl<'a> Secrets<'a> {
    pub(crate) fn new(provider: &'a Provider, source: &'a dyn SecretSource) -> Self {
        Self::of(&provider.name.namespace, source)
    }

    /// Those of a namespace.
    pub(crate) fn of(namespace: &'a str, source: &'a dyn SecretSource) -> Self {
        Self { namespace, source, seen: Vec::new() }
    }

    /// The value of one entry.
    pub(crate) fn entry(&mut self, at: &SecretRef) -> Result<SecretString, DeliveryError> {
        let value = self.source.get(self.namespace, at).map_err(missing)?;
        self.hide(value.expose_secret());
        Ok(value)
    }

    /// A text with its references filled.
    pub(crate) fn text(&mut self, text: &SecretText) -> Result<SecretString, DeliveryError> {
        for at in text.references() {
            self.entry(at)?;
        }
        text.resolve(self.namespace, self.source).map_err(missing)
    }

    /// Keeps a value out of everything that [`Self::redact`] is asked about.
    pub(crate) fn hide(&mut self, value: &str) {
        if value.len() >= SHORTEST_REDACTED {
            self.seen.push(value.to_owned().into());
        }
    }

    /// The text without the secrets that were used: a receiver may echo them.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.seen {
            if clean.contains(secret.expose_secret()) {
                clean = clean.replace(secret.expose_secret(), HIDDEN);
            }
            clean = without_base64(clean, secret.expose_secret().as_bytes());
        }
        clean
    }

    /// The error without the secrets that were used.
    pub(crate) fn redact_error(&self, error: DeliveryError) -> DeliveryError {
        match error {
            DeliveryError::Retryable { reason, after, detail } => {
                DeliveryError::Retryable { reason, after, detail: self.redact(&detail) }
            }
            DeliveryError::Permanent { reason, detail } => {
                DeliveryError::Permanent { reason, detail: self.redact(&detail) }
            }
        }
    }
}

/// The text without base64 that holds the secret, alone or amid other things: a mail server may
/// repeat a sign-in, and others an `Authorization`.
fn without_base64(mut text: String, secret: &[u8]) -> String {
    for offset in 0..3 {
        // Where the secret begins within a group of three bytes decides how it looks; its first
        // and last characters depend on what stands beside it.
        let padded = [&[0; 2][..offset], secret].concat();
        let encoded = BASE64_STANDARD_NO_PAD.encode(&padded);
        let start = (offset * 4).div_ceil(3);
        let end = padded.len() / 3 * 4;
        let Some(look) = encoded.get(start..end).filter(|look| look.len() >= SHORTEST_REDACTED)
        else {
            continue;
        };
        for look in [look.to_owned(), look.replace('+', "-").replace('/', "_")] {
            while let Some(at) = text.find(&look) {
                let is_part = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
                let from = text[..at]
                    .rfind(|c| !is_part(c))
                    .map_or(0, |it| it + text[it..].chars().next().map_or(1, char::len_utf8));
                let to = text[at..].find(|c| !is_part(c)).map_or(text.len(), |it| at + it);
                text.replace_range(from..to, HIDDEN);
            }
        }
    }
    text
}

/// A missing Secret ends the message: its dead letter is requeued when the Secret changes.
#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn missing(error: SecretError) -> DeliveryError {
    DeliveryError::permanent(DeliveryReason::SecretMissing, error.to_string())
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn base64_of_a_secret_is_hidden_wherever_it_begins() {
        for (before, after) in [("", ""), ("u", ":"), ("\0me\0", ""), ("user:", "!!")] {
            let encoded = BASE64_STANDARD.encode(format!("{before}s3cret-word{after}"));
            let clean = without_base64(format!("535 no: AUTH PLAIN {encoded} é"), b"s3cret-word");
            assert_eq!(clean, "535 no: AUTH PLAIN [secret] é");
        }
        let other = BASE64_STANDARD.encode("something else");
        assert_eq!(without_base64(other.clone(), b"s3cret-word"), other);
    }
}
