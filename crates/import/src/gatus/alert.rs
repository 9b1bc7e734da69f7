//! Alerts: `alerting.<type>` becomes a provider, and each way of using it a policy.

use kuma_core::id::Kind;
use serde_json::{Map, Value, json};

use super::{World, items, text};
use crate::go;
use crate::plan::File;
use crate::uptime_kuma::is_credential;

/// What the alerts of an endpoint ask of its monitor.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Labels that policies match.
    pub(super) labels: Map<String, Value>,
    /// Failures before somebody is told.
    pub(super) failures: Option<i64>,
    /// Successes before it is over.
    pub(super) successes: Option<i64>,
}

/// Makes providers and policies for an endpoint's alerts.
pub(super) fn carry(world: &mut World<'_>, endpoint: &Value) -> Asked {
    let mut asked = Asked::default();
    for alert in items(&endpoint["alerts"]) {
        let Some(kind) = text(alert, "type") else { continue };
        let merged = with_defaults(alert, &world.config["alerting"][kind]["default-alert"]);
        if merged["enabled"] == json!(false) {
            continue;
        }
        let Some(provider) = provider(world, kind) else { continue };
        if !merged["provider-override"].is_null() {
            let why = "an alert cannot change its provider";
            world.plan.lost("alerts.provider-override", "", why, "Write a provider of its own");
        }
        let at_least = |kept: Option<i64>, value: i64| Some(kept.map_or(value, |it| it.min(value)));
        let number = |key: &str, default| merged[key].as_i64().unwrap_or(default).clamp(1, 100);
        asked.failures = at_least(asked.failures, number("failure-threshold", 3));
        asked.successes = at_least(asked.successes, number("success-threshold", 2));
        let label = policy(world, kind, &provider, &merged);
        asked.labels.insert(label, json!("true"));
    }
    asked
}

fn with_defaults(alert: &Value, defaults: &Value) -> Value {
    let mut merged = defaults.as_object().cloned().unwrap_or_default();
    merged.extend(alert.as_object().cloned().unwrap_or_default());
    Value::Object(merged)
}

/// A policy for this provider with these habits; made once.
fn policy(world: &mut World<'_>, kind: &str, provider: &str, alert: &Value) -> String {
    let resolved = alert["send-on-resolved"].as_bool().unwrap_or(false);
    let every = text(alert, "minimum-reminder-interval").and_then(go::seconds);
    let minutes = every.filter(|seconds| *seconds > 0.0).map(|it| (it / 60.0).ceil().min(10_080.0));
    let habits = format!("{provider} {resolved} {minutes:?}");
    if let Some(label) = world.policies.get(&habits) {
        return label.clone();
    }
    let mut wanted = kind.to_owned();
    if !resolved {
        wanted.push_str("-down-only");
    }
    let name = world.plan.name(Kind::NotificationPolicy, &wanted);
    let label = format!("alert-{name}");
    #[expect(clippy::cast_possible_truncation, reason = "bounded above and not negative")]
    let minutes = minutes.map(|minutes| minutes as i64);
    let spec = json!({
        "match": { "matchLabels": { label.clone(): "true" } },
        "triggers": { "onUp": resolved },
        "routing": {
            "providers": [{ "ref": { "name": provider } }],
            "resend": minutes.map(|minutes| json!({ "resendIntervalMinutes": minutes })),
        },
    });
    world.plan.add(File::Notifications, Kind::NotificationPolicy, &name, &json!({}), spec);
    world.policies.insert(habits, label.clone());
    label
}

