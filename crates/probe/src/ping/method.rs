//! Which way to ping: unprivileged ICMP first, raw ICMP where it is allowed, TCP only where ICMP
//! is not permitted here and the fallback is on. Pure.

use kuma_core::check::PingCheck;
use kuma_core::settings::{NetworkingSettings, PingMode};

/// A way to ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// A datagram ICMP socket, which needs no privilege where the kernel allows it at all.
    Datagram,
    /// A raw socket.
    Raw,
    /// A connection to this port.
    Tcp(u16),
}

impl Method {
    /// The name in messages.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Datagram => "icmp".to_owned(),
            Self::Raw => "icmp-raw".to_owned(),
            Self::Tcp(port) => format!("tcp {port}"),
        }
    }
}

/// The ways in the order in which to try them; the next one only when this host does not permit
/// the one before. A monitor's `tcpFallback` wins over the settings' mode, except that `tcpOnly`
/// means that ICMP is not to be used at all.
pub(crate) fn methods(check: &PingCheck, settings: &NetworkingSettings) -> Vec<Method> {
    let port = check.tcp_fallback_port.unwrap_or(settings.ping_tcp_fallback_port);
    if settings.ping_mode == PingMode::TcpOnly {
        return vec![Method::Tcp(port)];
    }
    let mut methods = vec![Method::Datagram];
    if settings.ping_privileged {
        methods.push(Method::Raw);
    }
    let fallback = check.tcp_fallback.unwrap_or(settings.ping_mode == PingMode::TcpFallback);
    if fallback {
        methods.push(Method::Tcp(port));
    }
    methods
}

/// What to tell a person when this host permits none of the ways.
pub(crate) fn how_to_permit(settings: &NetworkingSettings) -> &'static str {
    if settings.ping_privileged {
        "ICMP is not permitted to this process: set the sysctl `net.ipv4.ping_group_range` to \
         include its group (for example \"0 2147483647\") or give it CAP_NET_RAW, or allow the \
         TCP fallback"
    } else {
        "ICMP is not permitted to this process: set the sysctl `net.ipv4.ping_group_range` to \
         include its group (for example \"0 2147483647\"), or set `networking.ping.privileged: \
         true` and give it CAP_NET_RAW, or allow the TCP fallback"
    }
}

#[cfg(test)]
mod tests {
    use kuma_core::check::IpFamily;

    use super::*;
    use Method::{Datagram, Raw, Tcp};

    fn plan(
        mode: PingMode,
        privileged: bool,
        fallback: Option<bool>,
        port: Option<u16>,
    ) -> Vec<Method> {
        let check = PingCheck {
            host: "a.example".to_owned(),
            count: 1,
            packet_size: 56,
            max_loss_percent: 0,
            tcp_fallback: fallback,
            tcp_fallback_port: port,
            ip_family: IpFamily::Auto,
        };
        let settings = NetworkingSettings {
            ping_mode: mode,
            ping_privileged: privileged,
            ..NetworkingSettings::default()
        };
        methods(&check, &settings)
    }

    #[test]
    fn the_settings_decide_unless_the_monitor_does() {
        use PingMode::{Icmp, TcpFallback, TcpOnly};
        for (mode, privileged, fallback, port, expected) in [
            (TcpFallback, true, None, None, vec![Datagram, Raw, Tcp(443)]),
            (TcpFallback, false, None, Some(22), vec![Datagram, Tcp(22)]),
            (TcpFallback, true, Some(false), None, vec![Datagram, Raw]),
            (Icmp, true, None, None, vec![Datagram, Raw]),
            (Icmp, false, None, None, vec![Datagram]),
            (Icmp, false, Some(true), Some(80), vec![Datagram, Tcp(80)]),
            (TcpOnly, true, None, None, vec![Tcp(443)]),
            (TcpOnly, true, Some(false), Some(80), vec![Tcp(80)]),
        ] {
            assert_eq!(plan(mode, privileged, fallback, port), expected, "{mode:?} {fallback:?}");
        }
    }

    #[test]
    fn the_fix_names_what_would_help() {
        for privileged in [true, false] {
            let settings =
                NetworkingSettings { ping_privileged: privileged, ..NetworkingSettings::default() };
            let fix = how_to_permit(&settings);
            assert!(fix.contains("net.ipv4.ping_group_range") && fix.contains("CAP_NET_RAW"));
            assert_eq!(fix.contains("networking.ping.privileged"), !privileged);
        }
    }
}
