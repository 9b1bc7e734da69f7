//! What is said on an open WebSocket: send a message, wait for one that is as expected.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kuma_core::check::{WebsocketCheck, WebsocketExpect, WebsocketMessage};
use kuma_core::reason::Reason;
use kuma_core::secret::ExposeSecret;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::Socket;
use super::limited::is_limit;
use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::http::beginning;
use crate::json_query;
use crate::net::exchange_fault;
use crate::tls;
use crate::trace::Stage;
use crate::words;

/// Has the exchange that `check` asks for.
pub(super) async fn run(
    attempt: &mut Attempt<'_>,
    check: &WebsocketCheck,
    socket: &mut Socket,
) -> Verdict {
    attempt.trace.enter(Stage::Transfer);
    if let Some(message) = &check.message {
        let message = outgoing(attempt, message)?;
        match tokio::time::timeout(attempt.left(), socket.send(message)).await {
            Ok(sent) => sent.map_err(|error| explain(&error, "while sending"))?,
            Err(_) => return Err(Fault::target(Reason::Timeout, "the server takes no message")),
        }
    }
    let Some(expect) = &check.expect else {
        return Ok("connected".to_owned());
    };
    let left = attempt.left();
    let within = check.receive_within.unwrap_or(left).min(left);
    let limit = if within < left { within } else { attempt.timeout };
    let mut heard = Heard::default();
    let listened = tokio::time::timeout(within, heard.listen(socket, expect)).await;
    let verdict = match listened {
        Ok(verdict) => verdict,
        Err(_) => Err(heard.too_late(limit)),
    };
    verdict.map_err(|fault| heard.add_to(fault))?;
    Ok(match expect {
        WebsocketExpect::Any => "connected, a message came".to_owned(),
        _ => "connected, message as expected".to_owned(),
    })
}

fn outgoing(attempt: &Attempt<'_>, message: &WebsocketMessage) -> Result<Message, Fault> {
    Ok(match message {
        WebsocketMessage::Text(text) => {
            let text = text.resolve(attempt.namespace(), attempt.shared.secrets.as_ref())?;
            Message::text(text.expose_secret())
        }
        WebsocketMessage::Binary(bytes) => Message::binary(bytes.clone()),
    })
}

/// What came while we waited.
#[derive(Default)]
struct Heard {
    /// Messages that were not as expected.
    messages: u32,
    /// The last of them.
    last: Vec<u8>,
    /// What is wrong with it.
    why: String,
}

impl Heard {
    /// Waits for a message that is as expected.
    async fn listen(&mut self, socket: &mut Socket, expect: &WebsocketExpect) -> Result<(), Fault> {
        while let Some(message) = socket.next().await {
            let bytes = match message {
                Ok(Message::Text(text)) => text.into(),
                Ok(Message::Binary(bytes)) => bytes,
                Ok(Message::Close(frame)) => return Err(closed(frame)),
                // Pings are answered by the library; pongs and raw frames say nothing.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                Err(Error::Io(error)) if is_limit(&error) => return Err(self.too_much()),
                Err(error) => return Err(explain(&error, "before the expected message")),
            };
            match judge(expect, &bytes) {
                Ok(()) => return Ok(()),
                Err(why) => {
                    self.messages += 1;
                    self.last = bytes.to_vec();
                    self.why = why;
                }
            }
        }
        Err(closed(None))
    }

    fn too_late(&self, limit: Duration) -> Fault {
        let limit = words::duration(limit);
        match self.messages {
            0 => Fault::target(Reason::Timeout, format!("no message came within {limit}")),
            _ => self.mismatch(&format!("within {limit}")),
        }
    }

    fn too_much(&self) -> Fault {
        let most = WebsocketCheck::MAX_RECEIVED_BYTES;
        match self.messages {
            0 => broken(format!("no complete message in the first {most} bytes")),
            _ => self.mismatch(&format!("in the first {most} bytes")),
        }
    }

    fn mismatch(&self, until: &str) -> Fault {
        let count = match self.messages {
            1 => "the only message".to_owned(),
            several => format!("the last of {several} messages"),
        };
        Fault::target(
            Reason::WebsocketMismatch,
            format!("no message as expected came {until}; {count}: {}", self.why),
        )
    }

    fn add_to(&self, fault: Fault) -> Fault {
        if self.messages == 0 { fault } else { fault.with("last message", beginning(&self.last)) }
    }
}

/// Whether a message is as expected, or why not.
fn judge(expect: &WebsocketExpect, message: &[u8]) -> Result<(), String> {
    let holds = match expect {
        WebsocketExpect::Any => true,
        WebsocketExpect::Text(text) => {
            message.windows(text.len().max(1)).any(|window| window == text.as_bytes())
        }
        WebsocketExpect::Regex(pattern) => pattern.is_match_bytes(message),
        WebsocketExpect::Json { query, operator, expected } => {
            return json_query::judge_text(query, *operator, expected, message)
                .map_err(|fault| fault.message);
        }
    };
    if holds { Ok(()) } else { Err(format!("it holds no {}", wanted(expect))) }
}

fn wanted(expect: &WebsocketExpect) -> String {
    match expect {
        WebsocketExpect::Text(text) => format!("`{text}`"),
        WebsocketExpect::Regex(pattern) => format!("match of `{}`", pattern.as_str()),
        WebsocketExpect::Any | WebsocketExpect::Json { .. } => "message".to_owned(),
    }
}

fn closed(frame: Option<CloseFrame>) -> Fault {
    let why = frame.map_or_else(String::new, |frame| {
        let code = u16::from(frame.code);
        let reason: String = frame.reason.chars().filter(|c| !c.is_control()).collect();
        if reason.is_empty() {
            format!(" with code {code}")
        } else {
            format!(" with code {code}: {reason}")
        }
    });
    Fault::target(
        Reason::ConnectionClosed,
        format!("the server closed the WebSocket before the expected message came{why}"),
    )
}

fn broken(message: String) -> Fault {
    Fault::target(Reason::WebsocketProtocol, message)
}

/// What the library's error says about the server.
fn explain(error: &Error, doing: &str) -> Fault {
    match error {
        Error::Io(error) => tls::alert_in(error).unwrap_or_else(|| exchange_fault(error, doing)),
        Error::ConnectionClosed | Error::AlreadyClosed => closed(None),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Fault::target(
            Reason::ConnectionClosed,
            format!("the connection was closed {doing}, without the WebSocket's goodbye"),
        ),
        Error::Protocol(what) => broken(format!("the server breaks the protocol: {what}")),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            broken(format!("a message of more than {} bytes", WebsocketCheck::MAX_MESSAGE_BYTES))
        }
        Error::Utf8(_) => broken("a text message that is not UTF-8".to_owned()),
        other => broken(other.to_string()),
    }
}
