//! Provider configurations, one file per type.

mod alertmanager;
mod apprise;
mod discord;
mod gotify;
mod pagerduty;
mod pushover;
mod slack;
mod smtp;
mod teams;
mod telegram;
mod webhook;

pub(super) use alertmanager::alertmanager;
pub(super) use apprise::apprise;
pub(super) use discord::discord;
pub(super) use gotify::gotify;
pub(super) use pagerduty::pagerduty;
pub(super) use pushover::pushover;
pub(super) use slack::slack;
pub(super) use smtp::smtp;
pub(super) use teams::teams;
pub(super) use telegram::telegram;
pub(super) use webhook::webhook;

use super::Context;
use super::common::secret_ref;
use super::text::Credential;
use crate::kinds::common::SecretKeyRef;

const WEB: &[&str] = &["https", "http"];

/// `url` or `urlSecretRef`, one of which is needed.
fn url(
    context: &mut Context<'_>,
    at: &str,
    url: Option<&String>,
    secret: Option<&SecretKeyRef>,
) -> Option<kuma_core::secret::SecretText> {
    match (secret, url) {
        (Some(secret), _) => Some(kuma_core::secret::SecretText::from_ref(&secret_ref(secret))),
        (None, Some(url)) => context.address(&format!("{at}.url"), url, WEB),
        (None, None) => {
            context.error(at, "set either url or urlSecretRef");
            None
        }
    }
}

/// The address of an API, or the vendor's own.
fn base_address(
    context: &mut Context<'_>,
    path: &str,
    text: Option<&String>,
    vendor: &str,
) -> Option<kuma_core::secret::SecretText> {
    context.address(path, text.map_or(vendor, String::as_str), WEB)
}

/// `webhookUrl` and `webhookUrlSecretRef`.
fn webhook_url<'a>(secret: Option<&'a SecretKeyRef>, text: Option<&'a String>) -> Credential<'a> {
    Credential { reference: "webhookUrlSecretRef", secret, plain: "webhookUrl", text }
}
