//! `target.websocket`: a handshake and an exchange.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TlsSpec;
use crate::kinds::common::TextMap;

/// A WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebsocketTarget {
    /// Address, `ws://…` or `wss://…`. May hold `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Headers of the handshake. Values may hold `${SECRET:name:key}`.
    #[schemars(extend("maxProperties" = 64))]
    pub headers: Option<TextMap>,
    /// Subprotocols to offer. Default: none.
    #[schemars(length(max = 16), inner(length(min = 1, max = 128)))]
    pub subprotocols: Option<Vec<String>>,
    /// Text message to send. May hold `${SECRET:name:key}`. Default: none.
    #[schemars(length(max = 65_536))]
    pub message: Option<String>,
    /// Text that a message in return must hold. Default: none.
    #[schemars(length(min = 1, max = 4096))]
    pub expected_response: Option<String>,
    /// How TLS is spoken, for `wss`.
    pub tls: Option<TlsSpec>,
}
