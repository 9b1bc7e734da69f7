//! Bodies: bombs, bodies without end, and bodies that are hard to read.

use std::io::Write;

use flate2::Compression;
use kuma_expr::Pattern;

use super::*;
use crate::fixture::fact;
use crate::fixture::server::Then;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Half a gigabyte of zeros in half a megabyte.
fn gzip_bomb() -> Vec<u8> {
    gzip(&vec![0; 1 << 20]).repeat(512)
}

/// Half a gigabyte: blocks of 128 KiB that are one byte repeated (RFC 8878, section 3.1.1.2).
fn zstd_bomb() -> Vec<u8> {
    let mut bomb = b"\x28\xb5\x2f\xfd\x00\x68".to_vec();
    bomb.extend(b"\x02\x00\x10\x00".repeat(4096));
    bomb
}

fn brotli_bomb() -> Vec<u8> {
    let params = brotli::enc::BrotliEncoderParams { quality: 2, ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut vec![0; 16 << 20].as_slice(), &mut out, &params).unwrap();
    out
}

#[tokio::test]
async fn bombs_are_put_out_at_the_limit() {
    for (encoding, bomb) in [
        ("gzip", gzip_bomb()),
        ("zstd", zstd_bomb()),
        ("br", brotli_bomb()),
        ("gzip, gzip", gzip(&gzip_bomb())),
    ] {
        assert!(bomb.len() < 1 << 20, "{encoding}: {}", bomb.len());
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            bomb.len()
        );
        let bytes = [head.as_bytes(), &bomb].concat();
        let server = Server::http(move |_| Reply::raw(bytes.clone(), Then::Hold)).await;
        let message = failed(
            &attack_for(TIMEOUT * 8, keyword(server.url("/"))).await,
            &[Reason::BodyTooLarge],
        );
        assert!(message.contains("larger than 1048576 bytes once decompressed"), "{message}");
    }
}

#[tokio::test]
async fn a_window_of_gigabytes_is_not_opened() {
    // A window descriptor of 2 GiB and a raw block of one byte.
    let frame = b"\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00a";
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 10\r\n\r\n";
    let bytes = [head.as_slice(), frame].concat();
    let server = Server::http(move |_| Reply::raw(bytes.clone(), Then::Hold)).await;
    failed(&attack(keyword(server.url("/"))).await, &[Reason::BodyEncoding]);
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_the_limit() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024)).into_bytes();
    let (server, sent) = endless(HEAD, chunk.clone(), Duration::ZERO).await;
    // A busy machine needs a while for a thousand chunks.
    let long = TIMEOUT * 8;
    let seen = attack_for(long, keyword(server.url("/"))).await;
    failed(&seen, &[Reason::BodyTooLarge]);
    assert!(fact(&seen, "body").unwrap().len() < 2048);
    let seen = attack_for(long, http(get(server.url("/")))).await;
    assert_eq!(seen.outcome, Outcome::Success, "what is only measured ends at the limit");
    // What sockets buffer comes on top of twice the limit.
    assert!(sent.load(Ordering::Relaxed) < 24 << 20, "{}", sent.load(Ordering::Relaxed));
}

#[tokio::test]
async fn chunks_of_nothing_and_their_extensions_are_bounded() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let reasons = [Reason::Timeout, Reason::BodyTooLarge, Reason::HttpProtocol];
    let single = b"1\r\na\r\n".repeat(2000);
    let (server, _) = endless(HEAD, single, Duration::ZERO).await;
    failed(&attack(keyword(server.url("/"))).await, &reasons);
    let (server, sent) = endless(&format!("{HEAD}1;"), b"x=y;".repeat(1000), Duration::ZERO).await;
    let seen = attack(keyword(server.url("/"))).await;
    assert!(failed(&seen, &[Reason::HttpProtocol]).contains("chunk extensions over limit"));
    assert!(sent.load(Ordering::Relaxed) < 16 << 20);
    let trailers = format!("{HEAD}1\r\na\r\n0\r\n");
    let (server, sent) = endless(&trailers, b"X: y\r\n".repeat(1000), Duration::ZERO).await;
    failed(&attack(keyword(server.url("/"))).await, &reasons);
    assert!(sent.load(Ordering::Relaxed) < 16 << 20);
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_attempt() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    let (server, sent) = endless(head, b"a".to_vec(), Duration::from_millis(250)).await;
    let message = failed(&attack(keyword(server.url("/"))).await, &[Reason::Timeout]);
    assert!(message.contains("bytes of its body had come"), "{message}");
    assert!(sent.load(Ordering::Relaxed) < 20);
}

#[tokio::test]
async fn what_is_no_text_and_no_json_is_told() {
    let body = b"\xff\xfe all is \xc3\x28 well \x00";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let bytes = [head.as_bytes(), body].concat();
    let server = Server::http(move |_| Reply::raw(bytes.clone(), Then::Hold)).await;
    assert_eq!(attack(keyword(server.url("/"))).await.outcome, Outcome::Success);
    failed(&attack(query(server.url("/"))).await, &[Reason::JsonInvalid]);
}

#[tokio::test]
async fn deep_and_wide_json_is_refused_or_read() {
    let deep = Server::http(|_| Reply::ok(&"[".repeat(500_000))).await;
    let message = failed(&attack(query(deep.url("/"))).await, &[Reason::JsonInvalid]);
    assert!(message.contains("recursion limit"), "{message}");
    let wide = format!("[{}0]", "{},".repeat(300_000));
    let wide = Server::http(move |_| Reply::ok(&wide)).await;
    failed(&attack(query(wide.url("/"))).await, &[Reason::JsonInvalid, Reason::JsonQuery]);
}

#[tokio::test]
async fn a_body_made_for_a_regular_expression_does_not_hold_it_up() {
    let body = "a".repeat(1 << 20);
    let server = Server::http(move |_| Reply::ok(&body)).await;
    let pattern = Pattern::compile("(a*)*(a|aa)+(a?){50}b").unwrap();
    let check = seeking(server.url("/"), Keyword::Regex(pattern));
    failed(&attack(check).await, &[Reason::BodyMismatch, Reason::Timeout]);
}
