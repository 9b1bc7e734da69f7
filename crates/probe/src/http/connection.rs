//! The way to the target: direct or through a proxy, plain or in TLS, HTTP/1.1 or 2.

use kuma_core::check::{HttpCheck, HttpVersion, TlsOptions};
use kuma_core::reason::Reason;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;
use super::exchange::{Decide, Exchange};
use super::plan::{Form, Plan};
use super::proxy::{self, Route};
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::net::Wire;
use crate::tls::{self, Alpn};
use crate::trace::Stage;

/// Connects, asks and reads the answer.
pub(super) async fn exchange(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    plan: &Plan,
    decide: &Decide<'_>,
) -> Result<Answer, Fault> {
    let route = proxy::route(attempt, check, plan).await?;
    let completion = route.wire.completion();
    if plan.is_https() {
        let Route { wire, .. } = route;
        let options = tls_options(check, plan);
        let alpn = match check.version {
            HttpVersion::Auto => Alpn::Either,
            HttpVersion::Http1 => Alpn::Http1,
            HttpVersion::Http2 => Alpn::Http2,
        };
        let stream = Box::pin(tls::connect(attempt, wire, plan.host(), &options, alpn)).await?;
        let chosen = stream.get_ref().1.alpn_protocol();
        let two = chosen == Some(b"h2");
        if check.version == HttpVersion::Http2 && !two {
            return Err(Fault::target(
                Reason::HttpProtocol,
                "the server does not speak HTTP/2 (ALPN chose nothing)",
            ));
        }
        let form = if two { Form::Two } else { Form::Origin };
        return Box::pin(speak(attempt, check, plan, stream, form, decide, completion)).await;
    }
    let form = match (route.speaks_for_us, check.version) {
        (Some(credentials), _) => {
            return Box::pin(through_proxy(attempt, check, plan, route.wire, credentials, decide))
                .await;
        }
        (None, HttpVersion::Http2) => Form::Two,
        (None, _) => Form::Origin,
    };
    speak(attempt, check, plan, route.wire, form, decide, completion).await
}

async fn speak<S>(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    plan: &Plan,
    stream: S,
    form: Form,
    decide: &Decide<'_>,
    completion: crate::net::Completion,
) -> Result<Answer, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = plan.request(form)?;
    let exchange = Exchange {
        trace: &mut attempt.trace,
        decide,
        max_body_bytes: check.max_body_bytes,
        completion,
    };
    if form == Form::Two {
        Box::pin(exchange.http2(stream, request)).await
    } else {
        exchange.http1(stream, request).await
    }
}

/// A plain http request that the proxy passes on.
async fn through_proxy(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    plan: &Plan,
    wire: Wire,
    credentials: proxy::Credentials,
    decide: &Decide<'_>,
) -> Result<Answer, Fault> {
    let mut request = plan.request(Form::Absolute)?;
    if let Some(value) = credentials.header() {
        request.headers_mut().insert(::http::header::PROXY_AUTHORIZATION, value);
    }
    let completion = wire.completion();
    let exchange = Exchange {
        trace: &mut attempt.trace,
        decide,
        max_body_bytes: check.max_body_bytes,
        completion,
    };
    let answer = exchange
        .http1(wire, request)
        .await
        .map_err(|fault| proxy::passed_nothing_on(fault, &attempt.trace))?;
    if answer.head.status == ::http::StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        attempt.trace.enter(Stage::Idle);
        let challenges = answer.head.headers.get_all(::http::header::PROXY_AUTHENTICATE);
        let challenges = challenges.iter().filter_map(|value| value.to_str().ok());
        return Err(proxy::wants_credentials(challenges).with_all(answer.facts(plan)));
    }
    Ok(answer)
}

/// The check's options; another origin than the check's gets neither its name nor our identity.
fn tls_options<'a>(check: &'a HttpCheck, plan: &Plan) -> std::borrow::Cow<'a, TlsOptions> {
    if plan.at_home {
        return std::borrow::Cow::Borrowed(&check.tls);
    }
    std::borrow::Cow::Owned(TlsOptions { sni: None, client_cert: None, ..check.tls.clone() })
}
