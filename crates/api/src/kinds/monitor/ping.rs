//! `target.ping`: ICMP echo.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::IpFamilySpec;

/// Echo requests to a host. Where ICMP is not permitted to KubeKuma, a TCP connection stands in
/// if that is allowed; the result names the method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PingTarget {
    /// Name or address.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// How many requests. Default: `1`.
    #[schemars(range(min = 1, max = 100))]
    pub count: Option<u32>,
    /// Payload in bytes. Default: `56`.
    #[schemars(range(min = 0, max = 65_000))]
    pub packet_size: Option<u32>,
    /// Share of unanswered requests that is still a success, in per cent. Default: `0`.
    #[schemars(range(min = 0, max = 100))]
    pub max_loss_percent: Option<u32>,
    /// Whether a TCP connection may stand in for ICMP. Default: the settings'
    /// `networking.ping.mode`.
    pub tcp_fallback: Option<bool>,
    /// Port of that connection. Default: the settings' `networking.ping.tcpFallbackPort`.
    #[schemars(range(min = 1, max = 65_535))]
    pub tcp_fallback_port: Option<u16>,
    /// Which addresses may be asked. Default: `auto`.
    pub ip_family: Option<IpFamilySpec>,
}
