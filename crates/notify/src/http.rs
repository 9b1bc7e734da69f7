//! HTTP for providers: one client, bounded in time and answer, redirects not followed, and one
//! reading of status codes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, Method, Uri, header};
use hyper_util::client::proxy::matcher::Matcher;
use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::secret::{ExposeSecret, SecretString};
use kuma_core::time::{Timestamp, between};

use crate::cause;
use crate::channel::Receipt;
use crate::egress::{self, Egress, Refused};
use crate::human;
use crate::reach;
use crate::secrets::Secrets;
use crate::tunnel;

/// An attempt ends after this, answer included.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// More of an answer is not read.
const LONGEST_ANSWER: usize = 8 * 1024;
/// More of an answer is not shown, in characters.
const LONGEST_EXCERPT: usize = 200;

/// A shorter part of an address is not taken for a token.
const SHORTEST_TOKEN: usize = 12;

/// The client, built when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Http {
    client: OnceLock<Result<reqwest::Client, String>>,
    knocker: OnceLock<Result<reqwest::Client, String>>,
    /// What the client itself goes by.
    proxies: OnceLock<Matcher>,
    limit: Option<Duration>,
    egress: Egress,
}

/// A request with its secrets filled in; never logged.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: SecretString,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What the receiver asked to wait: `Retry-After`, else when its rate limit says it starts
    /// anew.
    pub(crate) retry_after: Option<Duration>,
    /// The beginning of the body, without secrets.
    pub(crate) body: String,
}

impl Http {
    pub(crate) fn with_timeout(limit: Duration) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// A client of its own, whose connections are vetted so: none that stands is taken over.
    pub(crate) fn with_egress(&self, egress: Egress) -> Self {
        Self { limit: self.limit, egress, ..Self::default() }
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    fn client(&self) -> Result<&reqwest::Client, DeliveryError> {
        built(&self.client, || self.builder())
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        let limit = self.limit.unwrap_or(TIMEOUT);
        reqwest::Client::builder()
            .user_agent(concat!("KubeKuma/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(limit)
            .timeout(limit)
            .dns_resolver(Arc::new(self.egress.clone()))
    }

    /// Reads the address and vets what of it is written; names are vetted when they are looked up.
    fn address(
        &self,
        text: &SecretString,
        secrets: &mut Secrets<'_>,
    ) -> Result<url::Url, DeliveryError> {
        let url = parse_url(text, secrets)?;
        self.vet(&url).map_err(|refused| secrets.redact_error(refused.into()))?;
        Ok(url)
    }

    fn vet(&self, url: &url::Url) -> Result<(), Refused> {
        let host = url.host_str().unwrap_or_default();
        // An address that this cannot read is none to the client either.
        let proxy = url
            .as_str()
            .parse::<Uri>()
            .ok()
            .and_then(|uri| self.proxies.get_or_init(Matcher::from_system).intercept(&uri));
        match proxy {
            None => self.egress.literal(host),
            Some(proxy) => {
                self.egress.by_proxy(host)?;
                self.egress.literal(proxy.uri().host().unwrap_or_default())
            }
        }
    }

    /// Connects as for a message (proxy, TLS) and says nothing.
    pub(crate) async fn reach(
        &self,
        url: &SecretString,
        secrets: &mut Secrets<'_>,
    ) -> Result<(), DeliveryError> {
        let url = self.address(url, secrets)?;
        let client = built(&self.knocker, || reach::only_connecting(self.builder()))?;
        match client.head(url).send().await {
            Err(error) if !reach::was_reached(&error) => {
                Err(secrets.redact_error(network_error(error)))
            }
            _ => Ok(()),
        }
    }

    /// Sends and reads the beginning of the answer.
    pub(crate) async fn send(
        &self,
        request: Request,
        secrets: &mut Secrets<'_>,
        now: Timestamp,
    ) -> Result<Answer, DeliveryError> {
        let url = self.address(&request.url, secrets)?;
        let mut builder = self.client()?.request(request.method, url).headers(request.headers);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut response =
            builder.send().await.map_err(|error| secrets.redact_error(network_error(error)))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, now))
            .or_else(|| rate_limit_reset(response.headers(), now));
        let mut body = Vec::new();
        // The status decides; a body that breaks off changes nothing.
        while body.len() < LONGEST_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        body.truncate(LONGEST_ANSWER);
        Ok(Answer { status, retry_after, body: secrets.redact(&String::from_utf8_lossy(&body)) })
    }
}

fn built(
    client: &OnceLock<Result<reqwest::Client, String>>,
    builder: impl FnOnce() -> reqwest::ClientBuilder,
) -> Result<&reqwest::Client, DeliveryError> {
    let client = client.get_or_init(|| builder().build().map_err(|error| error.to_string()));
    client.as_ref().map_err(|error| {
        DeliveryError::retryable(
            DeliveryReason::Misconfigured,
            format!("the HTTP client cannot be built: {error}"),
        )
    })
}

impl Answer {
    /// The usual reading of status codes: 2xx arrived; 408, 425, 429 and 5xx later; anything else
    /// never.
    pub(crate) fn outcome(&self) -> Result<Receipt, DeliveryError> {
        let said = self.said();
        match self.status {
            200..=299 => Ok(Receipt::of(said)),
            408 | 425 | 500..=599 => {
                Err(DeliveryError::retryable(DeliveryReason::ServerError, said)
                    .with_retry_after(self.retry_after))
            }
            429 => Err(DeliveryError::throttled(self.retry_after, said)),
            300..=399 => Err(DeliveryError::permanent(DeliveryReason::Redirected, said)),
            401 | 403 | 407 => Err(DeliveryError::permanent(DeliveryReason::Unauthorized, said)),
            410 => Err(DeliveryError::permanent(DeliveryReason::Gone, said)),
            400..=499 => Err(DeliveryError::permanent(DeliveryReason::Rejected, said)),
            _ => Err(DeliveryError::retryable(DeliveryReason::BadAnswer, said)),
        }
    }

