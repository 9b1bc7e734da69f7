//! Secrets of one attempt: resolved just before use, remembered only to keep them out of errors.

use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::provider::Provider;
use kuma_core::secret::{
    ExposeSecret, SecretError, SecretRef, SecretSource, SecretString, SecretText,
};

/// Values shorter than this are not looked for in answers: they would match by chance.
const SHORTEST_REDACTED: usize = 4;

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
                clean = clean.replace(secret.expose_secret(), "[secret]");
            }
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

/// A missing Secret ends the message: its dead letter is requeued when the Secret changes.
#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn missing(error: SecretError) -> DeliveryError {
    DeliveryError::permanent(DeliveryReason::SecretMissing, error.to_string())
}
