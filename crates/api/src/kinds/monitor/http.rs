//! `target.http`, `target.keyword` and `target.jsonQuery`: one request, three ways to look at
//! the answer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{IpFamilySpec, TlsSpec, rules};
use crate::kinds::common::{HeaderFrom, IntOrText, SecretKeyRef, TextMap};

/// Rules about a request that hold wherever it is written.
const REQUEST_RULES: &[(&str, &str)] = &[
    (
        "(has(self.body) ? 1 : 0) + (has(self.bodyJson) ? 1 : 0) + (has(self.bodyForm) ? 1 : 0) <= 1",
        "set only one of body, bodyJson and bodyForm",
    ),
    (
        "!has(self.skipTLSVerify) || !has(self.tls) || !has(self.tls.verify)",
        "skipTLSVerify is an alias of tls.verify: false; set only one of them",
    ),
];

/// `target.http`: a request.
pub type HttpTarget = HttpRequest;

/// An HTTP request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(REQUEST_RULES)))]
pub struct HttpRequest {
    /// Address, `http://…` or `https://…`. May hold `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Request method. Default: `GET`.
    #[schemars(length(min = 1, max = 32))]
    pub method: Option<String>,
    /// Headers to send. Values may hold `${SECRET:name:key}`.
    #[schemars(extend("maxProperties" = 64))]
    pub headers: Option<TextMap>,
    /// Headers whose values come from Secrets.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers_from: Option<Vec<HeaderFrom>>,
    /// Body to send, as text. May hold `${SECRET:name:key}`. Default: none.
    #[schemars(length(max = 65_536))]
    pub body: Option<String>,
    /// Body to send, as JSON; strings in it may hold `${SECRET:name:key}`. Default: none.
    #[serde(default)]
    #[schemars(schema_with = "free_object")]
    pub body_json: Option<Map<String, Value>>,
    /// Body to send, as a form. Values may hold `${SECRET:name:key}`. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    pub body_form: Option<BTreeMap<String, String>>,
    /// Whether redirects are followed. Default: `true`.
    pub follow_redirects: Option<bool>,
    /// How many redirects at most. Default: `10`.
    #[schemars(range(min = 0, max = 50))]
    pub max_redirects: Option<u32>,
    /// How many bytes of the body are read at most. Default: `1048576`.
    #[schemars(range(min = 0, max = 67_108_864))]
    pub max_body_bytes: Option<u32>,
    /// How TLS is spoken, for `https`.
    pub tls: Option<TlsSpec>,
    /// Alias of `tls.verify: false`. Default: `false`.
    #[serde(rename = "skipTLSVerify")]
    pub skip_tls_verify: Option<bool>,
    /// The proxy to go through. Default: none.
    pub proxy: Option<ProxySpec>,
    /// Credentials. Default: none.
    pub auth: Option<HttpAuthSpec>,
    /// Protocol version; HTTP/3 is not spoken. Default: `auto`.
    pub http_version: Option<HttpVersionSpec>,
    /// Which addresses may be asked. Default: `auto`.
    pub ip_family: Option<IpFamilySpec>,
}

fn free_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// `target.keyword`: a request and what its body must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = keyword_rules()))]
pub struct KeywordTarget {
    /// The request.
    #[serde(flatten)]
    pub request: HttpRequest,
    /// Text that the body must hold.
    #[schemars(length(min = 1, max = 4096))]
    pub keyword: Option<String>,
    /// Texts that the body must all hold.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 4096)))]
    pub keywords: Option<Vec<String>>,
    /// Whether the keywords are regular expressions. Default: `false`.
    pub regex: Option<bool>,
    /// Whether the keywords must be absent instead. Default: `false`.
    pub invert: Option<bool>,
    /// Whether case matters. Default: `true`.
    pub case_sensitive: Option<bool>,
}

fn keyword_rules() -> Value {
    let mut list = REQUEST_RULES.to_vec();
    list.push(("has(self.keyword) != has(self.keywords)", "set either keyword or keywords"));
    rules(&list)
}

/// `target.jsonQuery`: a request and what a query of its JSON body must give.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = json_rules()))]
pub struct JsonQueryTarget {
    /// The request.
    #[serde(flatten)]
    pub request: HttpRequest,
    /// JSONPath query (RFC 9535), for example `$.status`.
    #[schemars(length(min = 1, max = 2048))]
    pub query: String,
    /// What the first result is compared with, by value: `1`, `"1"` and `1.0` are equal.
    /// Default: none, a result must exist.
    pub expected: Option<IntOrText>,
    /// How they are compared. Default: `==` with `expected`, else `exists`.
    pub operator: Option<JsonOperatorSpec>,
}

