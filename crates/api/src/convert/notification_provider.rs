//! `NotificationProvider`: what all types have in common.

use kuma_core::provider::{Provider, ProviderConfig, ProviderType};

use super::{Context, provider};
use crate::kinds::notification_provider::{NotificationProviderSpec, ProviderTypeSpec};

/// Marks the provider that serves monitors no policy matches.
const DEFAULT_PROVIDER: &str = "kubekuma.io/default-provider";
/// Marks the provider that hears of our own trouble.
const SYSTEM_PROVIDER: &str = "kubekuma.io/system-provider";

pub(super) fn convert(
    context: &mut Context<'_>,
    spec: &NotificationProviderSpec,
) -> Option<Provider> {
    let config = config(context, spec);
    Some(Provider {
        name: context.key.name.clone(),
        generation: context.meta.generation,
        enabled: spec.enabled.unwrap_or(true),
        config: config?,
        send_test_message: spec.send_test_message.unwrap_or(false),
        is_default: marked(context, DEFAULT_PROVIDER),
        is_system: marked(context, SYSTEM_PROVIDER),
    })
}

/// Whether an annotation is `"true"`.
fn marked(context: &mut Context<'_>, name: &str) -> bool {
    match context.meta.annotations.get(name).map(String::as_str) {
        Some("true") => true,
        None | Some("false") => false,
        Some(_) => {
            context.warning(
                format!("metadata.annotations[{name}]"),
                "only \"true\" and \"false\" mean something here; it is taken as \"false\"",
            );
            false
        }
    }
}

fn config(context: &mut Context<'_>, spec: &NotificationProviderSpec) -> Option<ProviderConfig> {
    use ProviderTypeSpec as T;
    let config = &spec.config;
    let (at, c) = (format!("spec.config.{}", name(spec.type_)), context);
    let converted = match spec.type_ {
        T::Slack => config.slack.as_ref().map(|it| provider::slack(c, &at, it)),
        T::Smtp => config.smtp.as_ref().map(|it| provider::smtp(c, &at, it)),
        T::Webhook => config.webhook.as_ref().map(|it| provider::webhook(c, &at, it)),
        T::Discord => config.discord.as_ref().map(|it| provider::discord(c, &at, it)),
        T::Telegram => config.telegram.as_ref().map(|it| provider::telegram(c, &at, it)),
        T::Gotify => config.gotify.as_ref().map(|it| provider::gotify(c, &at, it)),
        T::Pushover => config.pushover.as_ref().map(|it| provider::pushover(c, &at, it)),
        T::Apprise => config.apprise.as_ref().map(|it| provider::apprise(c, &at, it)),
        T::Alertmanager => {
            config.alertmanager.as_ref().map(|it| provider::alertmanager(c, &at, it))
        }
        T::Pagerduty => config.pagerduty.as_ref().map(|it| provider::pagerduty(c, &at, it)),
        T::Teams => config.teams.as_ref().map(|it| provider::teams(c, &at, it)),
    };
    if converted.is_none() {
        c.error(at, format!("type {0} needs config.{0}", name(spec.type_)));
    }
    converted.flatten()
}

fn name(kind: ProviderTypeSpec) -> &'static str {
    provider_type(kind).as_str()
}

const fn provider_type(kind: ProviderTypeSpec) -> ProviderType {
    match kind {
        ProviderTypeSpec::Slack => ProviderType::Slack,
        ProviderTypeSpec::Discord => ProviderType::Discord,
        ProviderTypeSpec::Telegram => ProviderType::Telegram,
        ProviderTypeSpec::Smtp => ProviderType::Smtp,
        ProviderTypeSpec::Webhook => ProviderType::Webhook,
        ProviderTypeSpec::Gotify => ProviderType::Gotify,
        ProviderTypeSpec::Pushover => ProviderType::Pushover,
        ProviderTypeSpec::Apprise => ProviderType::Apprise,
        ProviderTypeSpec::Alertmanager => ProviderType::Alertmanager,
        ProviderTypeSpec::Pagerduty => ProviderType::Pagerduty,
        ProviderTypeSpec::Teams => ProviderType::Teams,
    }
}
