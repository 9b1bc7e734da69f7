//! `http`, and the request that `keyword` and `jsonQuery` share with it.

use kuma_core::check::{
    Check, ClientAuthentication, ClientCredentials, HeaderMatch, HttpAuth, HttpBody, HttpCheck,
    HttpCriteria, HttpVersion, Proxy, ProxyKind, StatusRange, TlsOptions,
};
use kuma_core::object::Problem;
use kuma_core::secret::SecretText;

use super::{Context, Part, ip_family, missing, tls_options};
use crate::convert::common::secret_ref;
use crate::kinds::common::IntOrText;
use crate::kinds::monitor::{
    ClientAuthenticationSpec, HttpAuthSpec, HttpCriteriaSpec, HttpRequest, HttpVersionSpec,
    OAuth2Spec, ProxyMode, ProxySpec,
};

pub(super) fn convert(context: &mut Context<'_>, part: &Part<'_>) -> Option<Check> {
    let Some(request) = &part.target.http else {
        missing(context, part, "http");
        return None;
    };
    let check = request_check(context, &part.path("http"), request, part)?;
    Some(Check::Http(Box::new(check)))
}

/// A request with `successCriteria.http`.
pub(super) fn request_check(
    context: &mut Context<'_>,
    at: &str,
    request: &HttpRequest,
    part: &Part<'_>,
) -> Option<HttpCheck> {
    let url = context.address(&format!("{at}.url"), &request.url, &["http", "https"]);
    let method =
        context.method(&format!("{at}.method"), request.method.as_deref().unwrap_or("GET"));
    let headers = context.headers(at, request.headers.as_ref(), request.headers_from.as_ref());
    let body = body(context, at, request);
    let criteria_at = format!("{}.successCriteria.http", part.at);
    let mut criteria = part
        .criteria
        .http
        .as_ref()
        .map(|spec| criteria(context, &criteria_at, spec))
        .unwrap_or_default();
    let codes = part.criteria.http.as_ref().and_then(|spec| spec.status_codes.as_ref());
    if codes.is_none() && part.judges("status") {
        criteria.status_codes = vec![StatusRange { low: 100, high: 599 }];
    }
    let tls = tls(context, at, request);
    let proxy = proxy(context, at, request.proxy.as_ref());
    let auth = auth(context, at, request.auth.as_ref());
    Some(HttpCheck {
        url: url?,
        method,
        headers,
        body,
        follow_redirects: request.follow_redirects.unwrap_or(true),
        max_redirects: request.max_redirects.unwrap_or(10),
        max_body_bytes: u64::from(request.max_body_bytes.unwrap_or(1_048_576)),
        tls,
        proxy,
        auth,
        version: match request.http_version {
            Some(HttpVersionSpec::Http1) => HttpVersion::Http1,
            Some(HttpVersionSpec::Http2) => HttpVersion::Http2,
            Some(HttpVersionSpec::Auto) | None => HttpVersion::Auto,
        },
        ip_family: ip_family(request.ip_family),
        criteria,
    })
}

fn body(context: &mut Context<'_>, at: &str, request: &HttpRequest) -> Option<HttpBody> {
    if let Some(text) = &request.body {
        return context.secret_text(&format!("{at}.body"), text).map(HttpBody::Text);
    }
    if let Some(json) = &request.body_json {
        let text = serde_json::Value::Object(json.clone()).to_string();
        return context.secret_text(&format!("{at}.bodyJson"), &text).map(HttpBody::Json);
    }
    let form = request.body_form.as_ref()?;
    let fields = form.iter().filter_map(|(name, value)| {
        let text = context.secret_text(&format!("{at}.bodyForm.{name}"), value)?;
        Some((name.clone(), text))
    });
    Some(HttpBody::Form(fields.collect()))
}

fn tls(context: &mut Context<'_>, at: &str, request: &HttpRequest) -> TlsOptions {
    let spec = request.tls.clone().unwrap_or_default();
    let mut options = tls_options(context, &format!("{at}.tls"), &spec);
    if let (Some(skip), None) = (request.skip_tls_verify, spec.verify) {
        options.verify = !skip;
    }
    options
}

pub(super) fn proxy(
    context: &mut Context<'_>,
    at: &str,
    spec: Option<&ProxySpec>,
) -> Option<Proxy> {
    let spec = spec?;
    let kind = match spec.mode {
        Some(ProxyMode::Http) => ProxyKind::Http,
        Some(ProxyMode::Socks5) => ProxyKind::Socks5,
        Some(ProxyMode::None) | None => {
            if spec.mode.is_none() && spec.url_from_secret_ref.is_some() {
                context.push(
                    Problem::warning(
                        format!("{at}.proxy.urlFromSecretRef"),
                        "without mode the proxy is not used",
                    )
                    .with_fix("set mode to http or socks5"),
                );
            }
            return None;
        }
    };
    let Some(url) = &spec.url_from_secret_ref else {
        context.error(format!("{at}.proxy"), "a proxy needs urlFromSecretRef");
        return None;
    };
    Some(Proxy { kind, url: secret_ref(url) })
}

