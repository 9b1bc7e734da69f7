//! `config.teams`.

use kuma_core::provider::{ProviderConfig, TeamsConfig};

use super::{Context, webhook_url};
use crate::kinds::notification_provider::TeamsSpec;

pub(in crate::convert) fn teams(
    context: &mut Context<'_>,
    at: &str,
    spec: &TeamsSpec,
) -> Option<ProviderConfig> {
    let url = webhook_url(spec.webhook_url_secret_ref.as_ref(), spec.webhook_url.as_ref());
    Some(ProviderConfig::Teams(TeamsConfig { webhook_url: context.needed_credential(at, &url)? }))
}
