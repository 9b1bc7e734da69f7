//! Endpoints, by the scheme of their URL, and external ones.

use kuma_core::id::Kind;
use serde_json::{Map, Value, json};

use super::condition::{self, Criteria};
use super::{World, alert, items, maintenance, text};
use crate::cel;
use crate::go;
use crate::plan::File;
use crate::uptime_kuma::{is_credential, literal};

/// Carries an endpoint over.
pub(super) fn carry(world: &mut World<'_>, endpoint: &Value) {
    let called = text(endpoint, "name").unwrap_or("(no name)");
    let group = text(endpoint, "group").unwrap_or_default();
    world.plan.about("endpoint", called);
    let url = text(endpoint, "url").unwrap_or_default();
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let dns = !endpoint["dns"].is_null();
    let http = !dns && matches!(scheme, "http" | "https");
    let conditions = items(&endpoint["conditions"]).filter_map(Value::as_str);
    let criteria = condition::read(conditions, http);
    let wanted = if group.is_empty() { called.to_owned() } else { format!("{group} {called}") };
    let name = world.plan.name(Kind::Monitor, &wanted);
    world.warn_of_variables("endpoint", endpoint);
    let made = if dns {
        Some(dns_target(endpoint, url, &criteria))
    } else {
        match scheme {
            "http" | "https" => Some(http_target(world, endpoint, &name, &criteria)),
            _ => plain_target(world, endpoint, url, scheme, &criteria),
        }
    };
    let Some((check_type, target, success)) = made else {
        let why = "there is no check of this type";
        world.plan.lost("url", url, why, "Let a job check it and push the result");
        return;
    };
    for condition in &criteria.lost {
        let why = "it cannot be said here";
        world.plan.lost("conditions", condition, why, "See `successCriteria`");
    }
    // Of a `tls` check the certificate's end is part of the target.
    let said = |cel: &&String| check_type == "tls" && cel.starts_with("certDays");
    let unsaid: Vec<&str> =
        criteria.cel.iter().filter(|cel| !said(cel)).map(String::as_str).collect();
    if !http && !unsaid.is_empty() {
        let cel = unsaid.join(" && ");
        world.plan.lost("conditions", &cel, "it is about an HTTP answer", "See `successCriteria`");
    }
    let asked = alert::carry(world, endpoint);
    let interval = go::whole_seconds(&endpoint["interval"], 10, 86_400).unwrap_or(60);
    let timeout = go::whole_seconds(&endpoint["client"]["timeout"], 1, 300).unwrap_or(10);
    let retries = asked.failures.map(|failures| failures - 1).filter(|count| *count > 0);
    let disabled = endpoint["enabled"] == json!(false);
    let spec = json!({
        "type": check_type,
        "enabled": disabled.then_some(false),
        "schedule": {
            "intervalSeconds": interval,
            "timeoutSeconds": timeout.min(interval),
            "retries": retries,
            "retryIntervalSeconds": retries.map(|_| interval),
            "recoverAfter": asked.successes.filter(|count| *count > 1),
        },
        "target": { check_type: target },
        "successCriteria": success,
        "tags": (!group.is_empty()).then(|| vec![format!("group:{group}")]),
        "annotations": { "kubekuma.io/display-name": called },
    });
    world.plan.add(File::Monitors, Kind::Monitor, &name, &json!(asked.labels), spec);
    world.groups.entry(group.to_owned()).or_default().push(name.clone());
    windows(world, endpoint, &name);
}

/// Carries an external endpoint over: its job has a new address.
pub(super) fn carry_external(world: &mut World<'_>, endpoint: &Value) {
    let called = text(endpoint, "name").unwrap_or("(no name)");
    let group = text(endpoint, "group").unwrap_or_default();
    world.plan.about("external endpoint", called);
    let wanted = if group.is_empty() { called.to_owned() } else { format!("{group} {called}") };
    let name = world.plan.name(Kind::Monitor, &wanted);
    let Some(token) = text(endpoint, "token") else {
        world.plan.lost("token", "", "it has none", "Give the push monitor a token");
        return;
    };
    world.warn_of_variables("token", &endpoint["token"]);
    let token = world.plan.secret(&name, "token", token);
    let heartbeat = go::whole_seconds(&endpoint["heartbeat"]["interval"], 10, 86_400);
    if heartbeat.is_none() {
        let why = "a push monitor expects to be told; a day is taken as the interval";
        world.plan.approximate("heartbeat.interval", "", why);
    }
    let why = "the job pushes to /push/<token>?status=up|down, not to Gatus' address";
    world.plan.approximate("address", "", why);
    let asked = alert::carry(world, endpoint);
    let spec = json!({
        "type": "push",
        "enabled": (endpoint["enabled"] == json!(false)).then_some(false),
        "schedule": { "intervalSeconds": heartbeat.unwrap_or(86_400) },
        "target": { "push": { "tokenSecretRef": token } },
        "tags": (!group.is_empty()).then(|| vec![format!("group:{group}")]),
        "annotations": { "kubekuma.io/display-name": called },
    });
    world.plan.add(File::Monitors, Kind::Monitor, &name, &json!(asked.labels), spec);
    world.groups.entry(group.to_owned()).or_default().push(name.clone());
    windows(world, endpoint, &name);
}

