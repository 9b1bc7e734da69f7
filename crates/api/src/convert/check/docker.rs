//! `docker`.

use kuma_core::check::{Check, DockerCheck, DockerEngine};
use kuma_core::object::Problem;

use super::{Context, Part, missing, tls_options};
use crate::convert::text::split_port;
use crate::kinds::monitor::DockerTarget;

/// Where engines listen without and with TLS (IANA: docker, docker-s).
const PORTS: (u16, u16) = (2375, 2376);

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(target) = &part.target.docker else {
        missing(context, part, "docker");
        return None;
    };
    let at = part.path("docker");
    let container = container(context, &format!("{at}.container"), &target.container);
    let engine = engine(context, &at, target);
    Some(Check::Docker(Box::new(DockerCheck {
        container: container?,
        engine: engine?,
        require_healthy: target.require_healthy.unwrap_or(true),
    })))
}

/// A name as the engine takes it, without the slash that its API puts before names.
fn container(context: &mut Context<'_>, path: &str, text: &str) -> Option<String> {
    let name = text.strip_prefix('/').unwrap_or(text);
    let good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if !good {
        context.push(
            Problem::semantic(path, "this is not the name or id of a container")
                .with_value(text)
                .with_fix("write it as docker ps shows it: letters, digits, _, . and - only"),
        );
        return None;
    }
    Some(name.to_owned())
}

fn engine(context: &mut Context<'_>, at: &str, target: &DockerTarget) -> Option<DockerEngine> {
    let tls = target.tls.as_ref();
    let tls = tls.map(|tls| tls_options(context, &format!("{at}.tls"), tls));
    let path = format!("{at}.engine");
    let text = target.engine.as_deref();
    let secure = text.is_some_and(|it| it.starts_with("https:"));
    if tls.is_some() && !secure {
        context.push(
            Problem::semantic(format!("{at}.tls"), "only https engines speak TLS")
                .with_fix("begin engine with https://, or remove tls"),
        );
        return None;
    }
    let Some(text) = text else {
        return Some(DockerEngine::Unix(DockerEngine::DEFAULT_SOCKET.to_owned()));
    };
    if let Some(socket) = text.strip_prefix("unix://") {
        if socket.len() < 2 || !socket.starts_with('/') {
            context.push(
                Problem::semantic(path, "this names no socket")
                    .with_value(text)
                    .with_fix("write it as unix:///var/run/docker.sock, with three slashes"),
            );
            return None;
        }
        return Some(DockerEngine::Unix(socket.to_owned()));
    }
    if !context.plain_address(&path, text, &["unix", "tcp", "https"]) {
        return None;
    }
    // Not by the library, which takes a port away that is the scheme's own.
    let (_, address) = text.split_once("://")?;
    let address = address.strip_suffix('/').unwrap_or(address);
    if !context.host_port(&path, address, true) {
        return None;
    }
    let (host, port) = split_port(address)?;
    let host = host.to_owned();
    Some(if secure {
        let tls = Box::new(tls.unwrap_or_default());
        DockerEngine::Tls { host, port: port.unwrap_or(PORTS.1), tls }
    } else {
        DockerEngine::Tcp { host, port: port.unwrap_or(PORTS.0) }
    })
}
