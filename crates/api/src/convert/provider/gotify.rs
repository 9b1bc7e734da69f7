//! `config.gotify`: validated; this build does not send through it yet.

use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, Credential, unsupported, url};
use crate::kinds::notification_provider::GotifySpec;

pub(in crate::convert) fn gotify(
    context: &mut Context<'_>,
    at: &str,
    spec: &GotifySpec,
) -> Option<ProviderConfig> {
    url(context, at, spec.url.as_ref(), spec.url_secret_ref.as_ref());
    let token = Credential {
        reference: "tokenSecretRef",
        secret: spec.token_secret_ref.as_ref(),
        plain: "token",
        text: spec.token.as_ref(),
    };
    context.needed_credential(at, &token);
    Some(unsupported(context, at, ProviderType::Gotify))
}
