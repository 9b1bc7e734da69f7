//! Status codes of gRPC, and where an answer has its own.

use http::HeaderMap;
use kuma_core::observation::bounded;

use crate::http::{Answer, percent_decoded};

/// Longest message of a server that is shown, in bytes.
const MAX_SHOWN_BYTES: usize = 200;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// The code.
    pub(super) code: u32,
    /// The server's words, made fit to be shown.
    pub(super) message: String,
}

impl Status {
    /// The status in the trailers, or in the headers of an answer that is nothing else. `Err` is a
    /// status that is no number.
    pub(super) fn of(answer: &Answer) -> Result<Option<Self>, String> {
        let holds = |headers: &HeaderMap| headers.contains_key("grpc-status");
        let headers =
            [&answer.trailers, &answer.head.headers].into_iter().find(|headers| holds(headers));
        let Some(headers) = headers else {
            return Ok(None);
        };
        let text = |name: &str| {
            let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
            value.map(std::borrow::Cow::into_owned).unwrap_or_default()
        };
        let code = text("grpc-status");
        let code = code.parse().map_err(|_| bounded(code, MAX_SHOWN_BYTES))?;
        let message = percent_decoded(&text("grpc-message"));
        let message = message.chars().filter(|c| !c.is_control()).collect();
        Ok(Some(Self { code, message: bounded(message, MAX_SHOWN_BYTES) }))
    }

    /// The code's name, with the server's words.
    pub(super) fn sentence(&self) -> String {
        let name = name(self.code);
        if self.message.is_empty() { name } else { format!("{name}: {}", self.message) }
    }
}

/// The code's name (gRPC, "Status codes and their use").
fn name(code: u32) -> String {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let known = usize::try_from(code).ok().and_then(|index| NAMES.get(index));
    known.map_or_else(|| format!("status {code}"), |name| (*name).to_owned())
}
