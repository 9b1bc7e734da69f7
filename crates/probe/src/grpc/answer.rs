//! What an answer means.

use http::header::CONTENT_TYPE;
use kuma_core::reason::Reason;

use super::broken;
use super::message::{self, Health};
use super::status::Status;
use crate::attempt::Verdict;
use crate::fault::Fault;
use crate::http::Answer;

/// Judges an answer; `torn` is what ended its body early.
pub(super) fn judge(answer: &Answer, torn: Option<Fault>, service: &str) -> Verdict {
    let status = Status::of(answer)
        .map_err(|text| broken(format!("the answer's `grpc-status` is `{text}`")))?;
    let Some(status) = status else {
        http_status(answer)?;
        return Err(torn.unwrap_or_else(|| broken("the answer ends without a `grpc-status`")));
    };
    let said = status.sentence();
    match status.code {
        0 => {}
        5 => return Err(unknown_service(service, &said)),
        7 | 16 => {
            return Err(Fault::target(
                Reason::GrpcUnauthenticated,
                format!("the health service refuses us: {said}"),
            ));
        }
        12 => {
            return Err(Fault::target(
                Reason::GrpcUnimplemented,
                format!("the server has no health service: {said}"),
            ));
        }
        _ => {
            return Err(Fault::target(Reason::GrpcStatus, format!("the call ended with {said}")));
        }
    }
    if let Some(torn) = torn {
        return Err(torn);
    }
    let health = message::answer(&answer.body)
        .map_err(|why| broken(format!("the call is OK, but {why}")))?;
    let whom = whom(service);
    let not_serving =
        |word: &str| Err(Fault::target(Reason::GrpcNotServing, format!("{whom} says {word}")));
    match health {
        Health::Serving => Ok(format!("{whom} says SERVING")),
        Health::NotServing => not_serving("NOT_SERVING"),
        Health::Unknown => not_serving("UNKNOWN: its health is not known yet"),
        Health::ServiceUnknown => Err(unknown_service(service, "SERVICE_UNKNOWN")),
        Health::Other(number) => not_serving(&format!("{number}, which no version defines")),
    }
}

fn whom(service: &str) -> String {
    if service.is_empty() { "the server".to_owned() } else { format!("service {service}") }
}

fn unknown_service(service: &str, said: &str) -> Fault {
    let whom = if service.is_empty() {
        "the server as a whole".to_owned()
    } else {
        format!("the service `{service}`")
    };
    Fault::target(
        Reason::GrpcUnknownService,
        format!("the health service does not know {whom}: {said}"),
    )
}

/// What an answer without a gRPC status means, which something on the way may have given
/// (gRPC, "HTTP to gRPC Status Code Mapping").
fn http_status(answer: &Answer) -> Result<(), Fault> {
    let status = answer.status_line();
    let content_type = answer.head.headers.get(CONTENT_TYPE);
    let is_grpc =
        content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    match answer.head.status.as_u16() {
        200 if is_grpc => Ok(()),
        200 => Err(broken("what answers speaks HTTP/2 and no gRPC")),
        401 | 403 => Err(Fault::target(
            Reason::GrpcUnauthenticated,
            format!("the health service refuses us: HTTP status {status}"),
        )),
        429 | 502 | 503 | 504 => Err(Fault::target(
            Reason::GrpcStatus,
            format!("the call ended with UNAVAILABLE: HTTP status {status}"),
        )),
        _ => Err(broken(format!("what answers speaks HTTP/2 and no gRPC: status {status}"))),
    }
}

/// What a person is shown: no body, which is a few bytes that nobody reads.
pub(super) fn facts(answer: &Answer) -> Vec<(String, String)> {
    let mut facts = answer.last_facts();
    let is_grpc = answer
        .head
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    facts.retain(|(name, _)| name != "body" || !is_grpc);
    for (name, value) in answer.trailers.iter().take(8) {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        facts.push((format!("trailer {name}"), value));
    }
    facts
}
