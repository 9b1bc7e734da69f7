//! The target of type steam: a game server that answers A2S_INFO, with a challenge first
//! (<https://developer.valvesoftware.com/wiki/Server_queries>).

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Target, World, spec, target};
use crate::evidence::Certainty::{May, Must};

const HEADER: [u8; 4] = [0xff; 4];
const CHALLENGE: [u8; 4] = [1, 2, 3, 4];
/// Header, `T` and `Source Engine Query` with its end.
const QUESTION: usize = 25;

pub(super) fn server(_: &World) -> Target {
    let socket = match UdpSocket::bind("127.0.0.1:0") {
        Ok(socket) => socket,
        Err(error) => panic!("no port on 127.0.0.1: {error}"),
    };
    let port = socket.local_addr().map_or(0, |address| address.port());
    let now = Arc::new(AtomicUsize::new(0));
    let chosen = now.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 1_500];
        loop {
            let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
            if let Some(answer) = answer(&buffer[..length], chosen.load(Ordering::SeqCst)) {
                // Who asked may be gone.
                let _ = socket.send_to(&answer, peer);
            }
        }
    });
    let at = json!({ "host": "127.0.0.1", "port": port, "expectedMap": "de_kuma" });
    let hows = vec![
        ("another map", Must),
        ("silent", Must),
        ("challenges without end", Must),
        ("a cut answer", Must),
        ("a part of many that never come", Must),
        ("no game server", May),
    ];
    let act = Box::new(move |how: Option<usize>| {
        now.store(how.map_or(0, |how| how + 1), Ordering::SeqCst);
    });
    target("steam", spec("steam", &at, None), hows, act)
}

fn answer(question: &[u8], how: usize) -> Option<Vec<u8>> {
    let challenged = question.len() > QUESTION && question.ends_with(&CHALLENGE);
    match how {
        2 => return None,
        6 => return Some(b"HTTP/1.1 400 What\r\n\r\n".to_vec()),
        3 => return Some([&HEADER[..], b"A", &CHALLENGE].concat()),
        _ if !challenged => return Some([&HEADER[..], b"A", &CHALLENGE].concat()),
        _ => {}
    }
    let map: &[u8] = if how == 1 { b"de_other\0" } else { b"de_kuma\0" };
    let mut info = [&HEADER[..], &[0x49, 17], b"A server\0", map, b"game\0A game\0"].concat();
    // Application, players, most players, bots, kind, system, open, unsecured, version.
    info.extend_from_slice(&[10, 0, 3, 16, 0, b'd', b'l', 0, 0]);
    info.extend_from_slice(b"1.0\0\0");
    match how {
        4 => info.truncate(9),
        // The first of 15 packets, as Source splits them.
        5 => info = [&[0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0, 15, 0, 0xe0, 4][..], &info].concat(),
        _ => {}
    }
    Some(info)
}
