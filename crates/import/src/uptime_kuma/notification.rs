//! Notifications: each becomes a provider, and a policy that sends to it what happens to the
//! monitors with its label.

use kuma_core::id::Kind;
use serde_json::{Map, Value, json};

use super::World;
use super::http::split_headers;
use crate::plan::File;

/// Carries every notification over.
pub(super) fn all(world: &mut World<'_>) {
    let days = world.dump.setting("tlsExpiryNotifyDays");
    for row in world.dump.rows("notification") {
        let Some(id) = row.int("id") else { continue };
        let config = row.json("config").unwrap_or_default();
        let called = row.text("name").or_else(|| config["name"].as_str()).unwrap_or("(no name)");
        world.plan.about("notification", called);
        let kind = config["type"].as_str().unwrap_or("(none)").to_owned();
        let name = world.plan.name(Kind::NotificationProvider, called);
        let Some((provider, settings)) = provider(world, &kind, &Given(&config), &name) else {
            let why = "there is no provider of this type";
            world.plan.lost("type", &kind, why, "See whether `apprise` or `webhook` reaches it");
            continue;
        };
        let active = !row.0.contains_key("active") || row.on("active");
        let spec = json!({
            "type": provider,
            "enabled": (!active).then_some(false),
            "config": { provider: settings },
        });
        world.plan.add(File::Notifications, Kind::NotificationProvider, &name, &json!({}), spec);

        let label = format!("notify-{name}");
        for link in world.dump.rows("monitor_notification") {
            if link.int("notification_id") == Some(id)
                && let Some(monitor) = link.int("monitor_id")
            {
                world.labels.entry(monitor).or_default().push(label.clone());
            }
        }
        let policy = world.plan.name(Kind::NotificationPolicy, called);
        let spec = json!({
            "match": { "matchLabels": { label: "true" } },
            "triggers": days.as_ref().filter(|days| days.is_array()).map(|days| {
                json!({ "onCertExpiring": { "enabled": true, "thresholds": days } })
            }),
            "routing": { "providers": [{ "ref": { "name": name } }] },
        });
        world.plan.add(File::Notifications, Kind::NotificationPolicy, &policy, &json!({}), spec);
        if row.on("is_default") {
            let why = "a new monitor is not attached by itself; give it the label of the policy";
            world.plan.approximate("is_default", "1", why);
        }
    }
}

/// A notification's configuration.
struct Given<'a>(&'a Value);

impl Given<'_> {
    fn text(&self, key: &str) -> Option<String> {
        let text = match &self.0[key] {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    fn int(&self, key: &str) -> Option<i64> {
        self.text(key)?.parse().ok()
    }

    fn on(&self, key: &str) -> bool {
        self.0[key].as_bool().unwrap_or(false)
    }
}

fn provider(
    world: &mut World<'_>,
    kind: &str,
    given: &Given<'_>,
    name: &str,
) -> Option<(&'static str, Value)> {
    let secret = |world: &mut World<'_>, field: &str, key: &str| {
        given.text(field).map(|value| world.plan.secret(name, key, &value))
    };
    for (field, what) in [
        ("slackUseTemplate", "the template"),
        ("discordUseMessageTemplate", "the template"),
        ("telegramUseTemplate", "the template"),
        ("customSubject", "the subject"),
        ("customBody", "the text"),
    ] {
        if given.on(field) || (field.starts_with("custom") && given.text(field).is_some()) {
            let why = format!("{what} is written in another language");
            world.plan.lost(field, "", &why, "Write it into `formatting` of the policy");
        }
    }
    Some(match kind {
        "slack" => (
            "slack",
            json!({
                "webhookUrlSecretRef": secret(world, "slackwebhookURL", "url"),
                "channel": given.text("slackchannel"),
                "username": given.text("slackusername"),
                "iconEmoji": given.text("slackiconemo"),
            }),
        ),
        "discord" => (
            "discord",
            json!({
                "webhookUrlSecretRef": secret(world, "discordWebhookUrl", "url"),
                "username": given.text("discordUsername"),
                "threadId": given.text("threadId"),
            }),
        ),
        "telegram" => (
            "telegram",
            json!({
                "botTokenSecretRef": secret(world, "telegramBotToken", "token"),
                "chatId": given.text("telegramChatID"),
                "messageThreadId": given.int("telegramMessageThreadID"),
                "apiBaseUrl": given.text("telegramServerUrl")
                    .map(|url| url.trim_end_matches('/').to_owned())
                    .filter(|url| url != "https://api.telegram.org"),
            }),
        ),
        "smtp" => ("smtp", smtp(world, given, name)),
        "webhook" => ("webhook", webhook(world, given, name)),
        "gotify" => (
            "gotify",
            json!({
                "url": given.text("gotifyserverurl"),
                "tokenSecretRef": secret(world, "gotifyapplicationToken", "token"),
                "priority": given.int("gotifyPriority"),
            }),
        ),
        "pushover" => {
            let urgent = given.int("pushoverpriority") == Some(2);
            (
                "pushover",
                json!({
                    "userKeySecretRef": secret(world, "pushoveruserkey", "user"),
                    "apiTokenSecretRef": secret(world, "pushoverapptoken", "token"),
                    "priority": given.int("pushoverpriority"),
                    "sound": given.text("pushoversounds"),
                    "device": given.text("pushoverdevice"),
                    "retry": urgent.then_some(30),
                    "expire": urgent.then_some(3600),
                }),
            )
        }
        "apprise" => (
            "apprise",
            json!({
                "urlsSecretRef": secret(world, "appriseURL", "urls"),
            }),
        ),
        "PagerDuty" => (
            "pagerduty",
            json!({
                "routingKeySecretRef": secret(world, "pagerdutyIntegrationKey", "key"),
                "severity": given.text("pagerdutyPriority"),
            }),
        ),
        "teams" => (
            "teams",
            json!({
                "webhookUrlSecretRef": secret(world, "webhookUrl", "url"),
            }),
        ),
        _ => return None,
    })
}

