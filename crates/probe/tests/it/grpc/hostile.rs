//! Servers that speak HTTP/2 and something else than gRPC on it, or none at all.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kuma_core::check::TlsOptions;
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{call, down, seen};
use crate::fixture::World;
use crate::fixture::authority::{Authority, NOW, server_speaking};
use crate::fixture::server::{Reply, Server};

/// What a server answers.
#[derive(Clone)]
struct Answer {
    status: u16,
    media_type: &'static str,
    body: &'static [u8],
    /// How often the body is repeated.
    times: usize,
    /// `grpc-status` at the end.
    code: Option<&'static str>,
}

const OK: Answer = Answer {
    status: 200,
    media_type: "application/grpc",
    body: b"\x00\x00\x00\x00\x02\x08\x01",
    times: 1,
    code: Some("0"),
};

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn response(answer: &Answer) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    if let Some(code) = answer.code {
        trailers.insert("grpc-status", HeaderValue::from_static(code));
        trailers.insert("grpc-message", HeaderValue::from_static("a%0Ab%1B%5B31mred"));
    }
    let data = Bytes::from_static(answer.body);
    let frames = std::iter::repeat_n(data, answer.times).map(Frame::data);
    let end = answer.code.map(|_| Frame::trailers(trailers));
    let body = StreamBody::new(stream::iter(frames.chain(end).map(Ok::<_, Infallible>)));
    Response::builder()
        .status(answer.status)
        .header("content-type", answer.media_type)
        .body(body.boxed_unsync())
        .unwrap()
}

async fn server(answer: Answer) -> Server {
    Server::connections(move |stream, _| {
        let answer = answer.clone();
        async move {
            let service = service_fn(move |_| {
                let response = response(&answer);
                async move { Ok::<_, Infallible>(response) }
            });
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
    .await
}

#[tokio::test]
async fn answers_that_are_no_grpc_are_named() {
    let good = server(OK).await;
    assert_eq!(seen(&World::new(), call(good.address.port())).await.outcome, Outcome::Success);
    for (answer, reason, message) in [
        (
            Answer { media_type: "text/html", code: None, ..OK },
            Reason::GrpcProtocol,
            "what answers speaks HTTP/2 and no gRPC",
        ),
        (
            Answer { status: 404, media_type: "text/html", code: None, ..OK },
            Reason::GrpcProtocol,
            "what answers speaks HTTP/2 and no gRPC: status 404 Not Found",
        ),
        (
            Answer { status: 503, media_type: "text/html", code: None, ..OK },
            Reason::GrpcStatus,
            "the call ended with UNAVAILABLE: HTTP status 503 Service Unavailable",
        ),
        (
            Answer { status: 401, media_type: "text/html", code: None, ..OK },
            Reason::GrpcUnauthenticated,
            "the health service refuses us: HTTP status 401 Unauthorized",
        ),
        (
            Answer { code: None, ..OK },
            Reason::GrpcProtocol,
            "the answer ends without a `grpc-status`",
        ),
        (
            Answer { code: Some("fine"), ..OK },
            Reason::GrpcProtocol,
            "the answer's `grpc-status` is `fine`",
        ),
        (
            Answer { code: Some("77"), ..OK },
            Reason::GrpcStatus,
            "the call ended with status 77: ab[31mred",
        ),
        (
            Answer { body: b"\x01\x00\x00\x00\x02\x08\x01", ..OK },
            Reason::GrpcProtocol,
            "the call is OK, but the message is compressed, which was not offered",
        ),
        (
            Answer { body: b"\x00\xff\xff\xff\xff\x08\x01", ..OK },
            Reason::GrpcProtocol,
            "the call is OK, but the message does not have the length that it says",
        ),
        (Answer { times: 0, ..OK }, Reason::GrpcProtocol, "the call is OK, but no message came"),
        (
            Answer { body: &[0; 4096], times: usize::MAX, ..OK },
            Reason::GrpcProtocol,
            "the body is larger than 16384 bytes",
        ),
    ] {
        let server = server(answer).await;
        down(&seen(&World::new(), call(server.address.port())).await, reason, message);
    }
}

#[tokio::test]
async fn what_speaks_no_http_2_is_told_from_what_is_silent() {
    let one = Server::http(|_| Reply::ok("hello")).await;
    let old = Server::connections(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    for server in [&one, &old] {
        let told = seen(&World::new(), call(server.address.port())).await;
        assert_eq!(told.outcome, Outcome::Failure(Reason::GrpcProtocol), "{told:?}");
    }
    let deaf = Server::connections(|mut stream, _| async move {
        while stream.read(&mut [0; 1024]).await.is_ok_and(|length| length > 0) {}
    })
    .await;
    let mut world = World::new();
    world.timeout = Duration::from_millis(900);
    let silent = seen(&world, call(deaf.address.port())).await;
    assert_eq!(silent.outcome, Outcome::Failure(Reason::Timeout), "{silent:?}");
}

#[tokio::test]
async fn tls_without_http_2_is_no_grpc() {
    let authority = Authority::new("authority");
    let identity = authority.issue(&["localhost"], NOW);
    let server = Server::https(server_speaking(&identity, &[]), |_| Reply::ok("")).await;
    let mut check = call(server.address.port());
    check.host = "localhost".into();
    check.tls = Some(TlsOptions { verify: false, ..TlsOptions::default() });
    down(
        &seen(&World::new(), check).await,
        Reason::GrpcProtocol,
        "the server does not offer HTTP/2 (ALPN), which gRPC needs",
    );
}
