//! `dns`: a question to a DNS server and what its answer must hold.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TlsOptions;

/// The record types that may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// IPv4 address.
    #[default]
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

impl RecordType {
    /// The name as written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the question travels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DnsProtocol {
    /// UDP, and TCP when the answer was cut.
    #[default]
    Udp,
    /// TCP.
    Tcp,
    /// TLS (RFC 7858), on port 853 unless the server says another.
    Tls(Box<TlsOptions>),
}

/// How the answer is compared with what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchMode {
    /// Every expected value is in the answer.
    #[default]
    All,
    /// At least one is.
    Any,
    /// The answer holds them and nothing else.
    Exact,
}

/// The answer code that is expected (RFC 1035 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Rcode {
    /// 0.
    #[default]
    Noerror,
    /// 1.
    Formerr,
    /// 2.
    Servfail,
    /// 3.
    Nxdomain,
    /// 4.
    Notimp,
    /// 5.
    Refused,
}

/// A DNS question and what is expected of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsCheck {
    /// The name asked for.
    pub domain: String,
    /// The type asked for.
    pub record_type: RecordType,
    /// `host`, `host:port` or an address; none means the settings' resolvers, else the system's.
    pub server: Option<String>,
    /// How to ask.
    pub protocol: DnsProtocol,
    /// Values in presentation form, compared without case and trailing dot.
    pub expected: Vec<String>,
    /// How to compare.
    pub match_mode: MatchMode,
    /// The expected code.
    pub rcode: Rcode,
    /// Whether NOERROR needs at least one record of the type (`successCriteria.dns.mustResolve`).
    pub must_resolve: bool,
}

impl DnsCheck {
    /// `name TYPE` and the server when one is named.
    pub fn target(&self) -> String {
        match &self.server {
            Some(server) => format!("{} {} @{server}", self.domain, self.record_type),
            None => format!("{} {}", self.domain, self.record_type),
        }
    }
}
