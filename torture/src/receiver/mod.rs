//! Whom the product tells in a run: one entry for each type of provider, with a receiver that holds
//! messages to what its vendor documents.

mod alerts;
mod http;
mod mail;

use serde_json::Value;
use tokio::runtime::Handle;

use crate::evidence::Message;

/// How a receiver treats messages for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes them.
    Well,
    /// It says that it has trouble.
    Failing,
    /// It asks to be left alone for a second.
    Throttling,
    /// It takes the message and hangs up without a word.
    Closing,
    /// It takes the message and never answers.
    Hanging,
    /// It answers something that is no HTTP.
    Garbage,
}

/// Moods that mean trouble.
pub(crate) const TROUBLE: &[Mood] =
    &[Mood::Failing, Mood::Throttling, Mood::Closing, Mood::Hanging, Mood::Garbage];

/// A provider and the receiver behind it.
pub(crate) trait Receiver {
    /// `spec.config.<type>` of the provider.
    fn config(&self) -> Value;
    /// Keys and values of its Secret, whose name is the provider's.
    fn secret(&self) -> Value;
    /// Treats messages so from now on.
    fn be(&self, mood: Mood);
    /// Everything that came.
    fn messages(&self, provider: &str) -> Vec<Message>;
}

/// Starts a receiver.
pub(crate) type Start = fn(&Handle) -> Box<dyn Receiver + Send>;

/// Every type of provider.
pub(crate) const KINDS: &[(&str, Start)] = &[
    ("webhook", http::webhook),
    ("smtp", mail::smtp),
    ("slack", http::slack),
    ("discord", http::discord),
    ("telegram", http::telegram),
    ("gotify", http::gotify),
    ("pushover", http::pushover),
    ("pagerduty", http::pagerduty),
    ("teams", http::teams),
    ("alertmanager", alerts::alertmanager),
    ("apprise", http::apprise),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kuma_core::provider::ProviderType;

    use super::KINDS;

    #[test]
    fn every_type_of_provider_has_a_receiver() {
        let ours: BTreeSet<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(ours, ProviderType::ALL.iter().map(|provider| provider.as_str()).collect());
        assert_eq!(ours.len(), KINDS.len(), "none twice");
    }
}
