//! Servers that break the protocol, byte by byte.

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kuma_core::check::{Check, WebsocketExpect};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use tokio::io::AsyncWriteExt;

use super::{connect, down, wants};
use crate::fixture::World;
use crate::fixture::attack::attack_for;
use crate::fixture::server::{Server, read_request};

/// A proper agreement to the request.
fn agreement(request: &str) -> String {
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.to_owned())
    });
    let text = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.unwrap());
    let accept = BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, \
         Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Agrees, sends `frames` and then, if asked, `again` until the client goes.
async fn server(frames: Vec<u8>, again: Option<Vec<u8>>, close: bool) -> Server {
    Server::connections(move |mut stream, _| {
        let (frames, again) = (frames.clone(), again.clone());
        async move {
            let Some(request) = read_request(&mut stream).await else {
                return;
            };
            let first = [agreement(&request).into_bytes(), frames].concat();
            if stream.write_all(&first).await.is_err() {
                return;
            }
            while let Some(more) = &again {
                if stream.write_all(more).await.is_err() {
                    return;
                }
            }
            if !close {
                let _ = read_request(&mut stream).await;
            }
        }
    })
    .await
}

/// What is seen by a check that waits for `never`.
async fn waiting(server: &Server) -> Observation {
    let mut check = connect(server.url("/").replace("http:", "ws:"));
    check.expect = Some(wants("never"));
    attack_for(Duration::from_secs(10), Check::Websocket(Box::new(check))).await
}

#[tokio::test]
async fn what_breaks_the_protocol_is_named() {
    for (frames, message) in [
        (
            b"\x81\x82\x01\x02\x03\x04ab".to_vec(),
            "the server breaks the protocol: Received a masked frame from server",
        ),
        (
            b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            "a message of more than 1048576 bytes",
        ),
        (b"\xc1\x02ab".to_vec(), "the server breaks the protocol: Reserved bits are non-zero"),
        (
            b"\x80\x02ab".to_vec(),
            "the server breaks the protocol: Continue frame but nothing to continue",
        ),
        (b"\x81\x02\xff\xfe".to_vec(), "a text message that is not UTF-8"),
        (
            [&b"\x89\x7e\x00\x80"[..], &[0; 128]].concat(),
            "the server breaks the protocol: Control frame too big (payload must be 125 bytes or less)",
        ),
        (b"\x83\x00".to_vec(), "the server breaks the protocol: Encountered invalid opcode: 3"),
    ] {
        let server = server(frames.clone(), None, false).await;
        down(&waiting(&server).await, Reason::WebsocketProtocol, message);
    }
}

#[tokio::test]
async fn endless_fragments_and_messages_end() {
    // Empty fragments would never reach a limit of the message's size.
    let empty = server(b"\x01\x01a".to_vec(), Some(b"\x00\x00".repeat(2048)), false).await;
    down(
        &waiting(&empty).await,
        Reason::WebsocketProtocol,
        "no complete message in the first 4194304 bytes",
    );
    let full = [&b"\x00\x7e\x40\x00"[..], &[b'a'; 0x4000]].concat();
    let large = server(b"\x01\x00".to_vec(), Some(full), false).await;
    down(&waiting(&large).await, Reason::WebsocketProtocol, "a message of more than 1048576 bytes");
    let chatter = server(Vec::new(), Some(b"\x81\x05hello".repeat(500)), false).await;
    let seen = waiting(&chatter).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::WebsocketMismatch), "{seen:?}");
    assert!(seen.message.starts_with("no message as expected came in the first 4194304 bytes"));
}

#[tokio::test]
async fn a_connection_that_ends_is_told_from_one_that_stays_silent() {
    let cut = server(b"\x81\x05hel".to_vec(), None, true).await;
    down(
        &waiting(&cut).await,
        Reason::ConnectionClosed,
        "the connection was closed before the expected message, without the WebSocket's goodbye",
    );
    let silent = server(Vec::new(), None, false).await;
    let mut world = World::new();
    world.timeout = Duration::from_millis(900);
    let mut check = connect(silent.url("/").replace("http:", "ws:"));
    check.expect = Some(WebsocketExpect::Any);
    let seen = world.run(Check::Websocket(Box::new(check))).await;
    down(&seen, Reason::Timeout, "no message came within 900 ms");
}

#[tokio::test]
async fn what_is_no_websocket_server_is_refused() {
    for (answer, message) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "status 200 OK, expected 101 Switching Protocols",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            "the server agrees, but its `Sec-WebSocket-Accept` is not made of our key: it is no \
             WebSocket server, or something on the way answered from memory",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "the server agrees, but to `h2c` instead of websocket",
        ),
    ] {
        let server = Server::connections(move |mut stream, _| async move {
            let _ = read_request(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = read_request(&mut stream).await;
        })
        .await;
        down(&waiting(&server).await, Reason::WebsocketHandshake, message);
    }
    let deaf = Server::connections(|mut stream, _| async move {
        while read_request(&mut stream).await.is_some() {}
    })
    .await;
    let mut world = World::new();
    world.timeout = Duration::from_millis(900);
    let check = connect(deaf.url("/").replace("http:", "ws:"));
    let seen = world.run(Check::Websocket(Box::new(check))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Timeout), "{seen:?}");
    assert!(seen.message.starts_with("no answer after 900 ms"), "{}", seen.message);
}
