//! `config.pagerduty`.

use kuma_core::provider::{PagerdutyConfig, PagerdutySeverity, ProviderConfig};

use super::{Context, Credential, base_address};
use crate::kinds::notification_provider::{PagerdutySeverity as Written, PagerdutySpec};

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
    let routing_key = context.needed_credential(at, &key);
    let api_base_url = base_address(
        context,
        &format!("{at}.apiBaseUrl"),
        spec.api_base_url.as_ref(),
        "https://events.pagerduty.com",
    );
    Some(ProviderConfig::Pagerduty(PagerdutyConfig {
        routing_key: routing_key?,
        severity: spec.severity.map_or(PagerdutySeverity::Critical, severity),
        api_base_url: api_base_url?,
    }))
}

const fn severity(written: Written) -> PagerdutySeverity {
    match written {
        Written::Critical => PagerdutySeverity::Critical,
        Written::Error => PagerdutySeverity::Error,
        Written::Warning => PagerdutySeverity::Warning,
        Written::Info => PagerdutySeverity::Info,
    }
}
