//! `networking`: how the network is used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// How the network is used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkingSpec {
    /// `User-Agent` of HTTP checks. Default: `KubeKuma/<version>`.
    #[schemars(length(min = 1, max = 256))]
    pub user_agent: Option<String>,
    /// How names are resolved.
    pub dns: Option<DnsSettingsSpec>,
    /// How ping works.
    pub ping: Option<PingSettingsSpec>,
    /// Which addresses may be asked.
    pub egress: Option<EgressSpec>,
    /// When so much fails at once that the fault may be our own.
    pub self_check: Option<SelfCheckSpec>,
}

/// How names are resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.resolvers) || !has(self.servers)",
    "servers is an alias of resolvers; set only one of them",
)])))]
pub struct DnsSettingsSpec {
    /// DNS servers, `address` or `address:port`. Default: the system's.
    #[schemars(length(max = 16), inner(length(min = 1, max = 260)))]
    pub resolvers: Option<Vec<String>>,
    /// Alias of `resolvers`.
    #[schemars(length(max = 16), inner(length(min = 1, max = 260)))]
    pub servers: Option<Vec<String>>,
    /// Seconds that a look-up may take. Default: `5`.
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: Option<u32>,
}

/// How ping works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PingSettingsSpec {
    /// ICMP only, ICMP with TCP where ICMP is not permitted, or TCP only.
    /// Default: `tcpFallback`.
    pub mode: Option<PingModeSpec>,
    /// Port of the TCP connection that stands in. Default: `443`.
    #[schemars(range(min = 1, max = 65_535))]
    pub tcp_fallback_port: Option<u16>,
    /// Whether raw sockets may be used. Default: `true`.
    pub privileged: Option<bool>,
}

/// Whether ping uses ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum PingModeSpec {
    /// ICMP or nothing.
    Icmp,
    /// ICMP, and TCP where ICMP is not permitted.
    TcpFallback,
    /// TCP.
    TcpOnly,
}

/// Which addresses may be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EgressSpec {
    /// Networks in CIDR notation; if there are any, monitors ask only these. An entry within 169.254.0.0/16 or
    /// fe80::/10, or one that is a cloud's metadata address, permits what it names; a wider one
    /// does not. A Namespace's annotation `kubekuma.io/egress-allow` takes its place there.
    /// Default: all.
    #[schemars(length(max = 256), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub allow: Option<Vec<String>>,
    /// Networks in CIDR notation that are never asked; beats `allow`. A Namespace's annotation
    /// `kubekuma.io/egress-deny` adds to them. Default: none.
    #[schemars(length(max = 256), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub deny: Option<Vec<String>>,
    /// Whether link-local addresses and those of cloud metadata may be asked. Default: `false`.
    pub allow_link_local: Option<bool>,
}

/// When so much fails at once that the fault may be our own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelfCheckSpec {
    /// `host:port` to connect to, to see whether we have a network. Default: none.
    #[schemars(length(max = 16), inner(length(min = 1, max = 260)), extend("x-kubernetes-list-type" = "set"))]
    pub targets: Option<Vec<String>>,
    /// Whether that is looked for. Default: `true`.
    pub enabled: Option<bool>,
    /// At least so many monitors newly fail. Default: `5`.
    #[schemars(range(min = 1, max = 100_000))]
    pub min_monitors: Option<u32>,
    /// On at least so many networks. Default: `3`.
    #[schemars(range(min = 1, max = 100_000))]
    pub min_hosts: Option<u32>,
    /// And more than this share of all that ran, 0 to 1. Default: `0.5`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub fraction: Option<f64>,
}