fn windows(world: &mut World<'_>, endpoint: &Value, name: &str) {
    for window in items(&endpoint["maintenance-windows"]) {
        maintenance::carry(world, window, Some(name), &format!("{name} maintenance"));
    }
}

type Target = (&'static str, Value, Value);

fn latency(check_type: &str, criteria: &Criteria) -> Value {
    match criteria.max_latency {
        Some(ms) => json!({ check_type: { "maxLatencyMs": ms } }),
        None => json!({}),
    }
}

fn dns_target(endpoint: &Value, url: &str, criteria: &Criteria) -> Target {
    let dns = &endpoint["dns"];
    let domain = text(dns, "query-name").map(|name| name.trim_end_matches('.').to_owned());
    let target = json!({
        "domain": domain,
        "recordType": text(dns, "query-type").unwrap_or("A"),
        "server": (!url.is_empty()).then_some(url),
        "expected": criteria.exact.as_ref().map(|value| vec![value]),
        "rcode": criteria.rcode.as_ref().filter(|code| *code != "NOERROR"),
    });
    ("dns", target, latency("dns", criteria))
}

fn http_target(world: &mut World<'_>, endpoint: &Value, name: &str, criteria: &Criteria) -> Target {
    let mut target = request(world, endpoint, name);
    let mut conditions = criteria.cel.clone();
    let http = json!({
        "statusCodes": (!criteria.status.is_empty()).then_some(&criteria.status),
        "maxLatencyMs": criteria.max_latency,
    });
    let mut success = json!({ "http": http });
    let mut rest = criteria.body.iter();
    let check_type = match &criteria.json {
        Some((path, operator, value)) => {
            target["query"] = json!(path);
            target["operator"] = json!((operator != "==").then_some(operator));
            target["expected"] = json!(value);
            "jsonQuery"
        }
        None => match rest.next() {
            Some((pattern, invert)) => {
                target["keyword"] = json!(pattern);
                target["regex"] = json!(true);
                target["invert"] = json!(invert.then_some(true));
                "keyword"
            }
            None => "http",
        },
    };
    for (pattern, invert) in rest {
        let test = cel::matches("body", pattern);
        conditions.push(if *invert { format!("!{test}") } else { test });
    }
    if !conditions.is_empty() {
        success["cel"] = json!(conditions.join(" && "));
    }
    (check_type, target, success)
}

fn request(world: &mut World<'_>, endpoint: &Value, name: &str) -> Value {
    let client = &endpoint["client"];
    let (mut plain, mut secret) = (Map::new(), Vec::new());
    for (header, value) in endpoint["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if is_credential(header) {
            let key = format!("header-{}", crate::names::slug(header));
            let at = world.plan.secret(name, &key, value);
            secret.push(json!({ "name": header, "valueFromSecretRef": at }));
        } else {
            plain.insert(header.clone(), json!(literal(value)));
        }
    }
    let mut body = text(endpoint, "body").map(literal);
    if endpoint["graphql"] == json!(true) {
        body = body.map(|query| json!({ "query": query }).to_string());
        plain.entry("Content-Type").or_insert_with(|| json!("application/json"));
    }
    let method = text(endpoint, "method").unwrap_or("GET").to_uppercase();
    let tls = (client["insecure"] == json!(true)).then(|| json!({ "verify": false }));
    json!({
        "url": text(endpoint, "url").map(literal),
        "method": (method != "GET").then_some(method),
        "headers": plain,
        "headersFrom": (!secret.is_empty()).then_some(secret),
        "body": body,
        "followRedirects": (client["ignore-redirect"] == json!(true)).then_some(false),
        "tls": tls,
        "auth": oauth2(world, client, name),
        "proxy": proxy(world, client, name),
    })
}

