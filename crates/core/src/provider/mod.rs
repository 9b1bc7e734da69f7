//! Channels that messages go through: one validated configuration per type, tied together by
//! [`ProviderConfig`]. How they send lives in `crates/notify`, one file per type.

mod alertmanager;
mod apprise;
mod discord;
mod gotify;
mod pagerduty;
mod pushover;
mod teams;
mod telegram;

pub use alertmanager::{AlertmanagerConfig, SignIn};
pub use apprise::AppriseConfig;
pub use discord::DiscordConfig;
pub use gotify::GotifyConfig;
pub use pagerduty::{PagerdutyConfig, PagerdutySeverity};
pub use pushover::{PushoverConfig, PushoverRepeat};
pub use teams::TeamsConfig;
pub use telegram::{TelegramConfig, TelegramMarkup};

use std::fmt;

use serde::{Deserialize, Serialize};

use kuma_expr::Template;

use crate::id::ObjectName;
use crate::secret::{SecretRef, SecretText};

/// The closed list of provider types (`crds.md`, NotificationProvider).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderType {
    /// Slack incoming webhook.
    Slack,
    /// Discord webhook.
    Discord,
    /// Telegram bot.
    Telegram,
    /// E-mail.
    Smtp,
    /// Any HTTP server.
    Webhook,
    /// Gotify server.
    Gotify,
    /// Pushover.
    Pushover,
    /// Apprise.
    Apprise,
    /// Prometheus Alertmanager.
    Alertmanager,
    /// PagerDuty Events v2.
    Pagerduty,
    /// Microsoft Teams workflow.
    Teams,
}

impl ProviderType {
    /// Every type, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Slack,
        Self::Discord,
        Self::Telegram,
        Self::Smtp,
        Self::Webhook,
        Self::Gotify,
        Self::Pushover,
        Self::Apprise,
        Self::Alertmanager,
        Self::Pagerduty,
        Self::Teams,
    ];

    /// Whether the receiver forgets what it was told and must hear of it again and again.
    pub const fn forgets(self) -> bool {
        matches!(self, Self::Alertmanager)
    }

    /// The name as written in `type:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
            Self::Smtp => "smtp",
            Self::Webhook => "webhook",
            Self::Gotify => "gotify",
            Self::Pushover => "pushover",
            Self::Apprise => "apprise",
            Self::Alertmanager => "alertmanager",
            Self::Pagerduty => "pagerduty",
            Self::Teams => "teams",
        }
    }
}

impl ProviderType {
    /// Whether the receiver keeps an alert open until it is told the end.
    pub const fn keeps_alerts(self) -> bool {
        matches!(self, Self::Alertmanager | Self::Pagerduty)
    }
}

impl fmt::Display for ProviderType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `config.slack`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackConfig {
    /// The incoming webhook's URL, always from a Secret.
    pub webhook_url: SecretText,
    /// Overrides the webhook's channel where Slack still allows it.
    pub channel: Option<String>,
    /// Shown as sender.
    pub username: Option<String>,
    /// `:name:`.
    pub icon_emoji: Option<String>,
}

/// How mail is protected on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// In the clear.
    None,
    /// RFC 3207; refused when the server does not offer it.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// `config.smtp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpConfig {
    /// The server.
    pub host: String,
    /// Its port; default 587 (starttls), 465 (tls), 25 (none).
    pub port: u16,
    /// How mail is protected.
    pub security: SmtpSecurity,
    /// User name and password, if the server wants them.
    pub credentials: Option<(SecretText, SecretText)>,
    /// Sender, `Name <address>` or an address.
    pub from: String,
    /// Recipients, at least one.
    pub to: Vec<String>,
    /// More recipients.
    pub cc: Vec<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
}

/// `config.webhook`.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookConfig {
    /// Where to.
    pub url: SecretText,
    /// POST, PUT, PATCH or GET.
    pub method: String,
    /// Headers in order.
    pub headers: Vec<(String, SecretText)>,
    /// Own body; none means the documented JSON.
    pub body: Option<Template>,
    /// Key for Standard Webhooks signatures.
    pub signing_secret: Option<SecretRef>,
}

