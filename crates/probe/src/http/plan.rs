//! A request before it is sent, as it changes from redirect to redirect.

use ::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION,
    USER_AGENT,
};
use ::http::uri::{Authority, PathAndQuery, Scheme};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use kuma_core::check::{HttpAuth, HttpBody, HttpCheck};
use kuma_core::reason::Reason;
use kuma_core::secret::{ExposeSecret, SecretText};
use url::{Position, Url};

use super::cookies::Jar;
use super::{encoding, percent_decoded};
use crate::attempt::Attempt;
use crate::fault::Fault;

/// How the request's target is written (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Path and query, the host in a header.
    Origin,
    /// The whole URL, for a proxy.
    Absolute,
    /// The whole URL, which HTTP/2 takes apart itself.
    Two,
}

/// What the next request will be.
pub(super) struct Plan {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the body holds a secret.
    pub(super) body_is_secret: bool,
    /// Whether this is still the origin that the check names: only it is given the client
    /// certificate and is asked for by `tls.sni`.
    pub(super) at_home: bool,
    /// Whether a proxy must open a tunnel also where there is no TLS.
    pub(super) needs_tunnel: bool,
    /// Cookies that answers have set.
    pub(super) jar: Jar,
}

impl Plan {
    /// The check's own request.
    pub(super) fn first(attempt: &Attempt<'_>, check: &HttpCheck) -> Result<Self, Fault> {
        let url = read_url(attempt, check, ["http", "https"])?;
        Self::to(url, attempt, check)
    }

    /// The request for a WebSocket: the same over `http` or `https` (RFC 6455, section 3).
    pub(super) fn handshake(attempt: &Attempt<'_>, check: &HttpCheck) -> Result<Self, Fault> {
        let mut url = read_url(attempt, check, ["ws", "wss"])?;
        let scheme = if url.scheme() == "wss" { "https" } else { "http" };
        url.set_scheme(scheme).map_err(|()| invalid("the URL cannot be used in a request"))?;
        let plan = Self::to(url, attempt, check)?;
        Ok(Self { needs_tunnel: true, ..plan })
    }

    fn to(mut url: Url, attempt: &Attempt<'_>, check: &HttpCheck) -> Result<Self, Fault> {
        let method = Method::from_bytes(check.method.as_bytes())
            .map_err(|_| invalid(format!("`{}` is no HTTP method", check.method)))?;
        let mut headers = HeaderMap::with_capacity(check.headers.len() + 6);
        for (name, value) in &check.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| invalid(format!("`{name}` is no header name")))?;
            let value = header_value(attempt, value, name.as_str())?;
            headers.append(name, value);
        }
        authorize(attempt, check, &mut url, &mut headers)?;
        let (body, body_is_secret) = body(attempt, check.body.as_ref(), &mut headers)?;
        defaults(attempt, &mut headers)?;
        Ok(Self {
            url,
            method,
            headers,
            body,
            body_is_secret,
            at_home: true,
            needs_tunnel: false,
            jar: Jar::default(),
        })
    }

    /// A request to somebody else than the target: it gets neither our certificate nor `tls.sni`.
    pub(super) fn elsewhere(url: Url, method: Method, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            url,
            method,
            headers,
            body,
            body_is_secret: true,
            at_home: false,
            needs_tunnel: false,
            jar: Jar::default(),
        }
    }

    /// What makes a request another one. A page that sends people back to itself with a cookie
    /// does not send them round in a circle.
    pub(super) fn identity(&self) -> (Method, Url, Option<HeaderValue>) {
        (self.method.clone(), self.url.clone(), self.jar.header(None, &self.url))
    }

    /// Path and query as they are asked for.
    pub(super) fn path_and_query(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// The URL for people, without its fragment. User info is never in it.
    pub(super) fn shown_url(&self) -> String {
        let mut url = self.url.clone();
        url.set_fragment(None);
        url.into()
    }

    /// The host, without the brackets of IPv6.
    pub(super) fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The port, as written or the scheme's.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// Whether TLS is spoken.
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The request in the given form.
    pub(super) fn request(&self, form: Form) -> Result<Request<Full<Bytes>>, Fault> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(cookies) = self.jar.header(self.headers.get(COOKIE), &self.url) {
            request.headers_mut().insert(COOKIE, cookies);
        }
        let named_host = request.headers().get(HOST).cloned();
        *request.uri_mut() = self.uri(form, named_host.as_ref())?;
        if form == Form::Two {
            *request.version_mut() = Version::HTTP_2;
            request.headers_mut().remove(HOST);
        } else if named_host.is_none() {
            let host = HeaderValue::from_str(self.authority())
                .map_err(|_| invalid("the URL's host is no valid header value"))?;
            request.headers_mut().insert(HOST, host);
        }
        Ok(request)
    }

    /// Host and port as written, without user info.
    fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    fn uri(&self, form: Form, named_host: Option<&HeaderValue>) -> Result<Uri, Fault> {
        let bad = || invalid("the URL cannot be used in a request");
        let path = PathAndQuery::try_from(self.path_and_query()).map_err(|_| bad())?;
        if form == Form::Origin {
            return Ok(Uri::from(path));
        }
        let authority = match named_host {
            Some(host) if form == Form::Two => Authority::try_from(host.as_bytes()),
            _ => Authority::try_from(self.authority()),
        };
        let mut parts = ::http::uri::Parts::default();
        parts.scheme = Some(if self.is_https() { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(authority.map_err(|_| bad())?);
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|_| bad())
    }
}

