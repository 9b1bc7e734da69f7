//! One object for every place in which a secret may be configured. A new type is one line here;
//! the test says which place of the schema is missing.

use serde_json::{Value, json};

use super::echo::Echo;
use super::plant::Garden;
use crate::kit::documents::{monitor, monitor_with, policy, provider, settings_with};

/// The documents; `echo` is target, proxy and receiver at once.
pub(super) fn documents(garden: &mut Garden, echo: &Echo, mail: u16) -> Vec<Value> {
    let mut all = monitors(garden, &echo.place(), &format!("http://{}", echo.place()));
    let set = set(garden, &all);
    all.extend(alike(&all));
    all.push(set);
    let providers = providers(garden, &format!("http://{}", echo.place()), mail);
    let mut names: Vec<_> =
        providers.iter().map(|it| it["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    names.push("plain".to_owned());
    all.push(provider(
        "plain",
        "webhook",
        json!({ "url": format!("http://{}/plain", echo.place()) }),
    ));
    all.extend(providers);
    all.push(policy(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let metrics = garden.with("settings", "metrics", |core| format!("scraper:{core}"));
    let heartbeat = garden
        .with("settings", "heartbeat", |core| format!("http://{}/heartbeat/{core}", echo.place()));
    all.push(settings_with(json!({
        "heartbeatUrlSecretRef": heartbeat,
        "publicEndpoints": { "metrics": { "authMode": "basic", "basicAuthSecretRef": metrics } },
    })));
    all
}

/// What the checks of type http with a Secret are, as those of the types that ask in the same way.
fn alike(monitors: &[Value]) -> Vec<Value> {
    let https = monitors.iter().filter(|it| it["spec"]["type"] == "http");
    let with_secret = https
        .filter(|it| ["SecretRef", "${SECRET"].iter().any(|sign| it.to_string().contains(sign)));
    let kinds =
        [("keyword", json!({ "keyword": "never said" })), ("jsonQuery", json!({ "query": "$.a" }))];
    with_secret
        .flat_map(|it| {
            kinds.iter().map(move |(kind, more)| {
                let mut target = it["spec"]["target"]["http"].clone();
                let more = more.as_object().unwrap().clone();
                target.as_object_mut().unwrap().extend(more);
                let name = it["metadata"]["name"].as_str().unwrap();
                let name = format!("{}-{name}", kind.to_lowercase());
                monitor_with(&name, kind, target, rarely())
            })
        })
        .collect()
}

/// Everything once more as items of a set. A token opens one monitor only.
fn set(g: &mut Garden, monitors: &[Value]) -> Value {
    let mut items = Vec::new();
    for monitor in monitors.iter().chain(&alike(monitors)) {
        let mut item = monitor["spec"].clone();
        item["name"] = monitor["metadata"]["name"].clone();
        item["schedule"] = rarely()["schedule"].clone();
        if item["type"] == "push" {
            item["target"]["push"]["tokenSecretRef"] = g.token("set-job", "token");
        }
        items.push(item);
    }
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": "MonitorSet",
        "metadata": { "name": "set" },
        "spec": { "items": items },
    })
}

fn rarely() -> Value {
    json!({ "schedule": { "intervalSeconds": 10, "timeoutSeconds": 1 } })
}

fn monitors(g: &mut Garden, place: &str, base: &str) -> Vec<Value> {
    let url = |name: &str| format!("{base}/m/{name}");
    let http = |name: &str, mut more: Value| {
        more["url"] = more.get("url").cloned().unwrap_or_else(|| url(name).into());
        monitor_with(name, "http", more, json!({ "schedule": { "timeoutSeconds": 1 } }))
    };
    let proxy = |g: &mut Garden, name: &str, mode: &str, scheme: &str| {
        let at = g.with(name, "proxy", |core| format!("{scheme}://user:{core}@{place}"));
        http(
            name,
            json!({ "url": "http://127.0.0.1:9/m/x", "proxy": { "mode": mode, "urlFromSecretRef": at } }),
        )
    };
    vec![
        http("bearer", json!({ "auth": { "bearerSecretRef": g.at("bearer", "token") } })),
        http(
            "basic",
            json!({ "auth": { "basic": {
            "usernameSecretRef": g.token("basic", "user"),
            "passwordSecretRef": g.at("basic", "password"),
        } } }),
        ),
        http(
            "oauth",
            json!({ "auth": { "oauth2": {
            "tokenUrl": format!("{base}/token/{}", g.inline("oauth", "path")),
            "clientIdSecretRef": g.token("oauth", "id"),
            "clientSecretRef": g.at("oauth", "secret"),
        } } }),
        ),
        http(
            "headers",
            json!({
                "headers": { "X-Inline": format!("a {} z", g.inline("headers", "inline")) },
                "headersFrom": [{ "name": "X-From", "valueFromSecretRef": g.token("headers", "from") }],
            }),
        ),
        http(
            "query",
            json!({ "url": format!("{base}/m/query?key={}&b=c", g.inline("query", "key")) }),
        ),
        http(
            "userinfo",
            json!({ "url": format!("http://me:{}@{place}/m/userinfo", g.inline("userinfo", "word")) }),
        ),
        http(
            "body",
            json!({ "method": "POST", "body": format!("say {}", g.inline("body", "text")) }),
        ),
        http("form", json!({ "method": "POST", "bodyForm": { "key": g.inline("form", "field") } })),
        http("json", json!({ "method": "POST", "bodyJson": { "key": g.inline("json", "field") } })),
        http(
            "identity",
            json!({
                "url": format!("https://{place}/m/identity"),
                "tls": { "clientCertSecretRef": g.at("identity", "key") },
            }),
        ),
        proxy(g, "via-http", "http", "http"),
        proxy(g, "via-socks", "socks5", "socks5"),
        monitor(
            "keyword",
            "keyword",
            json!({
                "url": url("keyword"), "keyword": "never said", "headers": { "X-Key": g.inline("keyword", "key") },
            }),
        ),
        monitor(
            "queried",
            "jsonQuery",
            json!({
                "url": url("queried"), "query": "$.a", "headers": { "X-Key": g.inline("queried", "key") },
            }),
        ),
        monitor(
            "socket",
            "tcp",
            json!({
                "host": "127.0.0.1", "port": port_of(place), "expect": "never said",
                "send": format!("GET /m/socket?{} HTTP/1.1\r\n\r\n", g.inline("socket", "word")),
            }),
        ),
        monitor(
            "handshake",
            "websocket",
            json!({
                "url": format!("ws://{place}/m/handshake?{}", g.inline("handshake", "query")),
                "headers": { "X-Key": g.inline("handshake", "key") }, "message": g.inline("handshake", "message"),
            }),
        ),
        monitor(
            "grpc",
            "grpc",
            json!({
                "address": place, "tls": { "clientCertSecretRef": g.at("grpc", "key") },
                "metadata": { "x-key": g.inline("grpc", "metadata") },
            }),
        ),
        monitor(
            "tcp-tls",
            "tcp",
            json!({
                "host": "127.0.0.1", "port": port_of(place),
                "tls": { "enabled": true, "clientCertSecretRef": g.at("tcp-tls", "key") },
            }),
        ),
        monitor(
            "tls",
            "tls",
            json!({
                "host": "127.0.0.1", "port": port_of(place), "clientCertSecretRef": g.at("tls", "key"),
            }),
        ),
        monitor(
            "socket-tls",
            "websocket",
            json!({
                "url": format!("wss://{place}/m/socket-tls"), "tls": { "clientCertSecretRef": g.at("socket-tls", "key") },
            }),
        ),
        monitor(
            "socket-proxied",
            "websocket",
            json!({
                "url": "ws://127.0.0.1:9/m/x",
                "proxy": { "mode": "http", "urlFromSecretRef": g.with("socket-proxied", "proxy", |core| {
                    format!("http://user:{core}@{place}")
                }) },
            }),
        ),
        monitor(
            "names",
            "dns",
            json!({
                "domain": "example.com", "protocol": "tls", "server": place,
                "tls": { "clientCertSecretRef": g.at("names", "key") },
            }),
        ),
        http(
            "digest",
            json!({ "auth": { "digest": {
                "usernameSecretRef": g.token("digest", "user"),
                "passwordSecretRef": g.at("digest", "password"),
            } } }),
        ),
        monitor(
            "docker",
            "docker",
            json!({
                "container": "web", "engine": format!("https://{place}"),
                "tls": { "clientCertSecretRef": g.at("docker", "key") },
            }),
        ),
        monitor("job", "push", json!({ "tokenSecretRef": g.token("job", "token") })),
    ]
}

fn port_of(place: &str) -> u16 {
    place.rsplit(':').next().unwrap().parse().unwrap()
}

fn providers(g: &mut Garden, base: &str, mail: u16) -> Vec<Value> {
    let url =
        |g: &mut Garden, name: &str| g.with(name, "url", |core| format!("{base}/p/{name}/{core}"));
    vec![
        provider(
            "hook",
            "webhook",
            json!({
                "urlSecretRef": url(g, "hook"),
                "signingSecretRef": g.token("hook", "signing"),
                "headers": { "X-Inline": g.inline("hook", "inline") },
                "headersFrom": [{ "name": "X-From", "valueFromSecretRef": g.token("hook", "from") }],
            }),
        ),
        provider("slack", "slack", json!({ "webhookUrlSecretRef": url(g, "slack") })),
        provider(
            "discord",
            "discord",
            json!({
                "webhookUrlSecretRef": url(g, "discord"),
                "avatarUrl": format!("{base}/p/discord/{}", g.inline("discord", "avatar")),
            }),
        ),
        provider("teams", "teams", json!({ "webhookUrlSecretRef": url(g, "teams") })),
        provider(
            "alertmanager",
            "alertmanager",
            json!({
                "urlSecretRef": url(g, "alertmanager"),
                "bearerTokenSecretRef": g.token("alertmanager", "bearer"),
            }),
        ),
        provider(
            "alerts",
            "alertmanager",
            json!({
                "urlSecretRef": url(g, "alerts"),
                "usernameSecretRef": g.token("alerts", "user"),
                "passwordSecretRef": g.at("alerts", "password"),
            }),
        ),
        provider(
            "apprise",
            "apprise",
            json!({ "apiUrl": format!("{base}/p/apprise/{}", g.inline("apprise", "base")), "urlsSecretRef": g.with("apprise", "urls", |core| format!("json://x:{core}@127.0.0.1:9")) }),
        ),
        provider(
            "gotify",
            "gotify",
            json!({ "urlSecretRef": url(g, "gotify"), "tokenSecretRef": g.token("gotify", "token") }),
        ),
        provider(
            "telegram",
            "telegram",
            json!({
                "apiBaseUrl": format!("{base}/p/telegram/{}", g.inline("telegram", "base")),
                "botTokenSecretRef": g.with("telegram", "token", |core| format!("12345:{core}")),
                "chatIdSecretRef": g.token("telegram", "chat"),
            }),
        ),
        provider(
            "pushover",
            "pushover",
            json!({
                "apiBaseUrl": format!("{base}/p/pushover/{}", g.inline("pushover", "base")),
                "userKeySecretRef": g.token("pushover", "user"),
                "apiTokenSecretRef": g.token("pushover", "token"),
            }),
        ),
        provider(
            "pagerduty",
            "pagerduty",
            json!({ "apiBaseUrl": format!("{base}/p/pagerduty/{}", g.inline("pagerduty", "base")), "routingKeySecretRef": g.token("pagerduty", "key") }),
        ),
        provider(
            "mail",
            "smtp",
            json!({
                "host": "127.0.0.1", "port": mail, "security": "none",
                "from": "kuma@example.com", "to": ["oncall@example.com"],
                "usernameSecretRef": g.token("mail", "user"), "passwordSecretRef": g.at("mail", "password"),
            }),
        ),
    ]
}
