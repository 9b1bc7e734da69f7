//! `config.discord`: validated; this build does not send through it yet.

use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, api_address, unsupported, webhook_url};
use crate::kinds::notification_provider::DiscordSpec;

pub(in crate::convert) fn discord(
    context: &mut Context<'_>,
    at: &str,
    spec: &DiscordSpec,
) -> Option<ProviderConfig> {
    let url = webhook_url(
        spec.webhook_url_secret_ref.as_ref(),
        spec.webhook_url.as_ref(),
    );
    context.needed_credential(at, &url);
    api_address(
        context,
        &format!("{at}.avatarUrl"),
        spec.avatar_url.as_ref(),
    );
    Some(unsupported(context, at, ProviderType::Discord))
}
