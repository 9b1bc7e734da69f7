//! `config.pushover`: validated; this build does not send through it yet.

use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, Credential, api_address, unsupported};
use crate::kinds::notification_provider::PushoverSpec;

pub(in crate::convert) fn pushover(
    context: &mut Context<'_>,
    at: &str,
    spec: &PushoverSpec,
) -> Option<ProviderConfig> {
    let user = Credential {
        reference: "userKeySecretRef",
        secret: spec.user_key_secret_ref.as_ref(),
        plain: "userKey",
        text: spec.user_key.as_ref(),
    };
    context.needed_credential(at, &user);
    let token = Credential {
        reference: "apiTokenSecretRef",
        secret: spec.api_token_secret_ref.as_ref(),
        plain: "apiToken",
        text: spec.api_token.as_ref(),
    };
    context.needed_credential(at, &token);
    api_address(
        context,
        &format!("{at}.apiBaseUrl"),
        spec.api_base_url.as_ref(),
    );
    Some(unsupported(context, at, ProviderType::Pushover))
}
