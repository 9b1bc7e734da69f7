//! `target.websocket`: a handshake and an exchange.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{JsonCriteria, ProxySpec, TlsSpec, rules};
use crate::kinds::common::TextMap;

/// A WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.message) || !has(self.messageBase64)",
        "set only one of message and messageBase64",
    ),
    (
        "!has(self.expectedResponse) || !has(self.expectedJson)",
        "set only one of expectedResponse and expectedJson",
    ),
    (
        "!has(self.expectRegex) || has(self.expectedResponse)",
        "expectRegex says how expectedResponse is read; set expectedResponse too",
    ),
])))]
pub struct WebsocketTarget {
    /// Address, `ws://…` or `wss://…`. May hold `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Headers of the handshake, such as `Authorization` and `Origin`. Values may hold
    /// `${SECRET:name:key}`.
    #[schemars(extend("maxProperties" = 64))]
    pub headers: Option<TextMap>,
    /// Subprotocols to offer; the server must choose one of them. Default: none.
    #[schemars(length(max = 16), inner(length(min = 1, max = 128)))]
    pub subprotocols: Option<Vec<String>>,
    /// Text message to send. May hold `${SECRET:name:key}`. Default: none.
    #[schemars(length(max = 65_536))]
    pub message: Option<String>,
    /// Binary message to send, in Base64. Default: none.
    #[schemars(length(max = 65_536))]
    pub message_base64: Option<String>,
    /// Text that a message in return must hold. Default: none.
    #[schemars(length(min = 1, max = 4096))]
    pub expected_response: Option<String>,
    /// Whether `expectedResponse` is a regular expression. Default: `false`.
    pub expect_regex: Option<bool>,
    /// What a query of a message in return, which is JSON, must give. Default: none.
    pub expected_json: Option<JsonCriteria>,
    /// How TLS is spoken, for `wss`.
    pub tls: Option<TlsSpec>,
    /// Proxy to go through. Default: none.
    pub proxy: Option<ProxySpec>,
}
