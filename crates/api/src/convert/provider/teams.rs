//! `config.teams`: validated; this build does not send through it yet.

use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, unsupported, webhook_url};
use crate::kinds::notification_provider::TeamsSpec;

pub(in crate::convert) fn teams(
    context: &mut Context<'_>,
    at: &str,
    spec: &TeamsSpec,
) -> Option<ProviderConfig> {
    let url = webhook_url(spec.webhook_url_secret_ref.as_ref(), spec.webhook_url.as_ref());
    context.needed_credential(at, &url);
    Some(unsupported(context, at, ProviderType::Teams))
}