/// The provider of a type; made once.
fn provider(world: &mut World<'_>, kind: &str) -> Option<String> {
    if let Some(known) = world.providers.get(kind) {
        return known.clone();
    }
    let config = world.config["alerting"][kind].clone();
    let name = config.is_object().then(|| world.plan.name(Kind::NotificationProvider, kind));
    let made = name.and_then(|name| {
        let (provider, settings) = settings(world, kind, &config, &name)?;
        let spec = json!({ "type": provider, "config": { provider: settings } });
        world.warn_of_variables(&format!("alerting.{kind}"), &config);
        if !config["overrides"].is_null() {
            let why = "there is one provider for all groups";
            world.plan.lost("overrides", "", why, "Write a provider and a policy for the group");
        }
        world.plan.add(File::Notifications, Kind::NotificationProvider, &name, &json!({}), spec);
        Some(name)
    });
    if made.is_none() {
        let why = if config.is_object() {
            "there is no provider of this type"
        } else {
            "`alerting` does not configure it"
        };
        world.plan.lost("alerts.type", kind, why, "See whether `apprise` or `webhook` reaches it");
    }
    world.providers.insert(kind.to_owned(), made.clone());
    made
}

fn settings(
    world: &mut World<'_>,
    kind: &str,
    config: &Value,
    name: &str,
) -> Option<(&'static str, Value)> {
    let mut secret = |field: &str, key: &str| {
        text(config, field).map(|value| world.plan.secret(name, key, value))
    };
    Some(match kind {
        "slack" => ("slack", json!({ "webhookUrlSecretRef": secret("webhook-url", "url") })),
        "discord" => ("discord", json!({ "webhookUrlSecretRef": secret("webhook-url", "url") })),
        "teams" | "teams-workflows" => {
            ("teams", json!({ "webhookUrlSecretRef": secret("webhook-url", "url") }))
        }
        "telegram" => (
            "telegram",
            json!({
                "botTokenSecretRef": secret("token", "token"),
                "chatId": text(config, "id"),
                "messageThreadId": text(config, "topic-id").and_then(|id| id.parse::<i64>().ok()),
                "apiBaseUrl": text(config, "api-url"),
            }),
        ),
        "pagerduty" => {
            ("pagerduty", json!({ "routingKeySecretRef": secret("integration-key", "key") }))
        }
        "gotify" => (
            "gotify",
            json!({
                "url": text(config, "server-url"),
                "tokenSecretRef": secret("token", "token"),
                "priority": config["priority"].as_i64(),
            }),
        ),
        "pushover" => (
            "pushover",
            json!({
                "userKeySecretRef": secret("user-key", "user"),
                "apiTokenSecretRef": secret("application-token", "token"),
                "priority": config["priority"].as_i64(),
                "sound": text(config, "sound"),
                "device": text(config, "device"),
            }),
        ),
        "email" => {
            let to: Vec<&str> = text(config, "to")
                .into_iter()
                .flat_map(|to| to.split(','))
                .map(str::trim)
                .collect();
            let port = config["port"].as_i64();
            let username = text(config, "username").or_else(|| text(config, "from"));
            let password = secret("password", "password");
            let username = username
                .filter(|_| password.is_some())
                .map(|value| world.plan.secret(name, "username", value));
            (
                "smtp",
                json!({
                    "host": text(config, "host"), "port": port,
                    "security": if port == Some(465) { "tls" } else { "starttls" },
                    "usernameSecretRef": username, "passwordSecretRef": password,
                    "from": text(config, "from"), "to": to,
                }),
            )
        }
        "custom" => ("webhook", custom(world, config, name)),
        _ => return None,
    })
}

fn custom(world: &mut World<'_>, config: &Value, name: &str) -> Value {
    if text(config, "body").is_some() {
        let why = "the placeholders of the body are others";
        world.plan.lost("custom.body", "", why, "Write it as `bodyTemplate`");
    }
    let (mut plain, mut secrets) = (Map::new(), Vec::new());
    for (header, value) in config["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if is_credential(header) {
            let key = format!("header-{}", crate::names::slug(header));
            let at = world.plan.secret(name, &key, value);
            secrets.push(json!({ "name": header, "valueFromSecretRef": at }));
        } else {
            plain.insert(header.clone(), json!(value));
        }
    }
    let method = text(config, "method").map(str::to_uppercase).filter(|method| method == "PUT");
    json!({
        "urlSecretRef": text(config, "url").map(|url| world.plan.secret(name, "url", url)),
        "method": method,
        "headers": plain,
        "headersFrom": (!secrets.is_empty()).then_some(secrets),
    })
}
