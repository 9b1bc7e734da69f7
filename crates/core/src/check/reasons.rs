//! Which reasons a check of each type may end with. The documentation is made from this, and the
//! tests of the checks compare every result that they see with it.

use super::CheckType;
use crate::reason::Reason;

use Reason::{
    BodyMismatch, BodyTooLarge, ConnectTimeout, ConnectionClosed, ConnectionRefused,
    ConnectionReset, DnsMalformed, DnsMismatch, DnsNoData, DnsNxdomain, DnsRcode, DnsRefused,
    DnsServfail, DnsTimeout, EgressDenied, GroupRule, HostUnreachable, HttpContentType, HttpHeader,
    HttpProtocol, HttpRedirects, HttpStatus, JsonInvalid, JsonQuery, Latency, NetworkUnreachable,
    NoVerdict, Permission, PingLoss, ProxyAuth, ProxyConnect, ProxyRefused, PushDown, PushMissing,
    ResolverDown, SecretMissing, SteamMalformed, SteamMap, SteamPlayers, StoreDown, TargetInvalid,
    TcpMismatch, Timeout, TlsClientCert, TlsExpired, TlsHandshake, TlsInvalid, TlsNameMismatch,
    TlsNotYetValid, TlsRevoked, TlsStarttls, TlsTimeout, TlsUnsupported, TlsUntrusted,
};

/// What any attempt may end with.
const ANY: &[Reason] = &[
    Timeout,
    Latency,
    Reason::Condition,
    Reason::UpsideDown,
    TargetInvalid,
    Reason::Internal,
    Reason::Cancelled,
    Reason::Resources,
    SecretMissing,
];

/// Looking up a host's addresses.
const NAMES: &[Reason] =
    &[DnsNxdomain, DnsNoData, DnsServfail, DnsRefused, DnsTimeout, ResolverDown];

/// Reaching an address.
const REACH: &[Reason] = &[HostUnreachable, NetworkUnreachable, Permission, EgressDenied];

/// Connections.
const CONNECT: &[Reason] = &[ConnectTimeout, ConnectionRefused, ConnectionReset, ConnectionClosed];

/// TLS on them.
const TLS: &[Reason] = &[
    TlsHandshake,
    TlsTimeout,
    TlsExpired,
    TlsNotYetValid,
    TlsUntrusted,
    TlsNameMismatch,
    TlsRevoked,
    TlsInvalid,
    TlsClientCert,
    TlsUnsupported,
];

/// Ways through a proxy.
const PROXY: &[Reason] = &[ProxyConnect, ProxyAuth, ProxyRefused];

/// Requests and answers.
const HTTP: &[Reason] = &[
    HttpStatus,
    HttpHeader,
    HttpContentType,
    HttpRedirects,
    HttpProtocol,
    BodyTooLarge,
    // A condition may read the body as JSON.
    JsonInvalid,
    Reason::BodyEncoding,
    Reason::TokenUnreachable,
    Reason::TokenRefused,
];

