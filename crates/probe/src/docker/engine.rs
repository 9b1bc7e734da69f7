//! One question to an engine, over a socket of this host or a port.

use std::io::{self, ErrorKind};

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::Full;
use kuma_core::check::{DockerCheck, DockerEngine, IpFamily, TlsOptions};
use kuma_core::observation::{Outcome, bounded};
use kuma_core::reason::Reason;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::http::{Answer, Single};
use crate::json;
use crate::net::{Completion, Wire, connect_fault};
use crate::tls::{self, Alpn};
use crate::trace::Stage;

/// Most bytes of an answer; a real one is some ten thousand.
const MAX_BODY_BYTES: u64 = 1024 * 1024;
/// Longest message of an engine that is shown, in bytes.
const MAX_SHOWN_BYTES: usize = 200;

/// What the engine knows about the container.
pub(super) async fn inspect(
    attempt: &mut Attempt<'_>,
    check: &DockerCheck,
) -> Result<Value, Fault> {
    let left = attempt.left();
    let asked = tokio::time::timeout(left, ask(attempt, check)).await;
    let answered = asked.unwrap_or_else(|_| Err(attempt.trace.timed_out(attempt.timeout)));
    attempt.trace.enter(Stage::Idle);
    let mut answer = answered.map_err(|fault| unreachable(fault, &check.engine))?;
    if let Some(broken) = answer.broken.take() {
        return Err(unreachable(broken, &check.engine));
    }
    if answer.head.status == http::StatusCode::OK {
        return json::parse(&answer.body)
            .map_err(|_| stranger("its answer is not JSON").with_all(answer.last_facts()));
    }
    Err(refusal(&answer, &check.container))
}

async fn ask(attempt: &mut Attempt<'_>, check: &DockerCheck) -> Result<Answer, Fault> {
    match &check.engine {
        DockerEngine::Unix(path) => {
            attempt.trace.enter(Stage::Connect);
            let stream = UnixStream::connect(path).await;
            attempt.trace.enter(Stage::Idle);
            let stream = stream.map_err(|error| socket_fault(&error, path))?;
            let request = request(attempt, &check.container, "localhost")?;
            let single = Single {
                stream,
                completion: Completion::default(),
                max_body_bytes: MAX_BODY_BYTES,
            };
            single.http1(attempt, request).await
        }
        DockerEngine::Tcp { host, port } => over_tcp(attempt, check, host, *port, None).await,
        DockerEngine::Tls { host, port, tls } => {
            over_tcp(attempt, check, host, *port, Some(tls)).await
        }
    }
}

async fn over_tcp(
    attempt: &mut Attempt<'_>,
    check: &DockerCheck,
    host: &str,
    port: u16,
    options: Option<&TlsOptions>,
) -> Result<Answer, Fault> {
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let request = request(attempt, &check.container, &format!("{bracketed}:{port}"))?;
    let wire = Wire::new(attempt.dial(host, port, IpFamily::Auto).await?);
    let completion = wire.completion();
    let max_body_bytes = MAX_BODY_BYTES;
    match options {
        None => Single { stream: wire, completion, max_body_bytes }.http1(attempt, request).await,
        Some(options) => {
            let stream = tls::connect(attempt, wire, host, options, Alpn::Http1).await?;
            Single { stream, completion, max_body_bytes }.http1(attempt, request).await
        }
    }
}

/// Without a version in the path an engine answers in its own newest one; what is read here has
/// been the same in all of them.
fn request(
    attempt: &Attempt<'_>,
    container: &str,
    host: &str,
) -> Result<Request<Full<Bytes>>, Fault> {
    let invalid = |what: &str| Fault::target(Reason::TargetInvalid, what);
    let agent = HeaderValue::from_str(&attempt.settings.networking.user_agent)
        .map_err(|_| invalid("`networking.userAgent` is not valid in a header"))?;
    Request::get(format!("/containers/{container}/json"))
        .header(HOST, host)
        .header(USER_AGENT, agent)
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::new()))
        .map_err(|_| invalid("the container's name cannot be part of a request"))
}

fn socket_fault(error: &io::Error, path: &str) -> Fault {
    match error.kind() {
        ErrorKind::NotFound => engine(format!("there is no socket {path}")),
        ErrorKind::ConnectionRefused => engine(format!("nothing listens on the socket {path}")),
        ErrorKind::PermissionDenied => Fault::ours(
            Reason::Permission,
            format!(
                "this process may not use the socket {path}; it belongs to a group, usually docker"
            ),
        ),
        _ => connect_fault(error, path),
    }
}

fn engine(message: String) -> Fault {
    Fault::target(Reason::DockerEngine, message)
}

/// Something answers that does not behave as an engine does.
fn stranger(why: &str) -> Fault {
    engine(format!("what answers is no Docker engine: {why}"))
}

/// Says nothing about the container. What TLS finds wrong is precise enough as it is.
fn unreachable(mut fault: Fault, at: &DockerEngine) -> Fault {
    if let Outcome::Failure(reason) = fault.outcome
        && reason != Reason::DockerEngine
        && !reason.code().starts_with("TLS_")
        && reason != Reason::TargetInvalid
    {
        fault.outcome = Outcome::Failure(Reason::DockerEngine);
        fault.message = format!("the engine {at} cannot be asked: {}", fault.message);
        fault = fault.with("engine reason", reason.code());
    }
    fault
}

/// An answer other than 200.
fn refusal(answer: &Answer, container: &str) -> Fault {
    let said = json::parse(&answer.body).ok();
    let said = said.as_ref().and_then(|it| it["message"].as_str()).unwrap_or_default();
    let lower = said.to_ascii_lowercase();
    let status = answer.status_line();
    let fault = if answer.head.status == http::StatusCode::NOT_FOUND
        && lower.contains("no such container")
    {
        Fault::target(
            Reason::DockerNotFound,
            format!("the engine knows no container `{container}`"),
        )
    } else if lower.contains("multiple ids found") || lower.contains("more than one") {
        Fault::target(
            Reason::TargetInvalid,
            format!("several containers' ids begin with `{container}`; write one of them whole"),
        )
    } else if said.is_empty() {
        stranger(&format!("status {status}"))
    } else {
        let said: String = said.chars().filter(|c| !c.is_control()).collect();
        engine(format!("the engine says {status}: {}", bounded(said, MAX_SHOWN_BYTES)))
    };
    fault.with_all(answer.last_facts())
}