/// A check that cannot be carried out as it is written.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::target(Reason::TargetInvalid, message)
}

/// `Basic` credentials (RFC 7617).
pub(super) fn basic(username: &str, password: &str) -> HeaderValue {
    let credentials = BASE64_STANDARD.encode(format!("{username}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {credentials}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// Headers that hold credentials whatever their value.
pub(super) const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

fn read_url(attempt: &Attempt<'_>, check: &HttpCheck, schemes: [&str; 2]) -> Result<Url, Fault> {
    let text = check.url.resolve(attempt.namespace(), attempt.shared.secrets.as_ref())?;
    // The parser's message may hold no part of the URL, which may be a secret.
    let url = Url::parse(text.expose_secret().trim())
        .map_err(|error| invalid(format!("the URL cannot be read: {error}")))?;
    if !schemes.contains(&url.scheme()) {
        let [plain, tls] = schemes;
        return Err(invalid(format!("the URL is neither {plain} nor {tls}")));
    }
    Ok(url)
}

fn header_value(
    attempt: &Attempt<'_>,
    text: &SecretText,
    name: &str,
) -> Result<HeaderValue, Fault> {
    let value = text.resolve(attempt.namespace(), attempt.shared.secrets.as_ref())?;
    let mut value = HeaderValue::from_str(value.expose_secret().trim())
        .map_err(|_| invalid(format!("the value of header {name} is not valid in HTTP")))?;
    value.set_sensitive(!text.references().is_empty());
    Ok(value)
}

/// Credentials of the check, else those in the URL; they never stay in the URL.
fn authorize(
    attempt: &Attempt<'_>,
    check: &HttpCheck,
    url: &mut Url,
    headers: &mut HeaderMap,
) -> Result<(), Fault> {
    let read = |at| attempt.shared.secrets.get(attempt.namespace(), at);
    let in_url = (!url.username().is_empty() || url.password().is_some()).then(|| {
        basic(
            &percent_decoded(url.username()),
            &percent_decoded(url.password().unwrap_or_default()),
        )
    });
    if in_url.is_some() {
        // Only URLs without a host refuse this, and http URLs have one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    let value = match &check.auth {
        None => in_url,
        Some(HttpAuth::Basic { username, password }) => Some(basic(
            read(username)?.expose_secret().trim_end_matches(['\r', '\n']),
            read(password)?.expose_secret().trim_end_matches(['\r', '\n']),
        )),
        // Those need a conversation: see `auth`.
        Some(HttpAuth::Digest { .. } | HttpAuth::OAuth2(_)) => None,
        Some(HttpAuth::Bearer(token)) => {
            let mut value =
                HeaderValue::try_from(format!("Bearer {}", read(token)?.expose_secret().trim()))
                    .map_err(|_| invalid("the bearer token is not valid in a header"))?;
            value.set_sensitive(true);
            Some(value)
        }
    };
    if let Some(value) = value {
        headers.insert(AUTHORIZATION, value);
    }
    Ok(())
}

fn body(
    attempt: &Attempt<'_>,
    body: Option<&HttpBody>,
    headers: &mut HeaderMap,
) -> Result<(Bytes, bool), Fault> {
    let read =
        |text: &SecretText| text.resolve(attempt.namespace(), attempt.shared.secrets.as_ref());
    let (bytes, media_type, secret) = match body {
        None => return Ok((Bytes::new(), false)),
        Some(HttpBody::Text(text)) => (
            read(text)?.expose_secret().to_owned(),
            "text/plain; charset=utf-8",
            !text.references().is_empty(),
        ),
        Some(HttpBody::Json(text)) => (
            read(text)?.expose_secret().to_owned(),
            "application/json",
            !text.references().is_empty(),
        ),
        Some(HttpBody::Form(fields)) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in fields {
                form.append_pair(name, read(value)?.expose_secret());
            }
            let secret = fields.iter().any(|(_, text)| !text.references().is_empty());
            (form.finish(), "application/x-www-form-urlencoded", secret)
        }
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(media_type));
    Ok((Bytes::from(bytes), secret))
}

fn defaults(attempt: &Attempt<'_>, headers: &mut HeaderMap) -> Result<(), Fault> {
    if !headers.contains_key(USER_AGENT) {
        let agent = HeaderValue::from_str(&attempt.settings.networking.user_agent)
            .map_err(|_| invalid("`networking.userAgent` is not valid in a header"))?;
        headers.insert(USER_AGENT, agent);
    }
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    // Whoever examines wants the size of the body as it is.
    let examined = attempt.trace.particulars.is_some();
    let encodings = if examined { "identity" } else { encoding::ACCEPTED };
    headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static(encodings));
    Ok(())
}