impl CheckType {
    /// Every reason that an attempt of this type may end with, in the order of their numbers.
    pub fn reasons(self) -> Vec<Reason> {
        let groups: &[&[Reason]] = match self {
            Self::Http => &[ANY, NAMES, REACH, CONNECT, TLS, PROXY, HTTP],
            Self::Keyword => &[ANY, NAMES, REACH, CONNECT, TLS, PROXY, HTTP, &[BodyMismatch]],
            Self::JsonQuery => {
                &[ANY, NAMES, REACH, CONNECT, TLS, PROXY, HTTP, &[JsonInvalid, JsonQuery]]
            }
            Self::Tcp => &[ANY, NAMES, REACH, CONNECT, TLS, &[TlsStarttls, TcpMismatch]],
            Self::Dns => &[ANY, NAMES, REACH, CONNECT, TLS, &[DnsRcode, DnsMismatch, DnsMalformed]],
            Self::Ping => &[ANY, NAMES, REACH, &[PingLoss, ConnectTimeout, ConnectionRefused]],
            Self::Websocket => &[
                ANY,
                NAMES,
                REACH,
                CONNECT,
                TLS,
                PROXY,
                &[
                    HttpProtocol,
                    Reason::WebsocketHandshake,
                    Reason::WebsocketProtocol,
                    Reason::WebsocketMismatch,
                ],
            ],
            Self::Grpc => &[
                ANY,
                NAMES,
                REACH,
                CONNECT,
                TLS,
                &[
                    Reason::GrpcStatus,
                    Reason::GrpcUnimplemented,
                    Reason::GrpcUnauthenticated,
                    Reason::GrpcUnknownService,
                    Reason::GrpcNotServing,
                    Reason::GrpcProtocol,
                ],
            ],
            Self::Push => &[&[PushMissing, PushDown, Latency, SecretMissing, StoreDown]],
            Self::Steam => {
                &[ANY, NAMES, REACH, &[ConnectionRefused, SteamMalformed, SteamPlayers, SteamMap]]
            }
            Self::Kubernetes => &[
                &[Timeout, Reason::Condition, Reason::UpsideDown, Reason::Internal],
                &[Reason::Cancelled, Reason::ClusterMode],
                &[
                    Reason::KubernetesNotFound,
                    Reason::KubernetesReplicas,
                    Reason::KubernetesNotReady,
                    Reason::KubernetesEndpoints,
                    Reason::KubernetesJob,
                    Reason::KubernetesOverdue,
                    Reason::KubernetesField,
                    Reason::KubernetesUnknownKind,
                    Reason::KubernetesForbidden,
                    Reason::KubernetesUnavailable,
                    Reason::KubernetesTooMany,
                ],
            ],
            // What else keeps the engine from being asked is a fact beside DOCKER_ENGINE.
            Self::Docker => &[
                ANY,
                TLS,
                &[Permission, EgressDenied, ResolverDown],
                &[
                    Reason::DockerNotRunning,
                    Reason::DockerUnhealthy,
                    Reason::DockerNotFound,
                    Reason::DockerEngine,
                ],
            ],
            Self::Tls => &[ANY, NAMES, REACH, CONNECT, TLS, &[TlsStarttls]],
            Self::Group => &[&[GroupRule, NoVerdict]],
        };
        let mut reasons = groups.concat();
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }

    /// What the process has to be allowed, and what has to be there, for checks of this type;
    /// nothing for most.
    pub const fn needs(self) -> Option<&'static str> {
        match self {
            Self::Ping => Some(
                "Either ICMP sockets that need no privileges (`sysctl net.ipv4.ping_group_range` includes the group of the process; most distributions and Kubernetes do so), or `CAP_NET_RAW`. Without both a run is indeterminate (`PERMISSION`), unless `tcpFallback` allows a TCP connection in its place.",
            ),
            Self::Docker => Some(
                "Access to the engine: for `unix://` the socket, whose group the process must be in (whoever may use it is root on that host; a read-only proxy in front of it is safer), for `tcp://` and `https://` a way to its port, better with a client certificate.",
            ),
            Self::Kubernetes => Some(
                "Cluster mode, and a role that lets KubeKuma get, list and watch objects of the kind: `components/kubernetes-checks` of the manifests is one for Pods, Services' EndpointSlices, workloads, Jobs, claims and Nodes. For anything else the result is `KUBERNETES_FORBIDDEN` and has the rule to add. Objects are watched, not polled: a change is looked at when it happens, and `intervalSeconds` only says how often besides. An object of another namespace needs that namespace's grant when `tenancy.isolated` is set, and objects of the cluster (Nodes) can then be looked at from KubeKuma's own namespace only. Secrets cannot be looked at.",
            ),
            Self::Push => Some(
                "That the job can reach KubeKuma's address. The token in it is the only credential: use TLS.",
            ),
            Self::Dns => Some(
                "UDP and TCP port 53 (TCP 853 for `tls`) to the server; large answers come by TCP.",
            ),
            Self::Steam => Some("UDP to the query port, which may differ from the game's port."),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_reasons_in_order_and_none_twice() {
        for check in CheckType::ALL {
            let reasons = check.reasons();
            assert!(!reasons.is_empty(), "{check}");
            assert!(reasons.is_sorted_by(|a, b| a < b), "{check}: {reasons:?}");
        }
    }
}
