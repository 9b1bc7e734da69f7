//! `grpc`: one call of `grpc.health.v1.Health/Check` (gRPC over HTTP/2; gRPC Health Checking
//! Protocol), made by hand on our own connection, so that its stages are timed as any other's.

mod answer;
mod message;
mod status;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;
use kuma_core::check::{GrpcCheck, IpFamily};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::secret::ExposeSecret;

use crate::attempt::{Attempt, Verdict};
use crate::fault::Fault;
use crate::http::{Answer, Single};
use crate::net::Wire;
use crate::tls::{self, Alpn};

const PATH: &str = "/grpc.health.v1.Health/Check";
/// Most bytes of the answer's body; a real one is seven.
const MAX_BODY_BYTES: u64 = 16 * 1024;

/// Asks and judges the answer.
pub(crate) async fn run(attempt: &mut Attempt<'_>, check: &GrpcCheck) -> Verdict {
    let mut answer = call(attempt, check).await.map_err(in_grpc_terms)?;
    let broken = answer.broken.take().map(in_grpc_terms);
    let judged = answer::judge(&answer, broken, &check.service);
    judged.map_err(|fault| fault.with_all(answer::facts(&answer)))
}

async fn call(attempt: &mut Attempt<'_>, check: &GrpcCheck) -> Result<Answer, Fault> {
    let stream = attempt.dial(&check.host, check.port, IpFamily::Auto).await?;
    let wire = Wire::new(stream);
    let completion = wire.completion();
    let max_body_bytes = MAX_BODY_BYTES;
    let Some(options) = &check.tls else {
        let request = request(attempt, check, "http")?;
        return Single { stream: wire, completion, max_body_bytes }.http2(attempt, request).await;
    };
    let stream = tls::connect(attempt, wire, &check.host, options, Alpn::Http2).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(broken("the server does not offer HTTP/2 (ALPN), which gRPC needs"));
    }
    let request = request(attempt, check, "https")?;
    Single { stream, completion, max_body_bytes }.http2(attempt, request).await
}

fn request(
    attempt: &Attempt<'_>,
    check: &GrpcCheck,
    scheme: &str,
) -> Result<Request<Full<Bytes>>, Fault> {
    let invalid = |what: &str| Fault::target(Reason::TargetInvalid, what);
    let address = if check.host.contains(':') {
        format!("[{}]:{}", check.host, check.port)
    } else {
        format!("{}:{}", check.host, check.port)
    };
    let authority = check.authority.as_deref().unwrap_or(&address);
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(PATH);
    let mut request = Request::new(Full::new(Bytes::from(message::question(&check.service))));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri.build().map_err(|_| invalid("`authority` is no host and port"))?;
    let headers = request.headers_mut();
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let agent = HeaderValue::from_str(&attempt.settings.networking.user_agent)
        .map_err(|_| invalid("`networking.userAgent` is not valid in a header"))?;
    headers.insert(USER_AGENT, agent);
    // The server may stop working on an answer that nobody waits for; at most eight digits.
    let left = attempt.left().as_millis().clamp(1, 99_999_999);
    let left = HeaderValue::from_str(&format!("{left}m")).map_err(|_| invalid("a timeout"))?;
    headers.insert("grpc-timeout", left);
    metadata(attempt, check, headers)?;
    Ok(request)
}

fn metadata(
    attempt: &Attempt<'_>,
    check: &GrpcCheck,
    headers: &mut HeaderMap,
) -> Result<(), Fault> {
    for (name, text) in &check.metadata {
        let invalid =
            || Fault::target(Reason::TargetInvalid, format!("metadata {name} is not valid"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let value = text.resolve(attempt.namespace(), attempt.shared.secrets.as_ref())?;
        let value = value.expose_secret().trim();
        // RFC 9110 would allow other bytes in a header; gRPC does not in metadata.
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(invalid());
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        value.set_sensitive(!text.references().is_empty());
        headers.append(key, value);
    }
    Ok(())
}

/// What is no HTTP/2, or too large, is no gRPC.
fn in_grpc_terms(mut fault: Fault) -> Fault {
    if let Outcome::Failure(Reason::HttpProtocol | Reason::BodyTooLarge) = fault.outcome {
        fault.outcome = Outcome::Failure(Reason::GrpcProtocol);
    }
    fault
}

/// An answer that is not valid gRPC.
fn broken(message: impl Into<String>) -> Fault {
    Fault::target(Reason::GrpcProtocol, message)
}
