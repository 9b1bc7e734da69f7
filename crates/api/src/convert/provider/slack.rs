//! `config.slack`.

use kuma_core::provider::{ProviderConfig, SlackConfig};

use super::{Context, webhook_url};
use crate::kinds::notification_provider::SlackSpec;

pub(in crate::convert) fn slack(
    context: &mut Context<'_>,
    at: &str,
    spec: &SlackSpec,
) -> Option<ProviderConfig> {
    let url = webhook_url(spec.webhook_url_secret_ref.as_ref(), spec.webhook_url.as_ref());
    Some(ProviderConfig::Slack(SlackConfig {
        webhook_url: context.needed_credential(at, &url)?,
        channel: spec.channel.clone(),
        username: spec.username.clone(),
        icon_emoji: spec.icon_emoji.clone(),
    }))
}