fn oauth2(world: &mut World<'_>, client: &Value, name: &str) -> Option<Value> {
    for (key, todo) in [
        ("identity-aware-proxy", "Use a bearer token"),
        ("dns-resolver", "See `networking.dns` in the settings"),
        ("tunnel", "Use a proxy"),
    ] {
        if !client[key].is_null() {
            world.plan.lost(&format!("client.{key}"), "", "there is nothing like it", todo);
        }
    }
    if !client["tls"].is_null() {
        let why = "the files are not read";
        let todo = "Put certificate and key into a Secret and set `clientCertSecretRef`";
        world.plan.lost("client.tls", "", why, todo);
    }
    let oauth2 = client["oauth2"].as_object()?;
    let field = |key: &str| oauth2.get(key).and_then(Value::as_str);
    let secret =
        world.plan.secret(name, "client-secret", field("client-secret").unwrap_or_default());
    Some(json!({ "oauth2": {
        "tokenUrl": field("token-url"),
        "clientId": field("client-id"),
        "clientSecretRef": secret,
        "scopes": oauth2.get("scopes"),
    } }))
}

fn proxy(world: &mut World<'_>, client: &Value, name: &str) -> Option<Value> {
    let url = text(client, "proxy-url")?;
    let mode = if url.starts_with("socks5") { "socks5" } else { "http" };
    let at = world.plan.secret(name, "proxy-url", url);
    Some(json!({ "mode": mode, "urlFromSecretRef": at }))
}

/// Everything that is not HTTP.
fn plain_target(
    world: &mut World<'_>,
    endpoint: &Value,
    url: &str,
    scheme: &str,
    criteria: &Criteria,
) -> Option<Target> {
    let rest = url.split_once("://")?.1.trim_end_matches('/');
    let lax = endpoint["client"]["insecure"] == json!(true);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok()),
        None => (rest, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let body = text(endpoint, "body");
    let answer = criteria.body.first().filter(|(_, invert)| !invert).map(|(pattern, _)| pattern);
    if !criteria.body.is_empty() && answer.is_none() {
        let why = "an answer can be expected, not forbidden";
        world.plan.lost("conditions", "[BODY] !=", why, "Expect what is right");
    }
    Some(match scheme {
        "tcp" => {
            let target = json!({
                "host": host, "port": port, "send": body.map(literal), "expect": answer,
                "expectRegex": answer.map(|_| true),
            });
            ("tcp", target, latency("tcp", criteria))
        }
        "tls" | "starttls" => {
            if lax {
                world.plan.lost(
                    "client.insecure",
                    "true",
                    "the certificate is what is checked",
                    "",
                );
            }
            let days = criteria.cel.iter().find_map(|cel| cel.strip_prefix("certDays >= "));
            let days = days.and_then(|days| days.parse::<u32>().ok()).filter(|days| *days > 0);
            if days.is_some() {
                let why = "a certificate near its end is degraded and announced, not down";
                world.plan.approximate("[CERTIFICATE_EXPIRATION]", "", why);
            }
            let starttls = (scheme == "starttls").then_some("smtp");
            let target = json!({
                "host": host, "port": port, "starttls": starttls, "warnBeforeDays": days,
            });
            ("tls", target, json!({}))
        }
        "icmp" => {
            let family = match text(&endpoint["client"], "network") {
                Some("ip4") => Some("ipv4"),
                Some("ip6") => Some("ipv6"),
                _ => None,
            };
            ("ping", json!({ "host": rest, "ipFamily": family }), latency("ping", criteria))
        }
        "ws" | "wss" => {
            let target = json!({
                "url": literal(url), "message": body.map(literal),
                "expectedResponse": criteria.exact,
                "tls": lax.then(|| json!({ "verify": false })),
            });
            ("websocket", target, latency("websocket", criteria))
        }
        "grpc" | "grpcs" => {
            let tls = (scheme == "grpcs").then(|| json!({ "verify": !lax }));
            ("grpc", json!({ "address": rest, "tls": tls }), latency("grpc", criteria))
        }
        "ssh" => {
            world.plan.approximate("url", url, "the greeting is awaited, nobody signs in");
            let target = json!({ "host": host, "port": port.unwrap_or(22), "expect": "SSH-" });
            ("tcp", target, latency("tcp", criteria))
        }
        _ => return None,
    })
}
