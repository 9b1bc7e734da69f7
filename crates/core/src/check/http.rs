//! `http`, `keyword` and `jsonQuery`: one request, three ways to look at the answer.

use kuma_expr::{JsonPath, Pattern};
use serde::{Deserialize, Serialize};

use super::{IpFamily, TlsOptions};
use crate::secret::{SecretRef, SecretText};

/// An HTTP request and what is expected of its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCheck {
    /// Where to; `http` or `https`, for a WebSocket `ws` or `wss`. Valid once its secrets are
    /// filled in.
    pub url: SecretText,
    /// The method, upper case.
    pub method: String,
    /// Headers in order; a name may repeat.
    pub headers: Vec<(String, SecretText)>,
    /// The body, if any.
    pub body: Option<HttpBody>,
    /// Whether 301, 302, 303, 307 and 308 are followed.
    pub follow_redirects: bool,
    /// How many redirects at most.
    pub max_redirects: u32,
    /// How much of the body is read at most.
    pub max_body_bytes: u64,
    /// TLS, for `https`.
    pub tls: TlsOptions,
    /// The proxy to go through, if any.
    pub proxy: Option<Proxy>,
    /// Credentials, if any.
    pub auth: Option<HttpAuth>,
    /// Protocol version.
    pub version: HttpVersion,
    /// Which addresses may be asked.
    pub ip_family: IpFamily,
    /// What makes an answer good.
    pub criteria: HttpCriteria,
}

impl HttpCheck {
    /// The URL without user info and with secrets as written.
    pub fn target(&self) -> String {
        let written = self.url.as_written();
        // Without it there is no user info, and most URLs need not be parsed.
        if !written.contains('@') {
            return written.to_owned();
        }
        match url::Url::parse(written) {
            Ok(mut url) if !url.username().is_empty() || url.password().is_some() => {
                // Setting them only fails on URLs that cannot have a host, and these can.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                url.to_string()
            }
            _ => written.to_owned(),
        }
    }

    /// The URL's host, where no secret is part of it.
    pub fn host(&self) -> Option<String> {
        url::Url::parse(self.url.as_written()).ok()?.host_str().map(str::to_owned)
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpBody {
    /// As is, `text/plain; charset=utf-8` unless a header says otherwise.
    Text(SecretText),
    /// JSON text, `application/json`.
    Json(SecretText),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, SecretText)>),
}

/// Which way to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its protocol.
    pub kind: ProxyKind,
    /// `http://user:password@host:port` or `socks5://…`, in a Secret.
    pub url: SecretRef,
}

/// A proxy's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// CONNECT for https, absolute-form requests for http.
    Http,
    /// SOCKS version 5 (RFC 1928), names resolved by the proxy.
    Socks5,
}

/// Credentials for the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpAuth {
    /// RFC 7617.
    Basic {
        /// User name.
        username: SecretRef,
        /// Password.
        password: SecretRef,
    },
    /// RFC 7616.
    Digest {
        /// User name.
        username: SecretRef,
        /// Password.
        password: SecretRef,
    },
    /// RFC 6750.
    Bearer(SecretRef),
    /// RFC 6749, section 4.4.
    OAuth2(Box<ClientCredentials>),
}

/// How to get a token by the client credentials grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Address of the token endpoint.
    pub token_url: SecretText,
    /// Client id.
    pub client_id: SecretText,
    /// Client secret.
    pub client_secret: SecretRef,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
    /// Audience to ask for.
    pub audience: Option<String>,
    /// How the client says who it is.
    pub authentication: ClientAuthentication,
}

/// How a client tells a token endpoint who it is (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ClientAuthentication {
    /// In the `Authorization` header, which every server has to understand.
    #[default]
    Basic,
    /// In the form.
    Post,
}

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum HttpVersion {
    /// What ALPN settles on; 1.1 without TLS.
    #[default]
    Auto,
    /// 1.1 only.
    Http1,
    /// 2 only; with prior knowledge without TLS.
    Http2,
}

/// Accepted status codes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusRange {
    /// The lowest.
    pub low: u16,
    /// The highest.
    pub high: u16,
}

/// A header that must match.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderMatch {
    /// The header's name, any case.
    pub name: String,
    /// What one of its values must match.
    pub pattern: Pattern,
}

/// `successCriteria.http`.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCriteria {
    /// Accepted codes; default 200–299.
    pub status_codes: Vec<StatusRange>,
    /// Media type without parameters, lower case.
    pub content_type: Option<String>,
    /// Headers that must match.
    pub header_matches: Vec<HeaderMatch>,
}

impl Default for HttpCriteria {
    fn default() -> Self {
        Self {
            status_codes: vec![StatusRange { low: 200, high: 299 }],
            content_type: None,
            header_matches: Vec::new(),
        }
    }
}

/// What to look for in a body.
#[derive(Debug, Clone, PartialEq)]
pub enum Keyword {
    /// Text as is.
    Text {
        /// What to look for.
        text: String,
        /// Whether case matters.
        case_sensitive: bool,
    },
    /// A regular expression.
    Regex(Pattern),
}

/// One rule about a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// What to look for.
    pub keyword: Keyword,
    /// Whether it must be absent.
    pub invert: bool,
}

/// `keyword`: an HTTP request whose body must hold (or not hold) something. All rules must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct KeywordCheck {
    /// The request.
    pub http: HttpCheck,
    /// The rules.
    pub rules: Vec<Content>,
}

/// How a query's result is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum JsonOperator {
    /// Equal by value: `1` and `"1"` and `1.0` are equal.
    #[default]
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
    /// The result's text (or a list's member) contains it.
    #[serde(rename = "contains")]
    Contains,
    /// There is (or, with `expected: "false"`, is no) result.
    #[serde(rename = "exists")]
    Exists,
    /// The result's text matches a regular expression.
    #[serde(rename = "matches")]
    Matches,
}

/// What the query's first result is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonExpectation {
    /// By value.
    Value(String),
    /// For `matches`.
    Pattern(Pattern),
    /// For `exists`.
    Exists(bool),
}

/// `jsonQuery`: an HTTP request whose JSON body is queried.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonQueryCheck {
    /// The request.
    pub http: HttpCheck,
    /// RFC 9535.
    pub query: JsonPath,
    /// How to compare.
    pub operator: JsonOperator,
    /// With what.
    pub expected: JsonExpectation,
}
