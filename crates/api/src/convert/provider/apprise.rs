//! `config.apprise`: validated; this build does not send through it yet.

use kuma_core::object::Problem;
use kuma_core::provider::{ProviderConfig, ProviderType};

use super::{Context, api_address, unsupported};
use crate::kinds::notification_provider::AppriseSpec;

pub(in crate::convert) fn apprise(
    context: &mut Context<'_>,
    at: &str,
    spec: &AppriseSpec,
) -> Option<ProviderConfig> {
    for (index, text) in spec.urls.iter().flatten().enumerate() {
        let path = format!("{at}.urls[{index}]");
        if let Some(text) = context.secret_text(&path, text)
            && text.references().is_empty()
        {
            context.push(
                Problem::semantic(path, "an Apprise address holds credentials")
                    .with_fix("write them as ${SECRET:name:key}, or use urlsSecretRef"),
            );
        }
    }
    if spec.urls.is_none() && spec.urls_secret_ref.is_none() {
        context.error(at, "set either urls or urlsSecretRef");
    }
    api_address(context, &format!("{at}.apiUrl"), spec.api_url.as_ref());
    Some(unsupported(context, at, ProviderType::Apprise))
}