fn auth(context: &mut Context<'_>, at: &str, spec: Option<&HttpAuthSpec>) -> Option<HttpAuth> {
    let spec = spec?;
    if let Some(client) = &spec.oauth2 {
        return client_credentials(context, &format!("{at}.auth.oauth2"), client);
    }
    if let Some(basic) = &spec.basic {
        return Some(HttpAuth::Basic {
            username: secret_ref(&basic.username_secret_ref),
            password: secret_ref(&basic.password_secret_ref),
        });
    }
    if let Some(digest) = &spec.digest {
        return Some(HttpAuth::Digest {
            username: secret_ref(&digest.username_secret_ref),
            password: secret_ref(&digest.password_secret_ref),
        });
    }
    spec.bearer_secret_ref.as_ref().map(|token| HttpAuth::Bearer(secret_ref(token)))
}

fn client_credentials(context: &mut Context<'_>, at: &str, spec: &OAuth2Spec) -> Option<HttpAuth> {
    let path = format!("{at}.tokenUrl");
    let token_url = context.address(&path, &spec.token_url, &["https", "http"]);
    let client_id = match (&spec.client_id_secret_ref, &spec.client_id) {
        (Some(secret), _) => Some(SecretText::from_ref(&secret_ref(secret))),
        (None, Some(plain)) => context.secret_text(&format!("{at}.clientId"), plain),
        (None, None) => {
            context.error(at, "set either clientId or clientIdSecretRef");
            None
        }
    };
    let scopes = spec.scopes.clone().unwrap_or_default();
    for (index, scope) in scopes.iter().enumerate() {
        // RFC 6749, section 3.3.
        if !scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')) {
            context.push(
                Problem::semantic(format!("{at}.scopes[{index}]"), "this is not a scope")
                    .with_value(scope.clone())
                    .with_fix("write each scope as an entry of its own, without spaces"),
            );
        }
    }
    Some(HttpAuth::OAuth2(Box::new(ClientCredentials {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: secret_ref(&spec.client_secret_ref),
        scopes,
        audience: spec.audience.clone(),
        authentication: match spec.client_authentication {
            Some(ClientAuthenticationSpec::Post) => ClientAuthentication::Post,
            Some(ClientAuthenticationSpec::Basic) | None => ClientAuthentication::Basic,
        },
    })))
}

fn criteria(context: &mut Context<'_>, at: &str, spec: &HttpCriteriaSpec) -> HttpCriteria {
    let default = HttpCriteria::default();
    let status_codes = match &spec.status_codes {
        Some(list) => list
            .iter()
            .enumerate()
            .filter_map(|(index, code)| {
                status_range(context, &format!("{at}.statusCodes[{index}]"), code)
            })
            .collect(),
        None => default.status_codes,
    };
    HttpCriteria {
        status_codes,
        content_type: spec
            .content_type
            .as_ref()
            .and_then(|text| media_type(context, &format!("{at}.contentType"), text)),
        header_matches: spec
            .header_matches
            .iter()
            .flatten()
            .enumerate()
            .filter_map(|(index, entry)| {
                let path = format!("{at}.headerMatches[{index}].regex");
                Some(HeaderMatch {
                    name: entry.name.clone(),
                    pattern: context.pattern(&path, &entry.regex)?,
                })
            })
            .collect(),
    }
}

/// `204`, `"2xx"` or `"200-299"`.
fn status_range(context: &mut Context<'_>, path: &str, code: &IntOrText) -> Option<StatusRange> {
    let text = code.to_string();
    let range = parse_status(text.trim());
    if range.is_none() {
        context.push(
            Problem::semantic(path, "this is not a status code").with_value(text).with_fix(
                "write a number from 100 to 599, a class as \"2xx\" or a range as \"200-299\"",
            ),
        );
    }
    range
}

fn parse_status(text: &str) -> Option<StatusRange> {
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten().filter(|code| (100..=599).contains(code))
    };
    if let Some((low, high)) = text.split_once('-') {
        let (low, high) = (code(low.trim())?, code(high.trim())?);
        return (low <= high).then_some(StatusRange { low, high });
    }
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let low = code(&format!("{class}00"))?;
        return Some(StatusRange { low, high: low + 99 });
    }
    let code = code(text)?;
    Some(StatusRange { low: code, high: code })
}

/// A media type without parameters, in lower case.
fn media_type(context: &mut Context<'_>, path: &str, text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let good = essence.split_once('/').is_some_and(|(kind, sub)| {
        !kind.is_empty() && !sub.is_empty() && !sub.contains(['/', ' '])
    });
    if !good {
        context.push(
            Problem::semantic(path, "this is not a media type")
                .with_value(text)
                .with_fix("write it as application/json"),
        );
        return None;
    }
    Some(essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_numbers_classes_and_ranges() {
        let read = |text: &str| parse_status(text).map(|range| (range.low, range.high));
        assert_eq!(read("204"), Some((204, 204)));
        assert_eq!(read("2xx"), Some((200, 299)));
        assert_eq!(read("5XX"), Some((500, 599)));
        assert_eq!(read("200-302"), Some((200, 302)));
        assert_eq!(read("200 - 302"), Some((200, 302)));
        for bad in ["", "2x", "xx", "99", "600", "6xx", "302-200", "200-", "+20", "2000"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
