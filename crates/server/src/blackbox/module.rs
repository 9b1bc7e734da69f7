//! What a request to `/probe` asks: a configured monitor, or a free target by a module, which is
//! a monitor used as a template.

use std::sync::Arc;

use http::StatusCode;
use kuma_api::convert::convert;
use kuma_core::catalog::Catalog;
use kuma_core::check::RunClass;
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::monitor::Monitor;
use kuma_core::object::{Body, Meta, Severity};
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// The label that makes a Monitor of KubeKuma's own namespace a module; its value is the name.
pub const LABEL: &str = "kubekuma.io/probe-module";
/// The module of a request that names none.
pub const DEFAULT: &str = "http_2xx";
/// Longest target or host name looked at, in bytes.
const MAX_TARGET_BYTES: usize = 2048;

/// A request's parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    /// `target`.
    pub target: &'a str,
    /// `module`.
    pub module: Option<&'a str>,
    /// `hostname`: the Host header, and the name that TLS asks for.
    pub hostname: Option<&'a str>,
}

/// What to ask, and how it was written.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The monitor to run once.
    pub monitor: Arc<Monitor>,
    /// Its spec, for `debug=true`; none for an item of a set.
    pub spec: Option<Value>,
}

/// Finds what is asked.
///
/// # Errors
/// A problem document that says what is wrong with the request or why it is refused.
pub fn asked(catalog: &Catalog, parameters: Parameters<'_>) -> Result<Asked, Problem> {
    let Parameters { target, module, hostname } = parameters;
    if target.is_empty() {
        return Err(Problem::bad_parameter("target", "is missing"));
    }
    for (name, value) in [("target", Some(target)), ("hostname", hostname)] {
        if value.is_some_and(|value| value.len() > MAX_TARGET_BYTES) {
            let why = format!("is longer than {MAX_TARGET_BYTES} bytes");
            return Err(Problem::bad_parameter(name, why));
        }
    }
    if let Some(found) = configured(catalog, target) {
        return found;
    }
    if !catalog.settings.public.probe_free_targets {
        return Err(Problem::new(StatusCode::FORBIDDEN, "Only configured monitors are probed")
            .detail(
                "`target` is not the namespace/name of a monitor. To let scrapers name any \
                 target, set `publicEndpoints.probe.freeTargets: true` in the settings; egress \
                 rules hold all the same.",
            ));
    }
    let template = template(catalog, module.unwrap_or(DEFAULT))?;
    retargeted(&template, target, hostname)
}

/// The monitor that a target names, if it names one.
fn configured(catalog: &Catalog, target: &str) -> Option<Result<Asked, Problem>> {
    let (namespace, name) = target.split_once('/')?;
    let entry = catalog.monitors.get(&ObjectName::new(namespace, name))?;
    let monitor = entry.monitor.clone();
    if monitor.check.run_class() == RunClass::Passive {
        let why = format!(
            "{} is a {} monitor: nothing is asked, so there is nothing to probe",
            monitor.name,
            monitor.check.check_type()
        );
        return Some(Err(Problem::bad_parameter("target", why)));
    }
    let key = ObjectKey { kind: Kind::Monitor, name: monitor.name.clone() };
    let spec = catalog.raw.get(&key).and_then(|object| object.raw.field("spec"));
    Some(Ok(Asked { monitor, spec }))
}

/// A monitor as it is written, whose target will be replaced.
struct Template {
    key: ObjectKey,
    meta: Meta,
    spec: Value,
    builtin: bool,
}

fn template(catalog: &Catalog, module: &str) -> Result<Template, Problem> {
    let ours = catalog.raw.iter().filter(|(key, _)| {
        key.kind == Kind::Monitor && *key.name.namespace == *catalog.system_namespace
    });
    let mut labelled =
        ours.filter(|(_, object)| object.meta.labels.get(LABEL).is_some_and(|name| name == module));
    if let Some((key, object)) = labelled.next() {
        if let Some((other, _)) = labelled.next() {
            let why = format!("`{module}` is the label of {} and of {}", key.name, other.name);
            return Err(Problem::bad_parameter("module", why));
        }
        let spec = object.raw.field("spec").unwrap_or_default();
        return Ok(Template { key: key.clone(), meta: object.meta.clone(), spec, builtin: false });
    }
    let spec = builtin(module).ok_or_else(|| {
        Problem::bad_parameter(
            "module",
            format!(
                "`{module}` is unknown; label a Monitor of namespace {} with `{LABEL}: {module}`, \
                 or use http_2xx, http_post_2xx, tcp_connect or icmp",
                catalog.system_namespace
            ),
        )
    })?;
    let name = ObjectName::new(catalog.system_namespace.as_str(), "probe");
    let meta = Meta::default();
    Ok(Template { key: ObjectKey { kind: Kind::Monitor, name }, meta, spec, builtin: true })
}

