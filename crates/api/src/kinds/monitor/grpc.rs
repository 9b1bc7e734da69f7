//! `target.grpc`: the gRPC health checking protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TlsSpec;

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
    /// How TLS is spoken. Default: no TLS.
    pub tls: Option<TlsSpec>,
    /// `:authority` of the request. Default: the address.
    #[schemars(length(min = 1, max = 260))]
    pub authority: Option<String>,
}
