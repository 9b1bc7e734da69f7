//! What can be checked: one validated configuration per type, tied together by [`Check`]. How it
//! is done lives in `crates/probe`, one file per type.

mod condition;
mod dns;
mod docker;
mod group;
mod grpc;
mod http;
pub mod kubernetes;
mod ping;
mod push;
mod reasons;
mod starttls;
mod steam;
mod tcp;
mod tls;
pub mod value;
mod websocket;

use std::fmt;
use std::time::Duration;

use kuma_expr::Condition;
use serde::{Deserialize, Serialize};

pub use condition::variables;
pub use dns::{DnsCheck, DnsProtocol, MatchMode, Rcode, RecordType};
pub use docker::{DockerCheck, DockerEngine};
pub use group::{GroupCheck, GroupMembers, GroupRule};
pub use grpc::GrpcCheck;
pub use http::{
    ClientAuthentication, ClientCredentials, Content, HeaderMatch, HttpAuth, HttpBody, HttpCheck,
    HttpCriteria, HttpVersion, JsonExpectation, JsonOperator, JsonQueryCheck, Keyword,
    KeywordCheck, Proxy, ProxyKind, StatusRange,
};
pub use kubernetes::KubernetesCheck;
pub use ping::PingCheck;
pub use push::PushCheck;
pub use starttls::Starttls;
pub use steam::SteamCheck;
pub use tcp::{TcpCheck, TcpExpect};
pub use tls::TlsCheck;
pub use websocket::{WebsocketCheck, WebsocketExpect, WebsocketMessage};

use crate::secret::SecretRef;

/// The closed list of check types (`crds.md`, Monitor: `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckType {
    /// An HTTP request.
    Http,
    /// An HTTP request whose body must hold a keyword.
    Keyword,
    /// An HTTP request whose JSON body is queried.
    JsonQuery,
    /// A TCP connection, with an exchange if asked.
    Tcp,
    /// A DNS question.
    Dns,
    /// ICMP echo.
    Ping,
    /// A WebSocket handshake and exchange.
    Websocket,
    /// The job tells us.
    Push,
    /// A Steam game server query.
    Steam,
    /// The health of a Kubernetes object.
    Kubernetes,
    /// The health of a Docker container.
    Docker,
    /// gRPC health checking.
    Grpc,
    /// A certificate alone.
    Tls,
    /// Other monitors together.
    Group,
}

impl CheckType {
    /// Every type, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::Http,
        Self::Keyword,
        Self::JsonQuery,
        Self::Tcp,
        Self::Dns,
        Self::Ping,
        Self::Websocket,
        Self::Push,
        Self::Steam,
        Self::Kubernetes,
        Self::Docker,
        Self::Grpc,
        Self::Tls,
        Self::Group,
    ];

    /// The name as written in `type:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Keyword => "keyword",
            Self::JsonQuery => "jsonQuery",
            Self::Tcp => "tcp",
            Self::Dns => "dns",
            Self::Ping => "ping",
            Self::Websocket => "websocket",
            Self::Push => "push",
            Self::Steam => "steam",
            Self::Kubernetes => "kubernetes",
            Self::Docker => "docker",
            Self::Grpc => "grpc",
            Self::Tls => "tls",
            Self::Group => "group",
        }
    }
}

impl fmt::Display for CheckType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a monitor checks, validated.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// See [`HttpCheck`].
    Http(Box<HttpCheck>),
    /// See [`KeywordCheck`].
    Keyword(Box<KeywordCheck>),
    /// See [`JsonQueryCheck`].
    JsonQuery(Box<JsonQueryCheck>),
    /// See [`TcpCheck`].
    Tcp(Box<TcpCheck>),
    /// See [`DnsCheck`].
    Dns(Box<DnsCheck>),
    /// See [`PingCheck`].
    Ping(Box<PingCheck>),
    /// See [`TlsCheck`].
    Tls(Box<TlsCheck>),
    /// See [`WebsocketCheck`].
    Websocket(Box<WebsocketCheck>),
    /// See [`SteamCheck`].
    Steam(Box<SteamCheck>),
    /// See [`DockerCheck`].
    Docker(Box<DockerCheck>),
    /// See [`GrpcCheck`].
    Grpc(Box<GrpcCheck>),
    /// See [`PushCheck`].
    Push(Box<PushCheck>),
    /// See [`GroupCheck`].
    Group(Box<GroupCheck>),
    /// See [`KubernetesCheck`].
    Kubernetes(Box<KubernetesCheck>),
}