fn smtp(world: &mut World<'_>, given: &Given<'_>, name: &str) -> Value {
    let security = if given.on("smtpSecure") {
        "tls"
    } else if given.on("smtpIgnoreSTARTTLS") {
        "none"
    } else {
        "starttls"
    };
    if given.on("smtpIgnoreTLSError") {
        let why = "the mail server's certificate is always verified";
        world.plan.lost("smtpIgnoreTLSError", "true", why, "Give the server a valid certificate");
    }
    if given.text("smtpBCC").is_some() {
        let why = "there is no blind copy";
        world.plan.lost("smtpBCC", "", why, "Add the addresses to `to` or `cc`");
    }
    if given.text("smtpDkimDomain").is_some() {
        world.plan.lost("smtpDkimDomain", "", "mails are not signed", "Let the mail server sign");
    }
    let list = |field: &str| -> Option<Vec<String>> {
        let text = given.text(field)?;
        Some(
            text.split([',', ';'])
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    };
    let username = given.text("smtpUsername").map(|it| world.plan.secret(name, "username", &it));
    let password = given.text("smtpPassword").map(|it| world.plan.secret(name, "password", &it));
    let password = password.filter(|_| username.is_some());
    json!({
        "host": given.text("smtpHost"), "port": given.int("smtpPort"), "security": security,
        "usernameSecretRef": username, "passwordSecretRef": password,
        "from": given.text("smtpFrom"), "to": list("smtpTo"), "cc": list("smtpCC"),
    })
}

fn webhook(world: &mut World<'_>, given: &Given<'_>, name: &str) -> Value {
    let why = "the body has our fields, not heartbeat, monitor and msg";
    match given.text("webhookContentType").as_deref() {
        Some("custom") => world.plan.lost(
            "webhookCustomBody",
            "",
            "the template is written in another language",
            "Write it as `bodyTemplate`",
        ),
        Some("form-data") => world.plan.lost(
            "webhookContentType",
            "form-data",
            "bodies are JSON",
            "Let the receiver read JSON",
        ),
        _ => world.plan.approximate("webhookContentType", "json", why),
    }
    let headers = given.text("webhookAdditionalHeaders");
    let headers = headers.and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
    let (plain, secret) = match headers {
        Some(map) => split_headers(world, &map, name),
        None => (None, None),
    };
    // The address of a webhook is often all that protects it.
    let url = given.text("webhookURL").map(|url| world.plan.secret(name, "url", &url));
    let method = given.text("httpMethod").map(|method| method.to_uppercase());
    if method.as_deref() == Some("GET") {
        world.plan.lost("httpMethod", "GET", "messages are posted", "Let the receiver take POST");
    }
    let method = method.filter(|method| method == "PUT");
    json!({ "urlSecretRef": url, "method": method, "headers": plain, "headersFrom": secret })
}
