//! `config.pagerduty`: validated; this build does not send through it yet.

use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, Credential, api_address, unsupported};
use crate::kinds::notification_provider::PagerdutySpec;

pub(in crate::convert) fn pagerduty(
    context: &mut Context<'_>,
    at: &str,
    spec: &PagerdutySpec,
) -> Option<ProviderConfig> {
    let key = Credential {
        reference: "routingKeySecretRef",
        secret: spec.routing_key_secret_ref.as_ref(),
        plain: "routingKey",
        text: spec.routing_key.as_ref(),
    };
    context.needed_credential(at, &key);
    api_address(context, &format!("{at}.apiBaseUrl"), spec.api_base_url.as_ref());
    Some(unsupported(context, at, ProviderType::Pagerduty))
}
