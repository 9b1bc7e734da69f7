//! `config.discord`.

use kuma_core::object::Problem;
use kuma_core::provider::{DiscordConfig, ProviderConfig};

use super::{Context, WEB, webhook_url};
use crate::kinds::notification_provider::DiscordSpec;

pub(in crate::convert) fn discord(
    context: &mut Context<'_>,
    at: &str,
    spec: &DiscordSpec,
) -> Option<ProviderConfig> {
    let url = webhook_url(spec.webhook_url_secret_ref.as_ref(), spec.webhook_url.as_ref());
    let webhook_url = context.needed_credential(at, &url);
    let avatar = spec.avatar_url.as_ref();
    let avatar_url = avatar.and_then(|url| context.address(&format!("{at}.avatarUrl"), url, WEB));
    if let Some(thread) = &spec.thread_id
        && !thread.bytes().all(|byte| byte.is_ascii_digit())
    {
        context.push(
            Problem::semantic(format!("{at}.threadId"), "this is not a thread's id")
                .with_value(thread)
                .with_fix("write the digits that Discord's `Copy Thread ID` gives"),
        );
    }
    Some(ProviderConfig::Discord(DiscordConfig {
        webhook_url: webhook_url?,
        username: spec.username.clone(),
        avatar_url,
        thread_id: spec.thread_id.clone(),
    }))
}
