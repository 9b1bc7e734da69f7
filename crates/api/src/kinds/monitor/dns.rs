//! `target.dns`: a question to a DNS server and what its answer must hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{TlsSpec, rules};

/// A DNS question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    ("!has(self.tls) || (has(self.protocol) && self.protocol == 'tls')", "tls needs protocol tls"),
])))]
pub struct DnsTarget {
    /// Name to ask for.
    #[schemars(length(min = 1, max = 253))]
    pub domain: String,
    /// Record type to ask for. Default: `A`.
    pub record_type: Option<RecordTypeSpec>,
    /// Server to ask, `address`, `host` or `host:port`; the port is 53, or 853 with protocol
    /// `tls`, unless said. Default: the settings' `networking.dns.resolvers`, else the system's.
    #[schemars(length(min = 1, max = 260))]
    pub server: Option<String>,
    /// How the question travels. Default: `udp`.
    pub protocol: Option<DnsProtocolSpec>,
    /// How TLS is spoken, for protocol `tls`.
    pub tls: Option<TlsSpec>,
    /// Values that the answer must hold, as a zone file has them; case and a trailing dot do not
    /// matter. Default: any.
    #[schemars(length(max = 64), inner(length(min = 1, max = 4096)))]
    pub expected: Option<Vec<String>>,
    /// How they are compared. Default: `all`.
    #[serde(rename = "match")]
    pub match_: Option<DnsMatch>,
    /// Answer code that is expected. Default: `NOERROR`.
    pub rcode: Option<RcodeSpec>,
}

/// A record type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum RecordTypeSpec {
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
    /// Certification authority authorisation.
    Caa,
    /// Alias.
    Cname,
    /// Mail exchange.
    Mx,
    /// Name server.
    Ns,
    /// Reverse name.
    Ptr,
    /// Start of authority.
    Soa,
    /// Service.
    Srv,
    /// Text.
    Txt,
}

/// How a DNS question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum DnsProtocolSpec {
    /// UDP, and TCP when the answer was cut.
    Udp,
    /// TCP.
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
}

/// How an answer is compared with what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum DnsMatch {
    /// One of the expected values is in the answer.
    Any,
    /// All of them are.
    All,
    /// All of them are, and nothing else.
    Exact,
}

/// A DNS answer code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum RcodeSpec {
    /// No error.
    Noerror,
    /// Format error.
    Formerr,
    /// Server failure.
    Servfail,
    /// No such name.
    Nxdomain,
    /// Not implemented.
    Notimp,
    /// Refused.
    Refused,
}
