//! Configuration of a Discord webhook.

use crate::secret::SecretText;

/// `config.discord`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscordConfig {
    /// The webhook's URL, always from a Secret.
    pub webhook_url: SecretText,
    /// Shown as sender instead of the webhook's name.
    pub username: Option<String>,
    /// Address of the sender's picture.
    pub avatar_url: Option<SecretText>,
    /// Thread of the webhook's channel to write to.
    pub thread_id: Option<String>,
}
