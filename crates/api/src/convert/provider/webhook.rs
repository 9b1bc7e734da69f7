//! `config.webhook`.

use kuma_core::provider::{ProviderConfig, WebhookConfig};

use super::{Context, url};
use crate::convert::text::reference;
use crate::kinds::notification_provider::{WebhookMethod, WebhookSpec};

pub(in crate::convert) fn webhook(
    context: &mut Context<'_>,
    at: &str,
    spec: &WebhookSpec,
) -> Option<ProviderConfig> {
    let url = url(context, at, spec.url.as_ref(), spec.url_secret_ref.as_ref());
    let headers = context.headers(at, spec.headers.as_ref(), spec.headers_from.as_ref());
    let body = spec
        .body_template
        .as_ref()
        .and_then(|source| context.template(&format!("{at}.bodyTemplate"), source));
    let method = spec.method.unwrap_or(WebhookMethod::Post);
    if method == WebhookMethod::Get && body.is_some() {
        context.warning(
            format!("{at}.bodyTemplate"),
            "a GET request has no body; the template is not used",
        );
    }
    Some(ProviderConfig::Webhook(WebhookConfig {
        url: url?,
        method: method_name(method).to_owned(),
        headers,
        body,
        signing_secret: reference(spec.signing_secret_ref.as_ref()),
    }))
}

const fn method_name(method: WebhookMethod) -> &'static str {
    match method {
        WebhookMethod::Post => "POST",
        WebhookMethod::Put => "PUT",
        WebhookMethod::Patch => "PATCH",
        WebhookMethod::Get => "GET",
    }
}
