//! `NotificationProvider`: a channel that messages go through.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{Condition, HeaderFrom, SecretKeyRef, TextMap};
use super::rules::rules;

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
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
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

/// `config.slack`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("webhookUrlSecretRef", "webhookUrl")))]
pub struct SlackSpec {
    /// Secret with the incoming webhook's address.
    pub webhook_url_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub webhook_url: Option<String>,
    /// Channel instead of the webhook's own, where Slack allows it. Default: the webhook's.
    #[schemars(length(min = 1, max = 256))]
    pub channel: Option<String>,
    /// Sender that is shown. Default: the webhook's.
    #[schemars(length(min = 1, max = 256))]
    pub username: Option<String>,
    /// Icon as `:name:`. Default: the webhook's.
    #[schemars(length(min = 1, max = 256))]
    pub icon_emoji: Option<String>,
}

/// `config.discord`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("webhookUrlSecretRef", "webhookUrl")))]
pub struct DiscordSpec {
    /// Secret with the webhook's address.
    pub webhook_url_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub webhook_url: Option<String>,
    /// Sender that is shown. Default: the webhook's.
    #[schemars(length(min = 1, max = 80))]
    pub username: Option<String>,
    /// Address of the sender's picture. Default: the webhook's.
    #[schemars(length(min = 1, max = 2048))]
    pub avatar_url: Option<String>,
    /// Thread to write to. Default: the channel itself.
    #[schemars(length(min = 1, max = 64))]
    pub thread_id: Option<String>,
}

/// `config.telegram`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = both(
    &one_of("botTokenSecretRef", "botToken"),
    &one_of("chatId", "chatIdSecretRef"),
)))]
pub struct TelegramSpec {
    /// Secret with the bot's token.
    pub bot_token_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub bot_token: Option<String>,
    /// Chat to write to, a number in quotes or `@channel`.
    #[schemars(length(min = 1, max = 256))]
    pub chat_id: Option<String>,
    /// Secret with the chat to write to.
    pub chat_id_secret_ref: Option<SecretKeyRef>,
    /// How text is marked up. Default: `HTML`.
    pub parse_mode: Option<TelegramParseMode>,
    /// Topic of a forum to write to. Default: none.
    #[schemars(range(min = 1))]
    pub message_thread_id: Option<i64>,
    /// Address of the Bot API. Default: `https://api.telegram.org`.
    #[schemars(length(min = 1, max = 2048))]
    pub api_base_url: Option<String>,
}

/// How Telegram reads mark-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TelegramParseMode {
    /// HTML.
    #[serde(rename = "HTML")]
    Html,
    /// The old Markdown.
    Markdown,
    /// Markdown, version 2.
    MarkdownV2,
}

/// `config.smtp`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.username) || !has(self.usernameSecretRef)",
        "set only one of username and usernameSecretRef",
    ),
    (
        "!has(self.password) || !has(self.passwordSecretRef)",
        "set only one of password and passwordSecretRef",
    ),
    (
        "(has(self.username) || has(self.usernameSecretRef)) == (has(self.password) || has(self.passwordSecretRef))",
        "user name and password need each other",
    ),
])))]
pub struct SmtpSpec {
    /// The mail server.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Its port. Default: `587` with starttls, `465` with tls, `25` with none.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// How mail is protected on its way. Default: `starttls`.
    pub security: Option<SmtpSecuritySpec>,
    /// Secret with the user name. Default: none, no sign-in.
    pub username_secret_ref: Option<SecretKeyRef>,
    /// User name as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub username: Option<String>,
    /// Secret with the password.
    pub password_secret_ref: Option<SecretKeyRef>,
    /// Password as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub password: Option<String>,
    /// Sender, an address or `Name <address>`.
    #[schemars(length(min = 3, max = 512))]
    pub from: String,
    /// Recipients.
    #[schemars(length(min = 1, max = 100), inner(length(min = 3, max = 512)))]
    pub to: Vec<String>,
    /// More recipients. Default: none.
    #[schemars(length(max = 100), inner(length(min = 3, max = 512)))]
    pub cc: Option<Vec<String>>,
    /// Where answers go. Default: the sender.
    #[schemars(length(min = 3, max = 512))]
    pub reply_to: Option<String>,
}

/// How mail is protected on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecuritySpec {
    /// In the clear.
    None,
    /// STARTTLS; a server without it is refused.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// `config.webhook`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("url", "urlSecretRef")))]
