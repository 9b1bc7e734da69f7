//! `target.grpc`: the gRPC health checking protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TlsSpec;
use crate::kinds::common::TextMap;

/// A gRPC server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcTarget {
    /// `host:port`.
    #[schemars(length(min = 1, max = 260))]
    pub address: String,
    /// Service to ask about. Default: the server as a whole.
    #[schemars(length(min = 1, max = 256))]
    pub service: Option<String>,
    /// How TLS is spoken; `{}` for TLS as it is usual. Default: no TLS.
    pub tls: Option<TlsSpec>,
    /// `:authority` of the request. Default: the address.
    #[schemars(length(min = 1, max = 260))]
    pub authority: Option<String>,
    /// Metadata of the call, such as `authorization`. Values may hold `${SECRET:name:key}`; those
    /// of names that end in `-bin` are Base64. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    pub metadata: Option<TextMap>,
}
