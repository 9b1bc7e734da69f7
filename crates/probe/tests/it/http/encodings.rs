//! Compressed bodies, and cookies on the way.

use std::io::Write;

use flate2::Compression;
use kuma_core::check::{Check, Content, Keyword, KeywordCheck};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;

use crate::fixture::World;
use crate::fixture::fact;
use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server, Then};

const PAGE: &str = "the page, which says that all is well, and says it again: all is well";

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn brotli(mut data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut data, &mut out, &brotli::enc::BrotliEncoderParams::default())
        .unwrap();
    out
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
}

/// 200 with a body in an encoding.
fn encoded(encoding: &str, body: &[u8]) -> Reply {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Reply::raw([head.as_bytes(), body].concat(), Then::Hold)
}

async fn seek(world: &World, server: &Server, keyword: &str) -> Observation {
    let text = Keyword::Text { text: keyword.into(), case_sensitive: true };
    let rules = vec![Content { keyword: text, invert: false }];
    world.run(Check::Keyword(Box::new(KeywordCheck { http: get(server.url("/")), rules }))).await
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let world = World::new();
    let page = PAGE.as_bytes();
    for (encoding, body) in [
        ("gzip", gzip(page)),
        ("X-GZip", gzip(page)),
        ("gzip", [gzip(b"the page, "), gzip(b"all is well"), b"\0\0".to_vec()].concat()),
        ("deflate", zlib(page)),
        ("deflate", raw_deflate(page)),
        ("br", brotli(page)),
        ("zstd", zstd(page)),
        ("zstd", [b"\x50\x2a\x4d\x18\x02\x00\x00\x00ab".to_vec(), zstd(page)].concat()),
        ("gzip, br", brotli(&gzip(page))),
        ("identity", page.to_vec()),
    ] {
        let server = Server::http(move |_| encoded(encoding, &body)).await;
        let seen = seek(&world, &server, "all is well").await;
        assert_eq!(seen.outcome, Outcome::Success, "{encoding}: {seen:?}");
        assert!(server.request().contains("accept-encoding: gzip, deflate, br, zstd\r\n"));
        let seen = seek(&world, &server, "nothing of the kind").await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::BodyMismatch));
        assert!(fact(&seen, "body").unwrap().starts_with("the page"), "{seen:?}");
    }
}

#[tokio::test]
async fn a_failing_answer_is_shown_decompressed() {
    let world = World::new();
    let body = gzip(&b"why it failed ".repeat(1000));
    let server = Server::http(move |_| {
        let mut reply = encoded("gzip", &body);
        reply.bytes.splice(9..15, *b"500 No");
        reply
    })
    .await;
    let seen = world.run(http(get(server.url("/")))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus), "{seen:?}");
    assert!(fact(&seen, "body").unwrap().starts_with("why it failed why"), "{seen:?}");
}

#[tokio::test]
async fn what_cannot_be_decompressed_has_its_own_reason() {
    let world = World::new();
    let large_window = b"\x11\x3f".repeat(20);
    for (encoding, body, said) in [
        ("gzip", b"this is no gzip".to_vec(), "no valid gzip"),
        ("gzip", gzip(PAGE.as_bytes())[..30].to_vec(), "no valid gzip"),
        ("br", vec![0xff; 40], "no valid br"),
        ("br", large_window, "its window is too large"),
        ("zstd", b"\x28\xb5\x2f\xfd\x00\xf0\x01\x00\x00".to_vec(), "no valid zstd"),
        ("compress", PAGE.as_bytes().to_vec(), "encoded as `compress`"),
        ("gzip, gzip, gzip", gzip(&gzip(&gzip(b"x"))), "encoded 3 times over"),
    ] {
        let server = Server::http(move |_| encoded(encoding, &body)).await;
        let seen = seek(&world, &server, "well").await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::BodyEncoding), "{encoding}: {seen:?}");
        assert!(seen.message.contains(said), "{encoding}: {}", seen.message);
    }
}

#[tokio::test]
async fn cookies_are_carried_along_redirects_of_one_site() {
    let world = World::new();
    let stranger = Server::http_on("127.0.0.2:0", |_| Reply::ok("")).await;
    let away = stranger.url("/");
    let server = Server::http(move |request| {
        let seen = request.contains("cookie: own=0;") && request.contains("session=1");
        match request.split(' ').nth(1).unwrap() {
            "/" => Reply::full(
                "302 Found",
                &["Location: /login", "Set-Cookie: session=1; Path=/", "Set-Cookie: no=1; Path=/x"],
                "",
            ),
            "/login" if seen => Reply::redirect(302, "/home"),
            "/home" if seen && request.contains("twice=1") => Reply::redirect(302, &away),
            "/home" if seen => {
                Reply::full("302 Found", &["Location: /home", "Set-Cookie: twice=1; Path=/"], "")
            }
            _ => Reply::full("403 Forbidden", &[], request),
        }
    })
    .await;
    let mut check = get(server.url("/"));
    check.headers.push(("Cookie".into(), crate::fixture::monitor::text("own=0")));
    let seen = world.run(http(check.clone())).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(!stranger.request().contains("cookie"), "{}", stranger.request());
    // Nothing is kept from one attempt to the next.
    world.run(http(check)).await;
    let requests = server.requests();
    assert!(requests[4].contains("cookie: own=0\r\n"), "{}", requests[4]);
}
