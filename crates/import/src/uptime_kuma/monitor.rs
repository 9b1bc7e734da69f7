//! Monitors, one function per type.

use std::collections::BTreeSet;

use kuma_core::id::{Kind, ObjectName};
use serde_json::{Map, Value, json};

use super::row::Row;
use super::{Known, World, http};
use crate::plan::File;

/// Types that become monitors here.
pub(super) fn is_supported(row: &Row) -> bool {
    matches!(
        row.text("type").unwrap_or_default(),
        "http"
            | "keyword"
            | "json-query"
            | "port"
            | "ping"
            | "tailscale-ping"
            | "dns"
            | "push"
            | "docker"
            | "steam"
            | "grpc-keyword"
            | "websocket-upgrade"
            | "group"
            | "smtp"
    )
}

/// Carries every monitor over.
pub(super) fn all(world: &mut World<'_>) -> Vec<Known> {
    let mut known = Vec::new();
    let mut taken = BTreeSet::new();
    for row in world.dump.rows("monitor") {
        let Some(id) = row.int("id") else { continue };
        world.plan.about("monitor", row.text("name").unwrap_or("(no name)"));
        if !taken.insert(id) {
            let why = "another monitor has this number, so nothing can be told apart by it";
            world.plan.lost("id", &id.to_string(), why, "Write it by hand");
            continue;
        }
        let Some(name) = world.monitors.get(&id).cloned() else {
            let kind = row.text("type").unwrap_or("(none)");
            world.plan.lost("type", kind, "there is no check of this type", instead_of(kind));
            continue;
        };
        let Some((check_type, target, criteria)) = target(world, row, id, &name) else {
            continue;
        };
        let spec = spec(world, row, id, check_type, &target, &criteria);
        let labels: Map<String, Value> = world
            .labels
            .get(&id)
            .into_iter()
            .flatten()
            .map(|label| (label.clone(), json!("true")))
            .collect();
        world.plan.add(File::Monitors, Kind::Monitor, &name, &json!(labels), spec);
        let interval = row.int("interval").and_then(|it| u32::try_from(it).ok()).unwrap_or(60);
        let name = ObjectName::new(world.plan.namespace.as_str(), name);
        known.push(Known { id, name, interval });
    }
    known
}

fn instead_of(kind: &str) -> &'static str {
    match kind {
        "mysql" | "postgres" | "sqlserver" | "mongodb" | "redis" | "mqtt" | "rabbitmq"
        | "kafka-producer" | "radius" | "oracledb" => {
            "Check its port with a `tcp` monitor, or let a job run the query and push"
        }
        "real-browser" => "Check the page with a `keyword` monitor",
        "gamedig" => "Use `steam` if the game answers A2S queries",
        _ => "Let a job check it and push the result to a `push` monitor",
    }
}

