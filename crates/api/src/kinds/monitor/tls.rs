//! `tls` blocks of targets, and `target.tls`: a certificate alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::common::SecretKeyRef;

/// How TLS is spoken with a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsSpec {
    /// Whether chain and name of the certificate are verified. Default: `true`.
    pub verify: Option<bool>,
    /// Name to ask for and verify. Default: the target's host.
    #[schemars(length(min = 1, max = 253))]
    pub sni: Option<String>,
    /// Secret with a PEM bundle of the authorities to trust. Default: the system's.
    pub ca_bundle_secret_ref: Option<SecretKeyRef>,
    /// Secret with our certificate chain and key as PEM. Default: none.
    pub client_cert_secret_ref: Option<SecretKeyRef>,
    /// Lowest TLS version accepted. Default: `"1.2"`.
    pub min_version: Option<TlsVersionSpec>,
    /// Days before the certificate's expiry from which the state is degraded. Default: never.
    #[schemars(range(min = 1, max = 3650))]
    pub warn_before_days: Option<u32>,
}

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum TlsVersionSpec {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V13,
}

/// Which addresses may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum IpFamilySpec {
    /// Both.
    Auto,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// A protocol that begins in the clear and changes to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum StarttlsProtocol {
    /// Mail transfer (RFC 3207).
    Smtp,
    /// Mail reading (RFC 3501).
    Imap,
    /// Mail reading (RFC 2595).
    Pop3,
    /// Files (RFC 4217).
    Ftp,
    /// Directory (RFC 4511).
    Ldap,
    /// PostgreSQL's SSLRequest.
    Postgres,
    /// MySQL's SSL flag.
    Mysql,
    /// Messages (RFC 6120).
    Xmpp,
}

/// `target.tls`: the certificate of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsTarget {
    /// Name or address.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Port. Default: `443`.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// Name to ask for and verify. Default: the host.
    #[schemars(length(min = 1, max = 253))]
    pub sni: Option<String>,
    /// Protocol that changes to TLS. Default: none, TLS from the first byte.
    pub starttls: Option<StarttlsProtocol>,
    /// Whether chain and name of the certificate are verified. Default: `true`.
    pub verify: Option<bool>,
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
