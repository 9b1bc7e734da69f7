//! A request to go on in another protocol (RFC 9110, section 7.8) over the same way as any other
//! request: resolver, egress rules, proxy, TLS.

use ::http::HeaderMap;
use ::http::response::Parts;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kuma_core::check::HttpCheck;

use super::Answer;
use super::exchange::{Exchange, Wish};
use super::plan::{Form, Plan};
use super::proxy;
use crate::attempt::Attempt;
use crate::fault::Fault;
use crate::net::Completion;
use crate::tls::{self, Alpn};

/// How a server takes the request.
pub(crate) enum Upgrade {
    /// 101: from here on the other protocol is spoken.
    Agreed {
        /// Status and headers.
        head: Parts,
        /// The connection.
        stream: TokioIo<Upgraded>,
    },
    /// Any other answer, with the beginning of its body.
    Declined(Answer),
}

/// Asks the check's `ws` or `wss` URL, with `headers` beside the check's own. The completion says
/// that nothing more is wanted from the connection.
pub(crate) async fn upgrade(
    attempt: &mut Attempt<'_>,
    check: &HttpCheck,
    headers: HeaderMap,
) -> Result<(Upgrade, Completion), Fault> {
    let mut plan = Plan::handshake(attempt, check)?;
    plan.headers.extend(headers);
    let request = plan.request(Form::Origin)?;
    let route = proxy::route(attempt, check, &plan).await?;
    let completion = route.wire.completion();
    if plan.is_https() {
        let stream =
            Box::pin(tls::connect(attempt, route.wire, plan.host(), &check.tls, Alpn::Http1))
                .await?;
        let exchange = exchange(attempt, check, &completion);
        return Ok((exchange.upgrade(stream, request).await?, completion));
    }
    let exchange = exchange(attempt, check, &completion);
    Ok((exchange.upgrade(route.wire, request).await?, completion))
}

fn exchange<'a, 't>(
    attempt: &'a mut Attempt<'t>,
    check: &HttpCheck,
    completion: &Completion,
) -> Exchange<'a, 't> {
    Exchange {
        trace: &mut attempt.trace,
        decide: &|_| Wish::Shown,
        max_body_bytes: check.max_body_bytes,
        completion: completion.clone(),
    }
}
