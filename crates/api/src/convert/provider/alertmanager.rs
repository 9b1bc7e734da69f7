//! `config.alertmanager`: validated; this build does not send through it yet.

use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, unsupported, url};
use crate::kinds::notification_provider::AlertmanagerSpec;

pub(in crate::convert) fn alertmanager(
    context: &mut Context<'_>,
    at: &str,
    spec: &AlertmanagerSpec,
) -> Option<ProviderConfig> {
    url(context, at, spec.url.as_ref(), spec.url_secret_ref.as_ref());
    Some(unsupported(context, at, ProviderType::Alertmanager))
}
