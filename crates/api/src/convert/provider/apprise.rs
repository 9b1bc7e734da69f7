//! `config.apprise`.

use kuma_core::object::Problem;
use kuma_core::provider::{AppriseConfig, ProviderConfig};
use kuma_core::secret::SecretText;

use super::{Context, WEB, secret_ref};
use crate::kinds::notification_provider::AppriseSpec;

pub(in crate::convert) fn apprise(
    context: &mut Context<'_>,
    at: &str,
    spec: &AppriseSpec,
) -> Option<ProviderConfig> {
    let urls = urls(context, at, spec);
    let path = format!("{at}.apiUrl");
    let api_url = spec.api_url.as_ref().map(|url| context.address(&path, url, WEB));
    let keyed = spec.api_url.as_ref().is_some_and(|url| url.contains("/notify/"));
    if urls.as_ref().is_some_and(Vec::is_empty) && !keyed {
        context.error(at, "set urls or urlsSecretRef, or an apiUrl that ends in /notify/<key>");
    }
    let api_url = match api_url {
        None => None,
        Some(address) => Some(address?),
    };
    Some(ProviderConfig::Apprise(AppriseConfig { urls: urls?, api_url }))
}

fn urls(context: &mut Context<'_>, at: &str, spec: &AppriseSpec) -> Option<Vec<SecretText>> {
    if let Some(secret) = &spec.urls_secret_ref {
        return Some(vec![SecretText::from_ref(&secret_ref(secret))]);
    }
    let mut urls = Vec::new();
    let mut good = true;
    for (index, text) in spec.urls.iter().flatten().enumerate() {
        let path = format!("{at}.urls[{index}]");
        match context.secret_text(&path, text) {
            Some(text) if text.references().is_empty() => {
                good = false;
                context.push(
                    Problem::semantic(path, "an Apprise address holds credentials")
                        .with_fix("write them as ${SECRET:name:key}, or use urlsSecretRef"),
                );
            }
            Some(text) => urls.push(text),
            None => good = false,
        }
    }
    good.then_some(urls)
}