fn json_rules() -> Value {
    let mut list = REQUEST_RULES.to_vec();
    list.push((
        "has(self.expected) || !has(self.operator) || self.operator == 'exists'",
        "this operator needs expected",
    ));
    rules(&list)
}

/// How a query's result is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum JsonOperatorSpec {
    /// Equal by value.
    #[serde(rename = "==")]
    Equal,
    /// Not equal by value.
    #[serde(rename = "!=")]
    NotEqual,
    /// Less, as numbers.
    #[serde(rename = "<")]
    Less,
    /// Less or equal, as numbers.
    #[serde(rename = "<=")]
    LessOrEqual,
    /// Greater, as numbers.
    #[serde(rename = ">")]
    Greater,
    /// Greater or equal, as numbers.
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// The text, or a member of the list, contains it.
    #[serde(rename = "contains")]
    Contains,
    /// There is a result; with `expected: "false"`, there is none.
    #[serde(rename = "exists")]
    Exists,
    /// The text matches a regular expression.
    #[serde(rename = "matches")]
    Matches,
}

/// Which way to go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.mode) || self.mode == 'none' || has(self.urlFromSecretRef)",
    "a proxy needs urlFromSecretRef",
)])))]
pub struct ProxySpec {
    /// The proxy's protocol. Default: `none`.
    pub mode: Option<ProxyMode>,
    /// Secret with the proxy's address, `http://user:password@host:port` or `socks5://…`.
    pub url_from_secret_ref: Option<SecretKeyRef>,
}

/// A proxy's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum ProxyMode {
    /// No proxy.
    None,
    /// CONNECT for https, absolute addresses for http.
    Http,
    /// SOCKS version 5; names are resolved by the proxy.
    Socks5,
}

/// Credentials for the target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "(has(self.basic) ? 1 : 0) + (has(self.digest) ? 1 : 0) + (has(self.bearerSecretRef) ? 1 : 0) + (has(self.oauth2) ? 1 : 0) == 1",
    "set exactly one of basic, digest, bearerSecretRef and oauth2",
)])))]
pub struct HttpAuthSpec {
    /// User name and password (RFC 7617).
    pub basic: Option<BasicAuthSpec>,
    /// User name and password, never sent as they are (RFC 7616).
    pub digest: Option<BasicAuthSpec>,
    /// Secret with a bearer token (RFC 6750).
    pub bearer_secret_ref: Option<SecretKeyRef>,
    /// A token by the client credentials grant (RFC 6749), used until shortly before it expires and
    /// shared by all monitors with the same settings.
    pub oauth2: Option<OAuth2Spec>,
}

/// User name and password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthSpec {
    /// Secret with the user name.
    pub username_secret_ref: SecretKeyRef,
    /// Secret with the password.
    pub password_secret_ref: SecretKeyRef,
}

/// A token by the client credentials grant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.clientId) != has(self.clientIdSecretRef)",
    "set either clientId or clientIdSecretRef",
)])))]
pub struct OAuth2Spec {
    /// Address of the token endpoint. It is asked with the request's authorities, lowest TLS version
    /// and proxy.
    #[schemars(length(min = 1, max = 2048))]
    pub token_url: String,
    /// Client id, which is no secret.
    #[schemars(length(min = 1, max = 1024))]
    pub client_id: Option<String>,
    /// Secret with the client id.
    pub client_id_secret_ref: Option<SecretKeyRef>,
    /// Secret with the client secret.
    pub client_secret_ref: SecretKeyRef,
    /// Scopes to ask for. Default: none.
    #[schemars(length(max = 32), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Option<Vec<String>>,
    /// Audience to ask for. Default: none.
    #[schemars(length(min = 1, max = 1024))]
    pub audience: Option<String>,
    /// How the client says who it is: in a header (`basic`) or in the form (`post`).
    /// Default: `basic`.
    pub client_authentication: Option<ClientAuthenticationSpec>,
}

/// How a client says who it is (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum ClientAuthenticationSpec {
    /// In the `Authorization` header.
    Basic,
    /// In the form.
    Post,
}

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum HttpVersionSpec {
    /// What both sides settle on; 1.1 without TLS.
    #[serde(rename = "auto")]
    Auto,
    /// 1.1 only.
    #[serde(rename = "http1")]
    Http1,
    /// 2 only, with prior knowledge where there is no TLS.
    #[serde(rename = "http2")]
    Http2,
}
