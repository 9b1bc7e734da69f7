//! `config.gotify`.

use kuma_core::provider::{GotifyConfig, ProviderConfig};

use super::{Context, Credential, url};
use crate::kinds::notification_provider::GotifySpec;

pub(in crate::convert) fn gotify(
    context: &mut Context<'_>,
    at: &str,
    spec: &GotifySpec,
) -> Option<ProviderConfig> {
    let url = url(context, at, spec.url.as_ref(), spec.url_secret_ref.as_ref());
    let token = Credential {
        reference: "tokenSecretRef",
        secret: spec.token_secret_ref.as_ref(),
        plain: "token",
        text: spec.token.as_ref(),
    };
    let token = context.needed_credential(at, &token);
    Some(ProviderConfig::Gotify(GotifyConfig { url: url?, token: token?, priority: spec.priority }))
}
