//! HTTP/2 (RFC 9113): resets, goodbyes, floods of every frame, lists of headers that unfold, and
//! windows that stay shut.

use kuma_core::check::{HttpBody, HttpVersion};
use tokio::io::AsyncReadExt;

use super::*;
use crate::fixture::monitor::text;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
/// `:status: 200` of the static table.
const OK: u8 = 0x88;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Speaks HTTP/2 as told: settings, `first` once the request is there, then `again` without end.
async fn speak(settings: &[u8], first: Vec<u8>, again: Vec<u8>) -> (Server, Arc<AtomicU64>) {
    let sent = Arc::new(AtomicU64::new(0));
    let (count, settings) = (Arc::clone(&sent), frame(SETTINGS, 0, 0, settings));
    let server = Server::connections(move |stream, _| {
        let (count, settings) = (Arc::clone(&count), settings.clone());
        let (first, again) = (first.clone(), again.clone());
        async move {
            let (mut reader, mut writer) = stream.into_split();
            let mut preface = [0; 24];
            if reader.read_exact(&mut preface).await.is_err() {
                return;
            }
            let drain = async {
                let mut ignored = [0; 4096];
                while reader.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
            };
            let talk = async {
                writer.write_all(&settings).await?;
                // The request comes with the preface or right after it.
                tokio::time::sleep(Duration::from_millis(100)).await;
                writer.write_all(&first).await?;
                while !again.is_empty() {
                    writer.write_all(&again).await?;
                    count.fetch_add(again.len() as u64, Ordering::Relaxed);
                }
                std::future::pending::<std::io::Result<()>>().await
            };
            tokio::select! {
                () = drain => {}
                _ = talk => {}
            }
        }
    })
    .await;
    (server, sent)
}

async fn ask(server: &Server) -> Observation {
    let mut check = get(server.url("/"));
    check.version = HttpVersion::Http2;
    attack(http(check)).await
}

const ENDED: [Reason; 4] =
    [Reason::HttpProtocol, Reason::ConnectionReset, Reason::ConnectionClosed, Reason::Timeout];

#[tokio::test]
async fn resets_and_goodbyes_are_failures_at_once() {
    for first in [
        frame(RST_STREAM, 0, 1, &7_u32.to_be_bytes()),
        frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]),
        [frame(HEADERS, END_HEADERS, 1, &[OK]), frame(RST_STREAM, 0, 1, &2_u32.to_be_bytes())]
            .concat(),
        frame(DATA, 0, 1, b"before the headers"),
        frame(HEADERS, END_HEADERS, 2, &[OK]),
        frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
        frame(99, 255, 0, &vec![0; 16_385]),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    ] {
        let (server, _) = speak(&[], first.clone(), Vec::new()).await;
        let message = failed(&ask(&server).await, &ENDED[..3]);
        assert!(!message.is_empty(), "{first:?}");
    }
}

#[tokio::test]
async fn floods_of_frames_end_with_the_attempt() {
    let start = frame(HEADERS, END_HEADERS, 1, &[OK]);
    for (first, again) in [
        (Vec::new(), frame(SETTINGS, 0, 0, &[])),
        (Vec::new(), frame(PING, 0, 0, &[0; 8])),
        (Vec::new(), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        (Vec::new(), frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        (Vec::new(), frame(99, 0, 0, b"what is this")),
        (start.clone(), frame(DATA, 0, 1, &[])),
        (start, frame(RST_STREAM, 0, 3, &8_u32.to_be_bytes())),
    ] {
        let (server, _) = speak(&[], first, again.repeat(500)).await;
        failed(&ask(&server).await, &ENDED);
    }
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let first = frame(HEADERS, 0, 1, &[OK]);
    // A literal header, neither indexed nor Huffman-coded: "x: y".
    let again = frame(CONTINUATION, 0, 1, &b"\x00\x01x\x01y".repeat(100));
    let (server, sent) = speak(&[], first.clone(), again).await;
    failed(&ask(&server).await, &ENDED[..3]);
    assert!(sent.load(Ordering::Relaxed) < 16 << 20);
    let (server, sent) = speak(&[], first, frame(CONTINUATION, 0, 1, &[]).repeat(100)).await;
    failed(&ask(&server).await, &ENDED);
    assert!(sent.load(Ordering::Relaxed) < 1 << 30);
}

#[tokio::test]
async fn a_list_of_headers_that_unfolds_is_refused() {
    // One header of 4 KB goes into the table; each byte after it is that header again.
    let mut block = vec![OK, 0x40, 1, b'x', 0x7f, 0xa1, 0x1e];
    block.extend([b'y'; 4000]);
    block.extend([0xbe; 12_000]);
    let (server, _) = speak(&[], frame(HEADERS, END_HEADERS, 1, &block), Vec::new()).await;
    failed(&ask(&server).await, &ENDED[..3]);
}

#[tokio::test]
async fn a_window_that_stays_shut_is_a_timeout() {
    // SETTINGS_INITIAL_WINDOW_SIZE 0.
    let (server, _) = speak(&[0, 4, 0, 0, 0, 0], Vec::new(), Vec::new()).await;
    let mut check = get(server.url("/"));
    check.version = HttpVersion::Http2;
    check.method = "POST".into();
    check.body = Some(HttpBody::Text(text("a".repeat(60_000))));
    failed(&attack(http(check)).await, &[Reason::Timeout]);
}

#[tokio::test]
async fn a_body_over_http2_is_read_up_to_the_limit() {
    let first = frame(HEADERS, END_HEADERS, 1, &[OK]);
    let (server, sent) = speak(&[], first, frame(DATA, 0, 1, &[0; 1024])).await;
    let Check::Keyword(mut check) = keyword(server.url("/")) else {
        panic!("a keyword check");
    };
    check.http.version = HttpVersion::Http2;
    // The server heeds no window, which is an error of its own.
    let reasons = [Reason::BodyTooLarge, Reason::HttpProtocol];
    failed(&attack(Check::Keyword(check)).await, &reasons);
    assert!(sent.load(Ordering::Relaxed) < 16 << 20);
}
