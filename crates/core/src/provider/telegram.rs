//! Configuration of a Telegram bot.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// How Telegram reads mark-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum TelegramMarkup {
    /// HTML.
    #[default]
    #[serde(rename = "HTML")]
    Html,
    /// The old Markdown.
    Markdown,
    /// Markdown, version 2.
    MarkdownV2,
}

/// `config.telegram`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelegramConfig {
    /// The bot's token, always from a Secret.
    pub bot_token: SecretText,
    /// A number or `@channel`.
    pub chat_id: SecretText,
    /// How text is marked up.
    pub markup: TelegramMarkup,
    /// Topic of a forum.
    pub message_thread_id: Option<i64>,
    /// Address of the Bot API.
    pub api_base_url: SecretText,
}
