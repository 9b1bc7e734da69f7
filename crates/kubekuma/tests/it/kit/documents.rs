//! Documents of our kinds, as short as scenarios can write them.

#![expect(clippy::needless_pass_by_value, reason = "scenarios write their values in place")]

use serde_json::{Value, json};

fn document(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": kind,
        "metadata": { "name": name },
        "spec": spec,
    })
}

/// Settings under which a test is quick: checks each second, and no flapping because tests
/// toggle their targets more than services do.
pub(crate) fn settings() -> Value {
    settings_with(json!({}))
}

/// The same with more.
pub(crate) fn settings_with(more: Value) -> Value {
    let mut spec =
        json!({ "scheduler": { "minIntervalSeconds": 1, "flapping": { "enabled": false } } });
    merge(&mut spec, more);
    document("KubeKumaSettings", "kubekuma", spec)
}

/// A monitor that runs each second: `target` is what stands below `target.<type>`.
pub(crate) fn monitor(name: &str, check_type: &str, target: Value) -> Value {
    monitor_with(name, check_type, target, json!({}))
}

/// The same with more of the spec.
pub(crate) fn monitor_with(name: &str, check_type: &str, target: Value, more: Value) -> Value {
    let mut spec = json!({
        "type": check_type,
        "schedule": { "intervalSeconds": 1 },
        "target": { check_type: target },
    });
    merge(&mut spec, more);
    document("Monitor", name, spec)
}

/// A monitor of a web page.
pub(crate) fn web(name: &str, url: &str) -> Value {
    monitor(name, "http", json!({ "url": url }))
}

pub(crate) fn webhook(name: &str, url: &str) -> Value {
    provider(name, "webhook", json!({ "url": url }))
}

pub(crate) fn mail(name: &str, port: u16) -> Value {
    let config = json!({
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "from": "KubeKuma <kuma@example.com>",
        "to": ["oncall@example.com"],
    });
    provider(name, "smtp", config)
}

pub(crate) fn provider(name: &str, provider_type: &str, config: Value) -> Value {
    let spec = json!({ "type": provider_type, "config": { provider_type: config } });
    document("NotificationProvider", name, spec)
}

/// Tells these providers of everything.
pub(crate) fn policy(providers: &[&str]) -> Value {
    let refs: Vec<_> = providers.iter().map(|name| json!({ "ref": { "name": name } })).collect();
    document("NotificationPolicy", "all", json!({ "match": {}, "routing": { "providers": refs } }))
}

/// A Secret that objects of KubeKuma's own namespace may use.
pub(crate) fn secret(name: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "labels": { "kubekuma.io/use": "true" } },
        "stringData": data,
    })
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
