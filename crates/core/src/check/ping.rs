//! `ping`: ICMP echo, with TCP where ICMP is not permitted and the settings allow it.

use super::IpFamily;

/// Echo requests to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingCheck {
    /// Name or address.
    pub host: String,
    /// How many requests, 1 to 100.
    pub count: u32,
    /// Payload in bytes, 0 to 65,000.
    pub packet_size: u32,
    /// Share of unanswered requests that is still a success, in whole per cent, 0 to 100.
    pub max_loss_percent: u32,
    /// Whether a TCP connection may stand in; none means the settings decide.
    pub tcp_fallback: Option<bool>,
    /// The port for that; none means the settings decide.
    pub tcp_fallback_port: Option<u16>,
    /// Which addresses may be asked.
    pub ip_family: IpFamily,
}