type Target = (&'static str, Value, Value);

/// The type with its target and criteria; none for what cannot be written at all.
fn target(world: &mut World<'_>, row: &Row, id: i64, name: &str) -> Option<Target> {
    let none = json!({});
    let host = || json!(row.text("hostname"));
    Some(match row.text("type")? {
        "http" => ("http", http::request(world, row, name), http::criteria(row)),
        "keyword" => ("keyword", http::keyword(world, row, name), http::criteria(row)),
        "json-query" => http::json_query(world, row, name),
        "port" => ("tcp", json!({ "host": host(), "port": row.int("port") }), none),
        "smtp" => ("tcp", smtp(world, row), none),
        kind @ ("ping" | "tailscale-ping") => {
            if kind == "tailscale-ping" {
                world.plan.approximate("type", kind, "becomes an ordinary ping");
            }
            let target = json!({
                "host": host(),
                "packetSize": row.int("packet_size").filter(|size| *size != 56),
                "count": row.int("ping_count").filter(|count| *count > 1),
            });
            ("ping", target, none)
        }
        "dns" => ("dns", dns(world, row), none),
        "push" => {
            let token = row.text("push_token")?;
            ("push", json!({ "tokenSecretRef": world.plan.secret(name, "token", token) }), none)
        }
        "docker" => ("docker", docker(world, row), none),
        "steam" => ("steam", json!({ "host": host(), "port": row.int("port") }), none),
        "grpc-keyword" => ("grpc", grpc(world, row), none),
        "websocket-upgrade" => {
            let protocols: Vec<&str> = row
                .text("ws_subprotocol")
                .into_iter()
                .flat_map(|list| list.split(','))
                .map(str::trim)
                .collect();
            let protocols = (!protocols.is_empty()).then_some(protocols);
            let target = json!({ "url": row.literal("url"), "subprotocols": protocols });
            ("websocket", target, none)
        }
        "group" => ("group", group(world, id)?, none),
        _ => return None,
    })
}

fn spec(
    world: &mut World<'_>,
    row: &Row,
    id: i64,
    check_type: &str,
    target: &Value,
    criteria: &Value,
) -> Value {
    let active = row.on("active") && parents_active(world, row);
    if row.on("active") && !active {
        world.plan.approximate("active", "", "paused because its group was");
    }
    let mut criteria = criteria.clone();
    if row.on("upside_down") {
        criteria["upsideDown"] = json!(true);
    }
    let annotations = json!({
        "kubekuma.io/display-name": row.text("name"),
        "description": row.text("description"),
    });
    let wants_expiry = !row.0.contains_key("expiry_notification") || row.on("expiry_notification");
    let has_certificate = matches!(check_type, "http" | "keyword" | "jsonQuery");
    let notify_on = (has_certificate && !wants_expiry).then(|| json!(["down", "up", "flapping"]));
    json!({
        "type": check_type,
        "enabled": (!active).then_some(false),
        "schedule": schedule(world, row, check_type),
        "target": { check_type: target },
        "successCriteria": criteria,
        "alerting": { "resendIntervalMinutes": resend(row), "notifyOn": notify_on },
        "tags": tags(world, id),
        "annotations": annotations,
    })
}

fn schedule(world: &mut World<'_>, row: &Row, check_type: &str) -> Value {
    if check_type == "group" {
        return json!({});
    }
    let interval = row.int("interval").unwrap_or(60);
    if interval < 10 {
        let value = interval.to_string();
        world.plan.approximate("interval", &value, "becomes 10 s, the shortest one by default");
    }
    let interval = interval.clamp(10, 86_400);
    let passive = check_type == "push";
    // Where Uptime Kuma has no timeout of its own it takes 80 % of the interval.
    let timeout = row.float("timeout").filter(|seconds| *seconds >= 1.0).map(f64::floor);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a range of small numbers")]
    let timeout = timeout.map_or(interval * 4 / 5, |seconds| seconds.clamp(1.0, 300.0) as i64);
    let retries = row.int("maxretries").unwrap_or(0).clamp(0, 100);
    let between = row.int("retry_interval").filter(|seconds| *seconds > 0);
    json!({
        "intervalSeconds": interval,
        "timeoutSeconds": (!passive).then(|| timeout.clamp(1, interval.min(300))),
        "retries": (retries > 0).then_some(retries),
        "retryIntervalSeconds":
            (retries > 0).then(|| between.unwrap_or(interval).clamp(1, 86_400)),
    })
}

/// Uptime Kuma counts checks, we count minutes.
fn resend(row: &Row) -> Option<i64> {
    let every = row.int("resend_interval").filter(|count| *count > 0)?;
    let interval = row.int("interval").unwrap_or(60).max(1);
    Some(every.saturating_mul(interval).saturating_add(59).div_euclid(60).clamp(1, 10_080))
}

fn parents_active(world: &World<'_>, row: &Row) -> bool {
    let mut parent = row.int("parent");
    // A chain in a sound database is short; a circle in a broken one ends here.
    for _ in 0..32 {
        let Some(found) = parent.and_then(|id| world.dump.find("monitor", id)) else {
            return true;
        };
        if !found.on("active") {
            return false;
        }
        parent = found.int("parent");
    }
    true
}

/// `name` or `name:value`.
fn tags(world: &World<'_>, id: i64) -> Option<Vec<String>> {
    let links =
        world.dump.rows("monitor_tag").iter().filter(|row| row.int("monitor_id") == Some(id));
    let mut tags: Vec<String> = links
        .filter_map(|link| {
            let tag = world.dump.find("tag", link.int("tag_id")?)?.text("name")?;
            let tag = match link.text("value") {
                Some(value) => format!("{tag}:{value}"),
                None => tag.to_owned(),
            };
            Some(tag.chars().take(63).collect())
        })
        .collect();
    tags.sort();
    tags.dedup();
    (!tags.is_empty()).then_some(tags)
}

fn dns(world: &mut World<'_>, row: &Row) -> Value {
    let server = row.text("dns_resolve_server").map(|list| {
        let (first, rest) = list.split_once(',').unwrap_or((list, ""));
        if !rest.is_empty() {
            world.plan.approximate("dns_resolve_server", list, "only the first server is asked");
        }
        match row.int("port").filter(|port| *port != 53) {
            Some(port) => format!("{}:{port}", first.trim()),
            None => first.trim().to_owned(),
        }
    });
    json!({
        "domain": row.text("hostname"),
        "recordType": row.text("dns_resolve_type"),
        "server": server,
        "expected": expected_records(world, row),
    })
}

/// Conditions of version 2, of which a list of equal records can be written here.
fn expected_records(world: &mut World<'_>, row: &Row) -> Option<Vec<String>> {
    let conditions = row.json("conditions")?;
    let list = conditions.as_array().filter(|list| !list.is_empty())?;
    let records: Option<Vec<String>> = list
        .iter()
        .map(|condition| {
            let is = |key: &str, value: &str| condition[key].as_str() == Some(value);
            let plain =
                is("type", "expression") && is("variable", "record") && is("operator", "equals");
            plain.then(|| condition["value"].as_str().map(str::to_owned)).flatten()
        })
        .collect();
    if records.is_none() {
        let why = "only equal records can be expected";
        world.plan.lost("conditions", &conditions.to_string(), why, "See `expected` of dns");
    }
    records
}

fn docker(world: &mut World<'_>, row: &Row) -> Value {
    let host = row.int("docker_host").and_then(|id| world.dump.find("docker_host", id));
    let daemon = host.and_then(|host| host.text("docker_daemon"));
    let engine = daemon.map(|daemon| match daemon {
        path if path.starts_with('/') => format!("unix://{path}"),
        url if url.starts_with("http://") => url.replacen("http://", "tcp://", 1),
        url => url.to_owned(),
    });
    if let Some(engine) = engine.as_deref().filter(|engine| engine.starts_with("https://")) {
        let why = "the client certificate is in Uptime Kuma's `docker-tls` folder";
        world.plan.lost("docker_host", engine, why, "Put it into a Secret and set `docker.tls`");
    }
    json!({ "container": row.text("docker_container"), "engine": engine })
}

fn smtp(world: &mut World<'_>, row: &Row) -> Value {
    world.plan.approximate("type", "smtp", "the greeting is awaited, no mail command is sent");
    let tls = match row.text("smtp_security").unwrap_or_default() {
        "secure" => json!({ "enabled": true }),
        "starttls" => json!({ "enabled": true, "starttls": "smtp" }),
        _ => Value::Null,
    };
    let expect = (tls["starttls"].is_null()).then_some("220");
    json!({
        "host": row.text("hostname"), "port": row.int("port").unwrap_or(25), "expect": expect,
        "tls": tls,
    })
}

fn grpc(world: &mut World<'_>, row: &Row) -> Value {
    let service = row.text("grpc_service_name").unwrap_or_default();
    let health = service.ends_with("Health");
    if !health || row.text("keyword").is_some_and(|keyword| !keyword.contains("SERVING")) {
        let why = "the standard health service is asked instead of this method";
        let todo = "Let the server offer grpc.health.v1.Health";
        world.plan.lost("grpc_service_name", service, why, todo);
    }
    if row.text("grpc_metadata").is_some() {
        let why = "metadata is not sent";
        world.plan.lost("grpc_metadata", "", why, "Check without it, or let a job push");
    }
    let asked = row.json("grpc_body").and_then(|body| body["service"].as_str().map(str::to_owned));
    let address = row.text("grpc_url").map(|url| {
        let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
        bare.trim_end_matches('/').to_owned()
    });
    let tls = row.on("grpc_enable_tls").then(|| json!({ "verify": true }));
    json!({ "address": address, "service": asked.filter(|it| !it.is_empty()), "tls": tls })
}

/// A group is up while every member is.
fn group(world: &mut World<'_>, id: i64) -> Option<Value> {
    let members: Vec<Value> = world
        .dump
        .rows("monitor")
        .iter()
        .filter(|row| row.int("parent") == Some(id))
        .filter_map(|row| world.monitors.get(&row.int("id")?))
        .map(|name| json!({ "name": name }))
        .collect();
    if members.is_empty() {
        world.plan.lost("children", "", "a group needs members", "Write it when there are some");
        return None;
    }
    Some(json!({ "members": members }))
}
