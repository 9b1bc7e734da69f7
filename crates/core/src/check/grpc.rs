//! `grpc`: a server's own words about its health (gRPC Health Checking Protocol, version 1).

use super::TlsOptions;
use crate::secret::SecretText;

/// A gRPC server and the service asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcCheck {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The service; empty for the server as a whole.
    pub service: String,
    /// TLS; none means HTTP/2 without it.
    pub tls: Option<TlsOptions>,
    /// `:authority` of the request, if not host and port.
    pub authority: Option<String>,
    /// Metadata in order, names in lower case. The values of names that end in `-bin` are Base64.
    pub metadata: Vec<(String, SecretText)>,
}

impl GrpcCheck {
    /// `host:port`, and the service where one is named.
    pub fn target(&self) -> String {
        let Self { host, port, service, .. } = self;
        if service.is_empty() {
            format!("{host}:{port}")
        } else {
            format!("{host}:{port} {service}")
        }
    }
}
