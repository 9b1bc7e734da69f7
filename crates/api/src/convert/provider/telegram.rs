//! `config.telegram`: validated; this build does not send through it yet.

use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, Credential, api_address, unsupported};
use crate::kinds::notification_provider::TelegramSpec;

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
    context.needed_credential(at, &token);
    match (&spec.chat_id, &spec.chat_id_secret_ref) {
        (None, None) => context.error(at, "set either chatId or chatIdSecretRef"),
        (Some(chat), _) => {
            context.secret_text(&format!("{at}.chatId"), chat);
        }
        (None, Some(_)) => {}
    }
    api_address(
        context,
        &format!("{at}.apiBaseUrl"),
        spec.api_base_url.as_ref(),
    );
    Some(unsupported(context, at, ProviderType::Telegram))
}