/// How a channel sends, validated.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderConfig {
    /// See [`SlackConfig`].
    Slack(SlackConfig),
    /// See [`DiscordConfig`].
    Discord(DiscordConfig),
    /// See [`TelegramConfig`].
    Telegram(TelegramConfig),
    /// See [`SmtpConfig`].
    Smtp(SmtpConfig),
    /// See [`WebhookConfig`].
    Webhook(WebhookConfig),
    /// See [`GotifyConfig`].
    Gotify(GotifyConfig),
    /// See [`PushoverConfig`].
    Pushover(PushoverConfig),
    /// See [`PagerdutyConfig`].
    Pagerduty(PagerdutyConfig),
    /// See [`AlertmanagerConfig`].
    Alertmanager(AlertmanagerConfig),
    /// See [`AppriseConfig`].
    Apprise(AppriseConfig),
    /// See [`TeamsConfig`].
    Teams(TeamsConfig),
    /// A documented type that this build validates but cannot send through; deliveries fail for
    /// good and the object carries a warning.
    Unsupported(ProviderType),
}

impl ProviderConfig {
    /// Its type.
    pub const fn provider_type(&self) -> ProviderType {
        match self {
            Self::Slack(_) => ProviderType::Slack,
            Self::Discord(_) => ProviderType::Discord,
            Self::Telegram(_) => ProviderType::Telegram,
            Self::Smtp(_) => ProviderType::Smtp,
            Self::Webhook(_) => ProviderType::Webhook,
            Self::Gotify(_) => ProviderType::Gotify,
            Self::Pushover(_) => ProviderType::Pushover,
            Self::Pagerduty(_) => ProviderType::Pagerduty,
            Self::Alertmanager(_) => ProviderType::Alertmanager,
            Self::Apprise(_) => ProviderType::Apprise,
            Self::Teams(_) => ProviderType::Teams,
            Self::Unsupported(provider_type) => *provider_type,
        }
    }
}

impl ProviderConfig {
    /// The URLs and the host that it asks, as they are written, each with its field below `config`.
    pub fn asked(&self) -> Vec<(String, &str)> {
        fn text<'a>(field: &str, text: &'a SecretText) -> (String, &'a str) {
            (field.to_owned(), text.as_written())
        }
        match self {
            Self::Slack(config) => vec![text("slack.webhookUrl", &config.webhook_url)],
            Self::Discord(config) => vec![text("discord.webhookUrl", &config.webhook_url)],
            Self::Teams(config) => vec![text("teams.webhookUrl", &config.webhook_url)],
            Self::Telegram(config) => vec![text("telegram.apiBaseUrl", &config.api_base_url)],
            Self::Smtp(config) => vec![("smtp.host".to_owned(), config.host.as_str())],
            Self::Webhook(config) => vec![text("webhook.url", &config.url)],
            Self::Gotify(config) => vec![text("gotify.url", &config.url)],
            Self::Pushover(config) => vec![text("pushover.apiBaseUrl", &config.api_base_url)],
            Self::Pagerduty(config) => vec![text("pagerduty.apiBaseUrl", &config.api_base_url)],
            Self::Alertmanager(config) => {
                let urls = config.urls.iter().enumerate();
                urls.map(|(index, url)| text(&format!("alertmanager.urls[{index}]"), url)).collect()
            }
            Self::Apprise(config) => {
                config.api_url.iter().map(|url| text("apprise.apiUrl", url)).collect()
            }
            Self::Unsupported(_) => Vec::new(),
        }
    }
}

/// A validated provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// Its name; secrets come from its namespace.
    pub name: ObjectName,
    /// The object's generation.
    pub generation: i64,
    /// False sends nothing: its rows fail for good and fall back.
    pub enabled: bool,
    /// How it sends.
    pub config: ProviderConfig,
    /// Whether a message is sent when it is created or changed.
    pub send_test_message: bool,
    /// Serves monitors of its namespace that no policy matches.
    pub is_default: bool,
    /// Hears of our own trouble.
    pub is_system: bool,
}