    /// The answer in one line.
    pub(crate) fn said(&self) -> String {
        let excerpt = human::shorten(&human::line(&self.body), LONGEST_EXCERPT);
        if excerpt.is_empty() {
            format!("the receiver answered {}", self.status)
        } else {
            format!("the receiver answered {}: {excerpt}", self.status)
        }
    }
}

/// Reads the address. What it holds is never shown, since a token may be part of it.
fn parse_url(text: &SecretString, secrets: &mut Secrets<'_>) -> Result<url::Url, DeliveryError> {
    let bad = |why: &str| {
        DeliveryError::permanent(
            DeliveryReason::Misconfigured,
            format!("the provider's URL cannot be used: {why}"),
        )
    };
    let url =
        url::Url::parse(text.expose_secret().trim()).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http and https are spoken"));
    }
    secrets.hide(text.expose_secret().trim());
    if url.path().len() > 8 {
        secrets.hide(url.path());
    }
    // A token may be echoed without what stands around it.
    for part in url.path_segments().into_iter().flatten() {
        if part.len() >= SHORTEST_TOKEN {
            secrets.hide(part);
        }
    }
    if let Some(query) = url.query() {
        secrets.hide(query);
    }
    for (_, value) in url.query_pairs() {
        if value.len() >= SHORTEST_TOKEN {
            secrets.hide(&value);
        }
    }
    if let Some(password) = url.password() {
        secrets.hide(password);
    }
    Ok(url)
}

fn network_error(error: reqwest::Error) -> DeliveryError {
    let error = error.without_url();
    if let Some(denied) = egress::refusal(&error) {
        return denied;
    }
    let detail = human::line(&cause::in_words(&error));
    if error.is_timeout() {
        return DeliveryError::retryable(DeliveryReason::Timeout, "no answer in time");
    }
    if error.is_builder() {
        return DeliveryError::permanent(DeliveryReason::Misconfigured, detail);
    }
    if let Some(sentence) = tunnel::in_words(&detail) {
        return DeliveryError::retryable(DeliveryReason::Connect, sentence);
    }
    let reason = if cause::is_tls(&error) {
        DeliveryReason::Tls
    } else if error.is_connect() {
        DeliveryReason::Connect
    } else if is_no_http(&detail) {
        DeliveryReason::BadAnswer
    } else {
        DeliveryReason::Network
    };
    DeliveryError::retryable(reason, detail)
}

/// Whether what came back was not HTTP. The library says so in words only.
fn is_no_http(detail: &str) -> bool {
    ["invalid HTTP", "parse", "unexpected message"].iter().any(|words| detail.contains(words))
}

/// `Retry-After`: seconds or a date (RFC 9110, 10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(between(now, at))
}

/// When a rate limit starts anew: Discord gives seconds from now, Pushover seconds since the epoch.
fn rate_limit_reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = |name| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(seconds) = value("x-ratelimit-reset-after") {
        return seconds_of(seconds.parse().ok()?);
    }
    let at: i64 = value("x-limit-app-reset")?.parse().ok()?;
    Some(between(now, Timestamp::from_second(at).ok()?))
}

/// A length of time from a number that a receiver wrote.
pub(crate) fn seconds_of(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = kuma_core::time::from_ms(1_445_412_420_000);
        assert_eq!(retry_after(" 17 ", now), Some(Duration::from_secs(17)));
        assert_eq!(
            retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now),
            Some(Duration::from_secs(60))
        );
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:20:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-3", now), None);
    }

    #[test]
    fn rate_limits_say_when_they_start_anew() {
        let now = kuma_core::time::from_ms(1_445_412_420_000);
        let reset = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static(value));
            rate_limit_reset(&headers, now)
        };
        let reset_after = |value| reset("x-ratelimit-reset-after", value);
        assert_eq!(reset_after("1.5"), Some(Duration::from_millis(1_500)));
        assert_eq!(reset_after("-1"), None);
        assert_eq!(reset_after("inf"), None);
        let app_reset = |value| reset("x-limit-app-reset", value);
        assert_eq!(app_reset("1445412480"), Some(Duration::from_secs(60)));
        assert_eq!(app_reset("99999999999999999"), None);
    }

    #[test]
    fn every_status_has_one_reading() {
        let reading = |status| {
            let answer = Answer { status, retry_after: None, body: String::new() };
            answer.outcome().map_err(|e| (e.is_retryable(), e.reason()))
        };
        for status in [200, 201, 202, 204] {
            assert!(reading(status).is_ok());
        }
        for status in [408, 425, 500, 502, 503, 504] {
            assert_eq!(reading(status), Err((true, DeliveryReason::ServerError)));
        }
        assert_eq!(reading(429), Err((true, DeliveryReason::Throttled)));
        assert_eq!(reading(410), Err((false, DeliveryReason::Gone)));
        assert_eq!(reading(401), Err((false, DeliveryReason::Unauthorized)));
        assert_eq!(reading(302), Err((false, DeliveryReason::Redirected)));
        for status in [400, 404, 413, 422] {
            assert_eq!(reading(status), Err((false, DeliveryReason::Rejected)));
        }
    }
}
