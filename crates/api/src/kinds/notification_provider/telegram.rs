//! `config.telegram`: Telegram bots.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{both, one_of};
use crate::kinds::common::SecretKeyRef;

/// `config.telegram`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = both(
    &one_of("botTokenSecretRef", "botToken"),
    &one_of("chatId", "chatIdSecretRef"),
)))]
pub struct TelegramSpec {
    /// Secret with the bot's token.
    pub bot_token_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub bot_token: Option<String>,
    /// Chat to write to, a number in quotes or `@channel`.
    #[schemars(length(min = 1, max = 256))]
    pub chat_id: Option<String>,
    /// Secret with the chat to write to.
    pub chat_id_secret_ref: Option<SecretKeyRef>,
    /// How text is marked up. Default: `HTML`.
    pub parse_mode: Option<TelegramParseMode>,
    /// Topic of a forum to write to. Default: none.
    #[schemars(range(min = 1))]
    pub message_thread_id: Option<i64>,
    /// Address of the Bot API. Default: `https://api.telegram.org`.
    #[schemars(length(min = 1, max = 2048))]
    pub api_base_url: Option<String>,
}

/// How Telegram reads mark-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum TelegramParseMode {
    /// HTML.
    #[serde(rename = "HTML")]
    Html,
    /// The old Markdown.
    Markdown,
    /// Markdown, version 2.
    MarkdownV2,
}
