//! `config.pushover`.

use kuma_core::provider::{ProviderConfig, PushoverConfig, PushoverRepeat};

use super::{Context, Credential, base_address};
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
    let user_key = context.needed_credential(at, &user);
    let token = Credential {
        reference: "apiTokenSecretRef",
        secret: spec.api_token_secret_ref.as_ref(),
        plain: "apiToken",
        text: spec.api_token.as_ref(),
    };
    let api_token = context.needed_credential(at, &token);
    let api_base_url = base_address(
        context,
        &format!("{at}.apiBaseUrl"),
        spec.api_base_url.as_ref(),
        "https://api.pushover.net",
    );
    let repeat =
        spec.retry.zip(spec.expire).map(|(retry, expire)| PushoverRepeat { retry, expire });
    Some(ProviderConfig::Pushover(PushoverConfig {
        user_key: user_key?,
        api_token: api_token?,
        priority: spec.priority,
        repeat,
        sound: spec.sound.clone(),
        device: spec.device.clone(),
        api_base_url: api_base_url?,
    }))
}
