//! `target.tcp`: a connection, with TLS and an exchange if asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{StarttlsProtocol, TlsVersionSpec, rules};
use crate::kinds::common::SecretKeyRef;

/// A TCP connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.expectRegex) || has(self.expect)",
    "expectRegex says how expect is read; set expect too",
)])))]
pub struct TcpTarget {
    /// Name or address.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Port.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// Text to send once connected; `\r\n` is written as escapes of YAML. May hold
    /// `${SECRET:name:key}`. Default: nothing.
    #[schemars(length(min = 1, max = 65_536))]
    pub send: Option<String>,
    /// Text that must come back. Default: nothing.
    #[schemars(length(min = 1, max = 4096))]
    pub expect: Option<String>,
    /// Whether `expect` is a regular expression. Default: `false`.
    pub expect_regex: Option<bool>,
    /// TLS on the connection. Default: none.
    pub tls: Option<TcpTlsSpec>,
}

/// TLS on a TCP connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpTlsSpec {
    /// Whether TLS is spoken. Default: `false`.
    pub enabled: Option<bool>,
    /// Whether chain and name of the certificate are verified. Default: `true`.
    pub verify: Option<bool>,
    /// Name to ask for and verify. Default: the host.
    #[schemars(length(min = 1, max = 253))]
    pub sni: Option<String>,
    /// Protocol that changes to TLS. Default: none, TLS from the first byte.
    pub starttls: Option<StarttlsProtocol>,
    /// Secret with a PEM bundle of the authorities to trust. Default: the system's.
    pub ca_bundle_secret_ref: Option<SecretKeyRef>,
    /// Secret with our certificate chain and key as PEM. Default: none.
    pub client_cert_secret_ref: Option<SecretKeyRef>,
    /// Lowest TLS version accepted. Default: `"1.2"`.
    pub min_version: Option<TlsVersionSpec>,
    /// Days before expiry from which the state is degraded. Default: never.
    #[schemars(range(min = 1, max = 3650))]
    pub warn_before_days: Option<u32>,
}