/// The modules that need no monitor.
fn builtin(module: &str) -> Option<Value> {
    let (check_type, target) = match module {
        "http_2xx" => ("http", json!({})),
        "http_post_2xx" => ("http", json!({ "method": "POST" })),
        "tcp_connect" => ("tcp", json!({})),
        "icmp" => ("ping", json!({ "tcpFallback": false })),
        _ => return None,
    };
    Some(json!({ "type": check_type, "target": { check_type: target } }))
}

/// The template with another target, validated as every monitor is.
fn retargeted(template: &Template, target: &str, hostname: Option<&str>) -> Result<Asked, Problem> {
    if target.contains("${") || hostname.is_some_and(|name| name.contains("${")) {
        // A reference would be filled in from our Secrets.
        return Err(Problem::bad_parameter("target", "may not hold `${`"));
    }
    let mut spec = template.spec.clone();
    let check_type = spec["type"].as_str().unwrap_or_default().to_owned();
    let place = spec["target"][&check_type].as_object_mut().ok_or_else(|| unsuited(template))?;
    if !template.builtin && holds_secrets(place) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "The module holds Secrets").detail(
            format!(
                "{} refers to Secrets, and a free target would be sent their values. Write a \
                 monitor for the target and probe it by its name.",
                template.key.name
            ),
        ));
    }
    match check_type.as_str() {
        "http" | "keyword" | "jsonQuery" => aim_http(place, target, hostname),
        "websocket" => drop(place.insert("url".to_owned(), json!(target))),
        "tcp" | "tls" | "steam" => aim_port(place, target, hostname)?,
        "dns" => drop(place.insert("server".to_owned(), json!(target))),
        "ping" => drop(place.insert("host".to_owned(), json!(target))),
        "grpc" => drop(place.insert("address".to_owned(), json!(target))),
        _ => return Err(unsuited(template)),
    }
    spec["enabled"] = json!(true);
    let object = json!({ "spec": spec });
    let conversion = convert(&template.key, &template.meta, &object);
    let wrong = conversion.problems.into_iter().find(|it| it.severity == Severity::Error);
    match (wrong, conversion.body) {
        (None, Some(Body::Monitor(monitor))) => {
            Ok(Asked { monitor, spec: object.get("spec").cloned() })
        }
        (Some(wrong), _) => {
            Err(Problem::bad_parameter("target", format!("{}: {}", wrong.path, wrong.why)))
        }
        _ => Err(unsuited(template)),
    }
}

fn unsuited(template: &Template) -> Problem {
    let why = format!("{} is of a type that cannot be given a target", template.key.name);
    Problem::bad_parameter("module", why)
}

fn aim_http(place: &mut Map<String, Value>, target: &str, hostname: Option<&str>) {
    let lower = target.get(..8).unwrap_or(target).to_ascii_lowercase();
    let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
    let url = if has_scheme { target.to_owned() } else { format!("http://{target}") };
    place.insert("url".to_owned(), json!(url));
    if let Some(name) = hostname {
        set_inner(place, "headers", "Host", name);
        set_inner(place, "tls", "sni", without_port(name));
    }
}

fn aim_port(
    place: &mut Map<String, Value>,
    target: &str,
    hostname: Option<&str>,
) -> Result<(), Problem> {
    let (host, port) = target
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
        .ok_or_else(|| Problem::bad_parameter("target", "must be host:port"))?;
    let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    place.insert("host".to_owned(), json!(host));
    place.insert("port".to_owned(), json!(port));
    if let (Some(name), Some(Value::Object(tls))) = (hostname, place.get_mut("tls")) {
        tls.entry("sni").or_insert_with(|| json!(name));
    }
    Ok(())
}

fn without_port(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => name,
    }
}

/// Sets one entry of a map in the target, which is made where there is none.
fn set_inner(place: &mut Map<String, Value>, map: &str, key: &str, value: &str) {
    let inner = place.entry(map).or_insert_with(|| json!({}));
    if let Value::Object(inner) = inner {
        inner.retain(|name, _| !name.eq_ignore_ascii_case(key));
        inner.insert(key.to_owned(), json!(value));
    }
}

/// Whether asking would send something secret: any reference but that to a bundle of authorities.
fn holds_secrets(place: &Map<String, Value>) -> bool {
    place.iter().any(|(key, value)| match key.as_str() {
        "caBundleSecretRef" => false,
        "headersFrom" => true,
        key if key.ends_with("SecretRef") => true,
        _ => value_holds_secrets(value),
    })
}

fn value_holds_secrets(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${SECRET:"),
        Value::Array(list) => list.iter().any(value_holds_secrets),
        Value::Object(map) => holds_secrets(map),
        _ => false,
    }
}
