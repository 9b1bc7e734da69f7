//! `NotificationProvider`: a channel that messages go through.

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

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::Condition;
use super::rules::rules;

pub use alertmanager::AlertmanagerSpec;
pub use apprise::AppriseSpec;
pub use discord::DiscordSpec;
pub use gotify::GotifySpec;
pub use pagerduty::{PagerdutySeverity, PagerdutySpec};
pub use pushover::PushoverSpec;
pub use slack::SlackSpec;
pub use smtp::{SmtpSecuritySpec, SmtpSpec};
pub use teams::TeamsSpec;
pub use telegram::{TelegramParseMode, TelegramSpec};
pub use webhook::{WebhookMethod, WebhookSpec};

/// A channel that messages go through.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "NotificationProvider",
    plural = "notificationproviders",
    namespaced,
    status = "NotificationProviderStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kprov",
    doc = "A channel that messages go through: chat, mail, webhook, pager.",
    selectable = ".spec.type",
    printcolumn(
        name = "Type",
        type_ = "string",
        json_path = ".spec.type",
        description = "What kind of channel it is"
    ),
    printcolumn(
        name = "Healthy",
        type_ = "boolean",
        json_path = ".status.isHealthy",
        description = "Whether the last delivery or test worked"
    ),
    printcolumn(
        name = "Error",
        type_ = "string",
        json_path = ".status.lastError",
        description = "What went wrong"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = config_rules()))]
pub struct NotificationProviderSpec {
    /// What kind of channel it is; `config` needs the key of the same name.
    #[serde(rename = "type")]
    pub type_: ProviderTypeSpec,
    /// Whether anything is sent. Default: `true`.
    pub enabled: Option<bool>,
    /// How it sends, under the key that `type` names.
    pub config: ProviderConfigSpec,
    /// Whether a message is sent when the provider is created or changed. Without it only the
    /// connection is tried. Default: `false`.
    pub send_test_message: Option<bool>,
}

const PAIRS: [&str; 11] = [
    "slack",
    "discord",
    "telegram",
    "smtp",
    "webhook",
    "gotify",
    "pushover",
    "apprise",
    "alertmanager",
    "pagerduty",
    "teams",
];

fn config_rules() -> Value {
    let list: Vec<(String, String)> = PAIRS
        .iter()
        .map(|name| {
            (
                format!("(self.type == '{name}') == has(self.config.{name})"),
                format!("config.{name} and type {name} need each other"),
            )
        })
        .collect();
    let borrowed: Vec<(&str, &str)> = list.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    rules(&borrowed)
}

/// What kind of channel a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum ProviderTypeSpec {
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

/// How a channel sends; exactly the key that `type` names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderConfigSpec {
    /// For type slack.
    pub slack: Option<SlackSpec>,
    /// For type discord.
    pub discord: Option<DiscordSpec>,
    /// For type telegram.
    pub telegram: Option<TelegramSpec>,
    /// For type smtp.
    pub smtp: Option<SmtpSpec>,
    /// For type webhook.
    pub webhook: Option<WebhookSpec>,
    /// For type gotify.
    pub gotify: Option<GotifySpec>,
    /// For type pushover.
    pub pushover: Option<PushoverSpec>,
    /// For type apprise.
    pub apprise: Option<AppriseSpec>,
    /// For type alertmanager.
    pub alertmanager: Option<AlertmanagerSpec>,
    /// For type pagerduty.
    pub pagerduty: Option<PagerdutySpec>,
    /// For type teams.
    pub teams: Option<TeamsSpec>,
}

/// The rule that exactly one of two fields is set.
fn one_of(a: &str, b: &str) -> Value {
    rules(&[(&format!("has(self.{a}) != has(self.{b})"), &format!("set either {a} or {b}"))])
}

/// The rules of both lists.
fn both(a: &Value, b: &Value) -> Value {
    [a, b].into_iter().filter_map(Value::as_array).flatten().cloned().collect()
}

/// Whether a provider works.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationProviderStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// Whether the last delivery or test worked.
    pub is_healthy: Option<bool>,
    /// When it was last tested (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_test_at: Option<String>,
    /// What went wrong last.
    #[schemars(length(max = 1024))]
    pub last_error: Option<String>,
}
