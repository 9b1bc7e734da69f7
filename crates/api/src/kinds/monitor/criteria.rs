//! `spec.successCriteria`: what makes an answer good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::common::IntOrText;

/// What makes an answer good. The key of a type counts only for monitors of that type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CriteriaSpec {
    /// For http, keyword and jsonQuery.
    pub http: Option<HttpCriteriaSpec>,
    /// What the body must hold: for type keyword with `target.http` (otherwise `target.keyword`
    /// says it).
    pub keyword: Option<KeywordCriteria>,
    /// What a query of the body must give: for type jsonQuery with `target.http` (otherwise
    /// `target.jsonQuery` says it).
    pub json_query: Option<JsonCriteria>,
    /// For tcp.
    pub tcp: Option<TcpCriteria>,
    /// For dns.
    pub dns: Option<DnsCriteria>,
    /// For websocket.
    pub websocket: Option<WebsocketCriteria>,
    /// For ping.
    pub ping: Option<LatencyCriteria>,
    /// For steam.
    pub steam: Option<LatencyCriteria>,
    /// For grpc.
    pub grpc: Option<LatencyCriteria>,
    /// For push: the latency that the job reports.
    pub push: Option<LatencyCriteria>,
    /// Milliseconds; slower than this three runs in a row is degraded. Default: never.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub degraded_latency_ms: Option<u32>,
    /// Condition in CEL that must be true besides everything else, for example
    /// `status == 200 && json.queue < 100`; `conditions.md` has the variables of each type.
    /// Default: none.
    #[schemars(length(min = 1, max = 4096))]
    pub cel: Option<String>,
    /// Swaps success and failure: the monitor is up while the target does not answer as
    /// described. Default: `false`.
    pub upside_down: Option<bool>,
}

/// What an HTTP answer must be like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpCriteriaSpec {
    /// Accepted status codes: a number (`204`), a class (`"2xx"`) or a range (`"200-299"`). Any
    /// where `cel` names `status`. Default: `["2xx"]`.
    #[schemars(length(min = 1, max = 64))]
    pub status_codes: Option<Vec<IntOrText>>,
    /// Milliseconds; a slower answer is a failure. Default: no limit but the timeout.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub max_latency_ms: Option<u32>,
    /// Media type that the answer must have; parameters such as `charset` are ignored.
    /// Default: any.
    #[schemars(length(min = 1, max = 256))]
    pub content_type: Option<String>,
    /// Headers that must match. Default: none.
    #[schemars(length(max = 64))]
    pub header_matches: Option<Vec<HeaderMatchSpec>>,
}

/// A header of the answer that must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderMatchSpec {
    /// Name of the header, in any case.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Regular expression that one of the header's values must match.
    #[schemars(length(min = 1, max = 1024))]
    pub regex: String,
}

/// What a body must and must not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeywordCriteria {
    /// Texts that must all be there.
    #[schemars(length(max = 64), inner(length(min = 1, max = 4096)))]
    pub contains: Option<Vec<String>>,
    /// Texts none of which may be there.
    #[schemars(length(max = 64), inner(length(min = 1, max = 4096)))]
    pub not_contains: Option<Vec<String>>,
    /// Regular expressions that must all match.
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    pub regex: Option<Vec<String>>,
}

/// What a query of a JSON body must give.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonCriteria {
    /// JSONPath query (RFC 9535).
    #[schemars(length(min = 1, max = 2048))]
    pub path: String,
    /// Value that the first result must equal. Default: none, a result must exist.
    pub equals: Option<IntOrText>,
    /// Whether a result must exist (`true`) or must not (`false`). Default: `true` without
    /// `equals`.
    pub exists: Option<bool>,
}

/// For tcp.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpCriteria {
    /// Milliseconds; slower is a failure. Default: no limit but the timeout.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub max_latency_ms: Option<u32>,
    /// Text that the target must send before we send anything. Default: none.
    #[schemars(length(min = 1, max = 4096))]
    pub banner_contains: Option<String>,
}

/// For dns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsCriteria {
    /// Milliseconds; slower is a failure. Default: no limit but the timeout.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub max_latency_ms: Option<u32>,
    /// Whether an answer with NOERROR needs at least one record of the type. Default: `true`.
    pub must_resolve: Option<bool>,
}

/// For websocket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebsocketCriteria {
    /// Milliseconds; slower is a failure. Default: no limit but the timeout.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub max_latency_ms: Option<u32>,
    /// Seconds within which a message must arrive. Default: none needs to.
    #[schemars(range(min = 1, max = 86_400))]
    pub must_receive_within_seconds: Option<u32>,
}

/// A limit of latency alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatencyCriteria {
    /// Milliseconds; slower is a failure. Default: no limit but the timeout.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub max_latency_ms: Option<u32>,
}