pub struct WebhookSpec {
    /// Address. May hold `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: Option<String>,
    /// Secret with the address.
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Request method. Default: `POST`.
    pub method: Option<WebhookMethod>,
    /// Headers to send. Values may hold `${SECRET:name:key}`.
    #[schemars(extend("maxProperties" = 64))]
    pub headers: Option<TextMap>,
    /// Headers whose values come from Secrets.
    #[schemars(length(max = 64))]
    pub headers_from: Option<Vec<HeaderFrom>>,
    /// Template of the body. Default: the documented JSON.
    #[schemars(length(min = 1, max = 65_536))]
    pub body_template: Option<String>,
    /// Secret with the key for signatures as Standard Webhooks has them. Default: unsigned.
    pub signing_secret_ref: Option<SecretKeyRef>,
}

/// Method of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum WebhookMethod {
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// GET, without a body.
    Get,
}

/// `config.gotify`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = both(
    &one_of("url", "urlSecretRef"),
    &one_of("tokenSecretRef", "token"),
)))]
pub struct GotifySpec {
    /// Address of the server.
    #[schemars(length(min = 1, max = 2048))]
    pub url: Option<String>,
    /// Secret with the address.
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Secret with the application's token.
    pub token_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub token: Option<String>,
    /// Priority of messages. Default: `8` for outages, `4` for the rest.
    #[schemars(range(min = 0, max = 10))]
    pub priority: Option<i32>,
}

/// `config.pushover`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = both(
    &both(&one_of("userKeySecretRef", "userKey"), &one_of("apiTokenSecretRef", "apiToken")),
    &rules(&[(
        "!has(self.priority) || self.priority != 2 || (has(self.retry) && has(self.expire))",
        "priority 2 needs retry and expire",
    )]),
)))]
pub struct PushoverSpec {
    /// Secret with the user's or group's key.
    pub user_key_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub user_key: Option<String>,
    /// Secret with the application's token.
    pub api_token_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub api_token: Option<String>,
    /// Priority, -2 to 2. Default: `1` for outages, `0` for the rest.
    #[schemars(range(min = -2, max = 2))]
    pub priority: Option<i32>,
    /// Sound. Default: the user's.
    #[schemars(length(min = 1, max = 64))]
    pub sound: Option<String>,
    /// Device. Default: all of the user's.
    #[schemars(length(min = 1, max = 64))]
    pub device: Option<String>,
    /// Seconds between repeats at priority 2.
    #[schemars(range(min = 30, max = 10_800))]
    pub retry: Option<i32>,
    /// Seconds after which repeats end at priority 2.
    #[schemars(range(min = 30, max = 10_800))]
    pub expire: Option<i32>,
    /// Address of the API. Default: `https://api.pushover.net`.
    #[schemars(length(min = 1, max = 2048))]
    pub api_base_url: Option<String>,
}

/// `config.apprise`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("urls", "urlsSecretRef")))]
pub struct AppriseSpec {
    /// Apprise addresses; they hold credentials, so each needs a `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 2048)))]
    pub urls: Option<Vec<String>>,
    /// Secret with the addresses, one in a line.
    pub urls_secret_ref: Option<SecretKeyRef>,
    /// Address of an Apprise API server. Default: the `apprise` program is run.
    #[schemars(length(min = 1, max = 2048))]
    pub api_url: Option<String>,
}

/// `config.alertmanager`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("url", "urlSecretRef")))]
pub struct AlertmanagerSpec {
    /// Address of the Alertmanager (API version 2).
    #[schemars(length(min = 1, max = 2048))]
    pub url: Option<String>,
    /// Secret with the address.
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Labels added to every alert. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    pub labels: Option<TextMap>,
}

/// `config.pagerduty`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("routingKeySecretRef", "routingKey")))]
pub struct PagerdutySpec {
    /// Secret with the integration's routing key.
    pub routing_key_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub routing_key: Option<String>,
    /// Severity of outages. Default: `critical`.
    pub severity: Option<PagerdutySeverity>,
    /// Address of the Events API. Default: `https://events.pagerduty.com`.
    #[schemars(length(min = 1, max = 2048))]
    pub api_base_url: Option<String>,
}

/// Severity of an event at PagerDuty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PagerdutySeverity {
    /// Critical.
    Critical,
    /// Error.
    Error,
    /// Warning.
    Warning,
    /// Info.
    Info,
}

/// `config.teams`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = one_of("webhookUrlSecretRef", "webhookUrl")))]
pub struct TeamsSpec {
    /// Secret with the workflow's address.
    pub webhook_url_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub webhook_url: Option<String>,
}

/// The rule that exactly one of two fields is set.
fn one_of(a: &str, b: &str) -> Value {
    rules(&[(
        &format!("has(self.{a}) != has(self.{b})"),
        &format!("set either {a} or {b}"),
    )])
}

/// The rules of both lists.
fn both(a: &Value, b: &Value) -> Value {
    [a, b]
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .cloned()
        .collect()
}

/// Whether a provider works.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationProviderStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16))]
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
