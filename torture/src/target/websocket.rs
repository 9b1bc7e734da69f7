//! The target of type websocket: a handshake (RFC 6455, 4.2.2), then one message.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kuma_fixture::websocket_accept;
use serde_json::json;

use super::{Target, World, spec, target};
use crate::evidence::Certainty::{May, Must};

const KEPT: Duration = Duration::from_secs(3);

pub(super) fn echo(_: &World) -> Target {
    let listener = match TcpListener::bind(("127.0.0.1", 0)) {
        Ok(listener) => listener,
        Err(error) => panic!("no port on 127.0.0.1: {error}"),
    };
    let port = listener.local_addr().map_or(0, |address| address.port());
    let now = Arc::new(AtomicUsize::new(0));
    let chosen = now.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let how = chosen.load(Ordering::SeqCst);
            // A caller that breaks off is no concern of the server's.
            std::thread::spawn(move || serve(stream, how));
        }
    });
    let url = format!("ws://127.0.0.1:{port}/");
    let at = json!({ "url": url, "message": "ping", "expectedResponse": "pong" });
    let hows = vec![
        ("503", Must),
        ("a key of its own", Must),
        ("mute", Must),
        ("another message", Must),
        ("fragments without end", Must),
        ("a frame longer than any", Must),
        ("pings without end", Must),
        ("a close at once", Must),
        ("the message in two fragments", May),
    ];
    let act = Box::new(move |how: Option<usize>| {
        now.store(how.map_or(0, |how| how + 1), Ordering::SeqCst);
    });
    target("websocket", spec("websocket", &at, None), hows, act)
}

fn serve(mut stream: TcpStream, how: usize) -> std::io::Result<()> {
    stream.set_read_timeout(Some(KEPT))?;
    stream.set_write_timeout(Some(KEPT))?;
    let key = request(&mut stream)?;
    let accept =
        if how == 2 { "bm90IHRoaXMgb25lIGF0IGFsbCE=".to_owned() } else { websocket_accept(&key) };
    let head = format!(
        "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    match how {
        1 => return stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
        3 => {}
        _ => stream.write_all(head.as_bytes())?,
    }
    match how {
        0 => stream.write_all(b"\x81\x04pong")?,
        4 => stream.write_all(b"\x81\x05nopes")?,
        5 => {
            stream.write_all(b"\x01\x01a")?;
            flood(&mut stream, b"\x00\x01a")?;
        }
        6 => stream.write_all(b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")?,
        7 => flood(&mut stream, b"\x89\x00")?,
        8 => stream.write_all(b"\x88\x02\x03\xe8")?,
        9 => stream.write_all(b"\x01\x02po\x80\x02ng")?,
        _ => {}
    }
    // Until the other side is done.
    let mut rest = [0; 1_024];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}

fn flood(stream: &mut TcpStream, frame: &[u8]) -> std::io::Result<()> {
    let many = frame.repeat(4_096);
    loop {
        stream.write_all(&many)?;
    }
}

/// Reads a request and returns its key.
fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 1_024]);
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&buffer[..length]);
    }
    let head = String::from_utf8_lossy(&seen).into_owned();
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    Ok(key.map_or_else(String::new, |(_, key)| key.trim().to_owned()))
}
