//! `config.telegram`.

use kuma_core::provider::{ProviderConfig, TelegramConfig, TelegramMarkup};
use kuma_core::secret::SecretText;

use super::{Context, Credential, base_address, secret_ref};
use crate::kinds::notification_provider::{TelegramParseMode, TelegramSpec};

pub(in crate::convert) fn telegram(
    context: &mut Context<'_>,
    at: &str,
    spec: &TelegramSpec,
) -> Option<ProviderConfig> {
    let token = Credential {
        reference: "botTokenSecretRef",
        secret: spec.bot_token_secret_ref.as_ref(),
        plain: "botToken",
        text: spec.bot_token.as_ref(),
    };
    let bot_token = context.needed_credential(at, &token);
    let chat_id = chat(context, at, spec);
    let api_base_url = base_address(
        context,
        &format!("{at}.apiBaseUrl"),
        spec.api_base_url.as_ref(),
        "https://api.telegram.org",
    );
    Some(ProviderConfig::Telegram(TelegramConfig {
        bot_token: bot_token?,
        chat_id: chat_id?,
        markup: spec.parse_mode.map_or(TelegramMarkup::Html, markup),
        message_thread_id: spec.message_thread_id,
        api_base_url: api_base_url?,
    }))
}

fn chat(context: &mut Context<'_>, at: &str, spec: &TelegramSpec) -> Option<SecretText> {
    match (&spec.chat_id, &spec.chat_id_secret_ref) {
        (None, None) => {
            context.error(at, "set either chatId or chatIdSecretRef");
            None
        }
        (Some(chat), _) => context.secret_text(&format!("{at}.chatId"), chat),
        (None, Some(secret)) => Some(SecretText::from_ref(&secret_ref(secret))),
    }
}

const fn markup(mode: TelegramParseMode) -> TelegramMarkup {
    match mode {
        TelegramParseMode::Html => TelegramMarkup::Html,
        TelegramParseMode::Markdown => TelegramMarkup::Markdown,
        TelegramParseMode::MarkdownV2 => TelegramMarkup::MarkdownV2,
    }
}
