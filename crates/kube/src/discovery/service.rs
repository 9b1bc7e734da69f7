//! What a Service shows: one address for each port that is asked for, or for the one that fits best.

use kuma_core::check::CheckType;
use serde_json::Value;

use super::annotations::Wish;
use super::draft::{Draft, is_dns_name};
use crate::surroundings::{Found, ServicePort, ServiceSpec};

/// Addresses, and why there are none where something could have been expected.
pub(super) type Drafts = Result<Vec<Draft>, String>;

/// Reads a Service.
pub(super) fn drafts(found: &Found, spec: &ServiceSpec, wish: &Wish, health_path: &str) -> Drafts {
    let host = host(found, spec)?;
    if wish.check == Some(CheckType::Ping) {
        let why = format!("{} has {}", found.title(), annotation("type"));
        let part = "ping".to_owned();
        let path = String::new();
        return Ok(vec![Draft {
            check: CheckType::Ping,
            host,
            port: 0,
            secure: false,
            path,
            part,
            why,
        }]);
    }
    let ports = ports(spec, wish)?;
    let draft = |port: Port| {
        let check = wish.check.unwrap_or(port.speaks.check);
        let health_path = if check == CheckType::Websocket { "/" } else { health_path };
        Draft {
            check,
            host: host.clone(),
            port: port.number,
            secure: port.speaks.secure,
            path: wish.path.clone().unwrap_or_else(|| health_path.to_owned()),
            why: format!(
                "{} listens on port {} ({})",
                found.title(),
                port.number,
                port.speaks.because
            ),
            part: port.label,
        }
    };
    Ok(ports.into_iter().map(draft).collect())
}

fn annotation(name: &str) -> String {
    format!("the annotation kubekuma.io/{name}")
}

/// The name under which a Service is reached from within the cluster.
fn host(found: &Found, spec: &ServiceSpec) -> Result<String, String> {
    if spec.type_ != "ExternalName" {
        return Ok(format!("{}.{}.svc", found.name.name, found.name.namespace));
    }
    let name = spec.external_name.trim_end_matches('.').to_ascii_lowercase();
    if is_dns_name(&name) { Ok(name) } else { Err("its externalName is no host name".to_owned()) }
}

/// A port with what is known about it.
struct Port {
    number: u16,
    /// For the Monitor's name.
    label: String,
    speaks: Speaks,
}

/// What a port seems to speak.
#[derive(Clone)]
struct Speaks {
    check: CheckType,
    secure: bool,
    because: String,
    /// How well it fits: a lower one is preferred.
    rank: u8,
}

fn ports(spec: &ServiceSpec, wish: &Wish) -> Result<Vec<Port>, String> {
    if !wish.ports.is_empty() {
        return wish.ports.iter().map(|port| named(spec, port)).collect();
    }
    if spec.ports.is_empty() {
        return Err(format!("it names no port; add {}", annotation("port")));
    }
    let mut refusal = String::new();
    let mut best: Option<Port> = None;
    for port in &spec.ports {
        match read(spec, port) {
            Ok(port) => {
                if best.as_ref().is_none_or(|best| port.speaks.rank < best.speaks.rank) {
                    best = Some(port);
                }
            }
            Err(why) => refusal = why,
        }
    }
    match best {
        // The name depends on the Service only: another port that fits better changes what is
        // checked, not how it is called.
        Some(best) => Ok(vec![Port { label: String::new(), ..best }]),
        None => Err(refusal),
    }
}

/// A port that an annotation names, by number or by name.
fn named(spec: &ServiceSpec, wanted: &str) -> Result<Port, String> {
    let number: Option<u16> = wanted.parse().ok();
    let found = spec
        .ports
        .iter()
        .find(|port| number.map_or(port.name == wanted, |number| port.port == number));
    match (found, number) {
        (Some(port), _) => read(spec, port).map(|port| Port { label: wanted.to_owned(), ..port }),
        // An ExternalName Service need not list the ports of what it stands for.
        (None, Some(number)) if spec.type_ == "ExternalName" => {
            let port = ServicePort { port: number, ..ServicePort::default() };
            Ok(Port { number, label: wanted.to_owned(), speaks: speaks(&port) })
        }
        (None, _) => Err(format!("it has no port {wanted}, which {} names", annotation("port"))),
    }
}

fn read(spec: &ServiceSpec, port: &ServicePort) -> Result<Port, String> {
    if !matches!(port.protocol.as_str(), "" | "TCP") {
        return Err(format!("port {} is {}, and only TCP is looked at", port.port, port.protocol));
    }
    let label = if port.name.is_empty() { port.port.to_string() } else { port.name.clone() };
    let number = if spec.cluster_ip == "None" { behind(port)? } else { port.port };
    if number == 0 {
        return Err("its port has no number".to_owned());
    }
    Ok(Port { number, label, speaks: speaks(port) })
}

/// Nothing translates ports in front of a headless Service: its name leads to the Pods themselves.
fn behind(port: &ServicePort) -> Result<u16, String> {
    match &port.target_port {
        Value::Null => Ok(port.port),
        Value::Number(number) => {
            let number = number.as_u64().and_then(|number| u16::try_from(number).ok());
            number.ok_or_else(|| format!("the targetPort of port {} is no port", port.port))
        }
        Value::String(name) => Err(format!(
            "it is headless and port {} leads to the Pods' port `{name}`, of which only the name is known; write a Monitor with its number",
            port.port
        )),
        _ => Err(format!("the targetPort of port {} is no port", port.port)),
    }
}

/// What a port speaks, by `appProtocol`, else by the first word of its name, else by its number.
fn speaks(port: &ServicePort) -> Speaks {
    let (word, because) = if port.app_protocol.is_empty() {
        let word = port.name.split('-').next().unwrap_or_default();
        (word, format!("its name is {}", port.name))
    } else {
        let word = port.app_protocol.rsplit('/').next().unwrap_or_default();
        (word, format!("its appProtocol is {}", port.app_protocol))
    };
    let known = match word.to_ascii_lowercase().as_str() {
        "http" | "h2c" | "http2" | "web" => Some((CheckType::Http, false, 0)),
        "https" => Some((CheckType::Http, true, 1)),
        "grpc" => Some((CheckType::Grpc, false, 2)),
        "grpcs" => Some((CheckType::Grpc, true, 2)),
        "ws" => Some((CheckType::Websocket, false, 3)),
        "wss" => Some((CheckType::Websocket, true, 3)),
        "tls" => Some((CheckType::Tls, true, 4)),
        "tcp" => Some((CheckType::Tcp, false, 5)),
        _ => None,
    };
    if let Some((check, secure, rank)) = known {
        return Speaks { check, secure, because, rank };
    }
    let because = |text: &str| text.to_owned();
    match port.port {
        80 | 8080 => Speaks {
            check: CheckType::Http,
            secure: false,
            because: because("a port of http"),
            rank: 6,
        },
        443 | 8443 => Speaks {
            check: CheckType::Http,
            secure: true,
            because: because("a port of https"),
            rank: 7,
        },
        _ => Speaks {
            check: CheckType::Tcp,
            secure: false,
            because: because("nothing says what it speaks, so only the connection is checked"),
            rank: 8,
        },
    }
}
