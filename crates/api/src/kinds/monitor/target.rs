//! `spec.type` and `spec.target`: what is checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    DnsTarget, DockerTarget, GroupTarget, GrpcTarget, HttpTarget, JsonQueryTarget, KeywordTarget,
    KubernetesTarget, PingTarget, PushTarget, SteamTarget, TcpTarget, TlsTarget, WebsocketTarget,
    rules,
};

/// What kind of check a monitor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum MonitorType {
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
    /// The job tells us; silence is the failure.
    Push,
    /// A Steam game server query.
    Steam,
    /// The health of a Kubernetes object.
    Kubernetes,
    /// Alias of `kubernetes`.
    K8s,
    /// The health of a Docker container.
    Docker,
    /// gRPC health checking.
    Grpc,
    /// A certificate alone.
    Tls,
    /// Other monitors together.
    Group,
}

/// What is checked; exactly the key that `type` names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetSpec {
    /// For type http; also for keyword and jsonQuery when `successCriteria` says what to look for.
    pub http: Option<HttpTarget>,
    /// For type keyword.
    pub keyword: Option<KeywordTarget>,
    /// For type jsonQuery.
    pub json_query: Option<JsonQueryTarget>,
    /// For type tcp.
    pub tcp: Option<TcpTarget>,
    /// For type dns.
    pub dns: Option<DnsTarget>,
    /// For type ping.
    pub ping: Option<PingTarget>,
    /// For type websocket.
    pub websocket: Option<WebsocketTarget>,
    /// For type push.
    pub push: Option<PushTarget>,
    /// For type steam.
    pub steam: Option<SteamTarget>,
    /// For type kubernetes.
    pub kubernetes: Option<KubernetesTarget>,
    /// Alias of `kubernetes`.
    pub k8s: Option<KubernetesTarget>,
    /// For type docker.
    pub docker: Option<DockerTarget>,
    /// For type grpc.
    pub grpc: Option<GrpcTarget>,
    /// For type tls.
    pub tls: Option<TlsTarget>,
    /// For type group.
    pub group: Option<GroupTarget>,
}

/// Whose rules are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A Monitor's.
    Monitor,
    /// An item's of a MonitorSet, whose criteria may come from the set's defaults.
    Item,
}

/// The rules that tie `type`, `target` and `successCriteria` together.
pub(crate) fn spec_rules(whose: Rules) -> Value {
    let mut list = vec![
        ("self.type != 'http' || has(self.target.http)", "type http needs target.http"),
        (
            "!has(self.target.http) || self.type in ['http', 'keyword', 'jsonQuery']",
            "target.http belongs to the types http, keyword and jsonQuery",
        ),
        (
            "self.type != 'keyword' || has(self.target.keyword) != has(self.target.http)",
            "type keyword needs either target.keyword, or target.http with successCriteria.keyword",
        ),
        (
            "!has(self.target.keyword) || self.type == 'keyword'",
            "target.keyword belongs to type keyword",
        ),
        (
            "self.type != 'jsonQuery' || has(self.target.jsonQuery) != has(self.target.http)",
            "type jsonQuery needs either target.jsonQuery, or target.http with successCriteria.jsonQuery",
        ),
        (
            "!has(self.target.jsonQuery) || self.type == 'jsonQuery'",
            "target.jsonQuery belongs to type jsonQuery",
        ),
        (
            "!(self.type in ['kubernetes', 'k8s']) || has(self.target.kubernetes) != has(self.target.k8s)",
            "type kubernetes needs either target.kubernetes or its alias target.k8s",
        ),
        (
            "(!has(self.target.kubernetes) && !has(self.target.k8s)) || self.type in ['kubernetes', 'k8s']",
            "target.kubernetes belongs to type kubernetes",
        ),
        ("(self.type == 'tcp') == has(self.target.tcp)", "target.tcp and type tcp need each other"),
        ("(self.type == 'dns') == has(self.target.dns)", "target.dns and type dns need each other"),
        (
            "(self.type == 'ping') == has(self.target.ping)",
            "target.ping and type ping need each other",
        ),
        (
            "(self.type == 'websocket') == has(self.target.websocket)",
            "target.websocket and type websocket need each other",
        ),
        (
            "(self.type == 'push') == has(self.target.push)",
            "target.push and type push need each other",
        ),
        (
            "(self.type == 'steam') == has(self.target.steam)",
            "target.steam and type steam need each other",
        ),
        (
            "(self.type == 'docker') == has(self.target.docker)",
            "target.docker and type docker need each other",
        ),
        (
            "(self.type == 'grpc') == has(self.target.grpc)",
            "target.grpc and type grpc need each other",
        ),
        ("(self.type == 'tls') == has(self.target.tls)", "target.tls and type tls need each other"),
        (
            "(self.type == 'group') == has(self.target.group)",
            "target.group and type group need each other",
        ),
    ];
    if whose == Rules::Monitor {
        list.push((
            "!has(self.schedule) || !has(self.schedule.timeoutSeconds) || self.schedule.timeoutSeconds <= (has(self.schedule.intervalSeconds) ? self.schedule.intervalSeconds : 60)",
            "schedule.timeoutSeconds must not exceed schedule.intervalSeconds (60 if not set)",
        ));
        list.push((
            "(self.type == 'keyword' && has(self.target.http)) == (has(self.successCriteria) && has(self.successCriteria.keyword))",
            "successCriteria.keyword and type keyword with target.http need each other",
        ));
        list.push((
            "(self.type == 'jsonQuery' && has(self.target.http)) == (has(self.successCriteria) && has(self.successCriteria.jsonQuery))",
            "successCriteria.jsonQuery and type jsonQuery with target.http need each other",
        ));
    }
    rules(&list)
}
