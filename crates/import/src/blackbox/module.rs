//! Modules by prober.

use serde_json::{Value, json};

use super::{Made, http};
use crate::go::whole_seconds;
use crate::plan::Plan;
use crate::uptime_kuma::literal;

/// Reads a module for a target, or as a template without one. None when there is no such check;
/// that is reported.
pub(super) fn read(
    plan: &mut Plan,
    module: &Value,
    name: &str,
    target: Option<&str>,
) -> Option<Made> {
    let prober = module["prober"].as_str().unwrap_or_default();
    let timeout = whole_seconds(&module["timeout"], 1, 300);
    let settings = &module[prober];
    let (check_type, target, criteria) = match prober {
        "http" => http::read(plan, settings, name, target),
        "tcp" => ("tcp", tcp(plan, settings, target)?, json!({})),
        "icmp" => ("ping", icmp(plan, settings, target), json!({})),
        "dns" => ("dns", dns(plan, settings, target), json!({})),
        "grpc" => {
            let tls =
                (settings["tls"] == json!(true)).then(|| tls(plan, &settings["tls_config"], name));
            let address = target.unwrap_or("replaced.invalid:443");
            let target = json!({
                "address": address, "service": settings["service"].as_str(),
                "tls": tls.map(|tls| tls.unwrap_or_else(|| json!({ "verify": true }))),
            });
            ("grpc", target, json!({}))
        }
        "websocket" => {
            let target = json!({ "url": target.unwrap_or("ws://replaced.invalid") });
            if !settings["query_response"].is_null() {
                let why = "what is said over it is written in another way";
                plan.lost("query_response", "", why, "See `message` and `expectedResponse`");
            }
            ("websocket", target, json!({}))
        }
        other => {
            let why = "there is no check of this type";
            plan.lost("prober", other, why, "Let a job check it and push the result");
            return None;
        }
    };
    Some(Made { check_type, target, criteria, timeout })
}

/// `tls_config`; files cannot be read from here.
pub(super) fn tls(plan: &mut Plan, config: &Value, name: &str) -> Option<Value> {
    let lax = (config["insecure_skip_verify"] == json!(true)).then_some(false);
    let ca = config["ca"].as_str().map(|pem| plan.secret(name, "ca.crt", pem));
    for (field, todo) in [
        ("ca_file", "Put the bundle into a Secret and set `caBundleSecretRef`"),
        ("cert_file", "Put certificate and key into a Secret and set `clientCertSecretRef`"),
    ] {
        if let Some(path) = config[field].as_str() {
            plan.lost(&format!("tls_config.{field}"), path, "the file is not read", todo);
        }
    }
    let sni = config["server_name"].as_str();
    let version = match config["min_version"].as_str() {
        Some("TLS13") => Some("1.3"),
        _ => None,
    };
    let any = lax.is_some() || ca.is_some() || sni.is_some() || version.is_some();
    any.then(
        || json!({ "verify": lax, "caBundleSecretRef": ca, "sni": sni, "minVersion": version }),
    )
}

/// `preferred_ip_protocol` without fallback is a demand, else only a wish.
pub(super) fn family(settings: &Value) -> Option<&'static str> {
    let only = settings["ip_protocol_fallback"] == json!(false);
    match settings["preferred_ip_protocol"].as_str() {
        Some("ip4") if only => Some("ipv4"),
        Some("ip6") if only => Some("ipv6"),
        _ => None,
    }
}

fn tcp(plan: &mut Plan, settings: &Value, target: Option<&str>) -> Option<Value> {
    let address = target.unwrap_or("replaced.invalid:1");
    let parts =
        address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let Some((host, port)) = parts else {
        plan.lost("target", address, "it is not host:port", "Write the port");
        return None;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut made = json!({ "host": host, "port": port });
    let steps: Vec<&Value> = settings["query_response"].as_array().into_iter().flatten().collect();
    let starttls = steps.iter().any(|step| step["starttls"] == json!(true));
    let said = |step: &Value, key: &str| step[key].as_str().map(str::to_owned);
    let sends: Vec<String> = steps.iter().filter_map(|step| said(step, "send")).collect();
    let expects: Vec<String> = steps.iter().filter_map(|step| said(step, "expect")).collect();
    if starttls {
        let greets = expects.first().map_or("", String::as_str);
        let protocol = if greets.contains("220") { "smtp" } else { "imap" };
        let why = format!("the dialogue becomes STARTTLS of {protocol}");
        plan.approximate("query_response", "", &why);
        made["tls"] = json!({ "enabled": true, "starttls": protocol });
        return Some(made);
    }
    if sends.len() > 1 || expects.len() > 1 || steps.iter().any(|it| !it["expect_bytes"].is_null())
    {
        let why = "one thing is sent and one answer awaited; the last expectation stays";
        plan.lost("query_response", "", why, "Let a job have the whole dialogue");
    }
    // With a dialogue of several steps nothing is said out of turn.
    let send = (sends.len() == 1 && expects.len() <= 1).then(|| literal(&sends[0]));
    let expect = if send.is_some() { expects.last() } else { expects.first() };
    made["send"] = json!(send.map(|text| if text.ends_with('\n') { text } else { text + "\n" }));
    made["expect"] = json!(expect);
    made["expectRegex"] = json!(expect.map(|_| true));
    if settings["tls"] == json!(true) {
        let config = &settings["tls_config"];
        let lax = (config["insecure_skip_verify"] == json!(true)).then_some(false);
        if let Some(path) = config["ca_file"].as_str() {
            let why = "the system's authorities are trusted";
            plan.lost("tls_config.ca_file", path, why, "Add the authority to the system's");
        }
        let sni = config["server_name"].as_str();
        made["tls"] = json!({ "enabled": true, "verify": lax, "sni": sni });
    }
    Some(made)
}

fn icmp(plan: &mut Plan, settings: &Value, target: Option<&str>) -> Value {
    for field in ["ttl", "dont_fragment", "source_ip_address"] {
        if !settings[field].is_null() {
            let why = "it cannot be set";
            plan.lost(field, &settings[field].to_string(), why, "");
        }
    }
    json!({
        "host": target.unwrap_or("replaced.invalid"),
        "packetSize": settings["payload_size"].as_i64(),
        "tcpFallback": false,
        "ipFamily": family(settings),
    })
}

fn dns(plan: &mut Plan, settings: &Value, target: Option<&str>) -> Value {
    let record = settings["query_type"].as_str().unwrap_or("ANY");
    let asked = if record == "ANY" {
        plan.approximate("query_type", "ANY", "servers refuse ANY (RFC 8482); A is asked for");
        "A"
    } else {
        record
    };
    for field in ["validate_answer_rrs", "validate_authority_rrs", "validate_additional_rrs"] {
        if !settings[field].is_null() {
            let why = "records are compared by value, not by pattern";
            plan.lost(field, &settings[field].to_string(), why, "List them in `expected`");
        }
    }
    let codes: Vec<&str> = settings["valid_rcodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if codes.len() > 1 {
        let why = "one code can be expected; the first is";
        plan.lost("valid_rcodes", &codes.join(", "), why, "Write a monitor for each");
    }
    let protocol = match settings["transport_protocol"].as_str() {
        _ if settings["dns_over_tls"] == json!(true) => Some("tls"),
        Some("tcp") => Some("tcp"),
        _ => None,
    };
    let name = settings["query_name"].as_str().unwrap_or_default().trim_end_matches('.');
    json!({
        "domain": name,
        "recordType": asked,
        "server": target,
        "protocol": protocol,
        "rcode": codes.first().filter(|code| **code != "NOERROR"),
    })
}