/// How a run of a check is started and which concurrency limit it counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunClass {
    /// Ordinary sockets.
    Network,
    /// Raw or ICMP sockets.
    Privileged,
    /// Never probed: decided by arrivals (push) or by other monitors (group).
    Passive,
}

impl RunClass {
    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Privileged => "privileged",
            Self::Passive => "passive",
        }
    }
}

impl Check {
    /// Its type.
    pub const fn check_type(&self) -> CheckType {
        match self {
            Self::Http(_) => CheckType::Http,
            Self::Keyword(_) => CheckType::Keyword,
            Self::JsonQuery(_) => CheckType::JsonQuery,
            Self::Tcp(_) => CheckType::Tcp,
            Self::Dns(_) => CheckType::Dns,
            Self::Ping(_) => CheckType::Ping,
            Self::Tls(_) => CheckType::Tls,
            Self::Websocket(_) => CheckType::Websocket,
            Self::Steam(_) => CheckType::Steam,
            Self::Docker(_) => CheckType::Docker,
            Self::Grpc(_) => CheckType::Grpc,
            Self::Push(_) => CheckType::Push,
            Self::Group(_) => CheckType::Group,
            Self::Kubernetes(_) => CheckType::Kubernetes,
        }
    }

    /// Which limit its runs count against.
    pub const fn run_class(&self) -> RunClass {
        match self {
            Self::Ping(_) => RunClass::Privileged,
            Self::Push(_) | Self::Group(_) => RunClass::Passive,
            _ => RunClass::Network,
        }
    }

    /// What is checked, without credentials: shown to people, and together with the type the
    /// identity whose change starts a new run at once (`engine.md`).
    pub fn target(&self) -> String {
        match self {
            Self::Http(check) => check.target(),
            Self::Keyword(check) => check.http.target(),
            Self::JsonQuery(check) => check.http.target(),
            Self::Tcp(check) => format!("{}:{}", check.host, check.port),
            Self::Dns(check) => check.target(),
            Self::Ping(check) => check.host.clone(),
            Self::Tls(check) => check.target(),
            Self::Websocket(check) => check.handshake.target(),
            Self::Steam(check) => format!("{}:{}", check.host, check.port),
            Self::Docker(check) => check.target(),
            Self::Grpc(check) => check.target(),
            Self::Push(_) => "push".to_owned(),
            Self::Group(check) => check.target(),
            Self::Kubernetes(check) => check.target(),
        }
    }

    /// The host that is asked, for the per-host limit and the own-fault guard's networks.
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Http(check) => check.host(),
            Self::Keyword(check) => check.http.host(),
            Self::JsonQuery(check) => check.http.host(),
            Self::Tcp(check) => Some(check.host.clone()),
            Self::Dns(check) => check.server.clone(),
            Self::Ping(check) => Some(check.host.clone()),
            Self::Tls(check) => Some(check.host.clone()),
            Self::Websocket(check) => check.handshake.host(),
            Self::Steam(check) => Some(check.host.clone()),
            Self::Docker(check) => check.engine.host().map(str::to_owned),
            Self::Grpc(check) => Some(check.host.clone()),
            Self::Push(_) | Self::Group(_) | Self::Kubernetes(_) => None,
        }
    }
}

/// Which addresses may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    /// Both, the resolver's order, the other family when the first does not connect.
    #[default]
    Auto,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// The lowest TLS version accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V12,
    /// TLS 1.3.
    V13,
}

/// How TLS is spoken with a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whether chain and name are verified.
    pub verify: bool,
    /// The name to ask for and verify; default: the target's host.
    pub sni: Option<String>,
    /// PEM bundle of authorities trusted instead of the system's.
    pub ca_bundle: Option<SecretRef>,
    /// PEM with our certificate chain and key (`tls.crt` and `tls.key` together).
    pub client_cert: Option<SecretRef>,
    /// Lowest version accepted.
    pub min_version: TlsVersion,
    /// Days before expiry from which the state is degraded.
    pub warn_before_days: Option<u32>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            verify: true,
            sni: None,
            ca_bundle: None,
            client_cert: None,
            min_version: TlsVersion::V12,
            warn_before_days: None,
        }
    }
}

/// Limits that hold for every type (`successCriteria`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Criteria {
    /// Slower is a failure (`LATENCY`).
    pub max_latency: Option<Duration>,
    /// Slower three runs in a row is degraded.
    pub degraded_latency: Option<Duration>,
    /// What must hold besides everything else.
    pub condition: Option<Condition>,
    /// Success and failure are swapped.
    pub upside_down: bool,
}
