//! `websocket`: a handshake and an exchange of messages.

use std::time::Duration;

use kuma_expr::{JsonPath, Pattern};

use super::{HttpCheck, JsonExpectation, JsonOperator};
use crate::secret::SecretText;

/// A WebSocket and what is expected on it.
#[derive(Debug, Clone, PartialEq)]
pub struct WebsocketCheck {
    /// The request that asks for it: a GET to a `ws` or `wss` URL. Its redirects are not followed
    /// and its criteria do not count; only 101 is an agreement.
    pub handshake: HttpCheck,
    /// Subprotocols to offer; the server must choose one of them if there are any.
    pub subprotocols: Vec<String>,
    /// What to send once connected.
    pub message: Option<WebsocketMessage>,
    /// What a message in return must be like; none means that none is awaited.
    pub expect: Option<WebsocketExpect>,
    /// Within what time of the handshake a message must arrive.
    pub receive_within: Option<Duration>,
}

impl WebsocketCheck {
    /// Largest message that is read, in bytes.
    pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
    /// How much is read in all, in bytes.
    pub const MAX_RECEIVED_BYTES: usize = 4 * 1024 * 1024;
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebsocketMessage {
    /// A text message.
    Text(SecretText),
    /// A binary message.
    Binary(Vec<u8>),
}

/// What one of the messages that come must be like.
#[derive(Debug, Clone, PartialEq)]
pub enum WebsocketExpect {
    /// Any message.
    Any,
    /// It holds this text.
    Text(String),
    /// It holds a match.
    Regex(Pattern),
    /// It is JSON, and a query of it gives what is expected.
    Json {
        /// RFC 9535.
        query: JsonPath,
        /// How to compare.
        operator: JsonOperator,
        /// With what.
        expected: JsonExpectation,
    },
}
