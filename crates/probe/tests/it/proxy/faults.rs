//! Proxies that hang, break off, talk nonsense or want what we do not speak.

use std::time::Duration;

use kuma_core::check::ProxyKind;
use kuma_core::reason::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{failure, through};
use crate::fixture::World;
use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Server, read_request};

/// What a proxy does once it has heard something (or at once), and whether it then closes.
#[derive(Clone, Copy)]
struct Manner {
    hears: bool,
    says: &'static [u8],
    closes: bool,
}

async fn proxy(manner: Manner) -> Server {
    Server::connections(move |mut stream, _| async move {
        if manner.hears {
            let mut first = [0; 1024];
            let _ = stream.read(&mut first).await;
        }
        let _ = stream.write_all(manner.says).await;
        if !manner.closes {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

/// Speaks after it has heard us, then waits.
const fn says(says: &'static [u8]) -> Manner {
    Manner { hears: true, says, closes: false }
}

/// The same, and closes.
const fn ends(says: &'static [u8]) -> Manner {
    Manner { hears: true, says, closes: true }
}

static FLOOD: [u8; 20_000] = [b'x'; 20_000];

const HANGS: Manner = Manner { hears: false, says: b"", closes: false };

/// Runs each row against `target`; `PROXY` in the message stands for the proxy's address.
async fn judge(target: &str, kind: ProxyKind, rows: &[(Manner, Reason, &str)]) {
    let mut world = World::new();
    world.timeout = Duration::from_secs(1);
    let scheme = if kind == ProxyKind::Http { "http" } else { "socks5" };
    for (number, (manner, reason, message)) in rows.iter().enumerate() {
        let proxy = proxy(*manner).await;
        let address = proxy.address.to_string();
        let url = format!("{scheme}://me:secret-word@{address}");
        let seen = world.run(http(through(&world, get(target), kind, &url))).await;
        assert_eq!(seen.outcome, failure(*reason), "row {number}: {seen:?}");
        let said = seen.message.replace(&address, "PROXY");
        let said = said.split("; connected in").next().unwrap();
        assert_eq!(said, *message, "row {number}");
        assert!(!format!("{seen:?}").contains("secret-word"), "row {number}: {seen:?}");
    }
}

#[tokio::test]
async fn no_tunnel_is_the_proxys_fault() {
    let none = "the proxy PROXY opened no way to the target within 1 s";
    let scheme = "the proxy wants credentials of another scheme than Basic, the only one \
                  supported: ";
    let elsewhere = "the proxy sends us elsewhere instead of opening a tunnel: status 302";
    judge(
        "https://inner.example/",
        ProxyKind::Http,
        &[
            (HANGS, Reason::ProxyConnect, none),
            (says(b""), Reason::ProxyConnect, none),
            (says(b"HTTP/1.1 200 "), Reason::ProxyConnect, none),
            (
                ends(b""),
                Reason::ProxyRefused,
                "the proxy closed the connection instead of opening a tunnel",
            ),
            (
                ends(b"HTTP/1.1 200 Go\r\n"),
                Reason::ProxyRefused,
                "the proxy closed the connection instead of opening a tunnel",
            ),
            (says(b"\0\xff\r\n\r\n"), Reason::ProxyRefused, "what answered is no HTTP proxy"),
            (says(&FLOOD), Reason::ProxyRefused, "the proxy's answer is too large"),
            (
                says(b"HTTP/1.1 302 Go\r\nLocation: http://login.example/\r\n\r\n"),
                Reason::ProxyRefused,
                elsewhere,
            ),
            (
                says(b"HTTP/1.1 504 Late\r\n\r\n"),
                Reason::ProxyRefused,
                "the proxy refuses to connect to the target: status 504",
            ),
            (
                says(
                    b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\n\
                      proxy-authenticate: NTLM\r\n\r\n",
                ),
                Reason::ProxyAuth,
                &format!("{scheme}negotiate, ntlm"),
            ),
            (
                says(b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM, Basic realm=\"a\"\r\n\r\n"),
                Reason::ProxyAuth,
                "the proxy does not accept our user name and password, or wants some",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn nothing_passed_on_is_the_proxys_fault() {
    judge(
        "http://inner.example/",
        ProxyKind::Http,
        &[
            (
                HANGS,
                Reason::Timeout,
                "no answer after 1 s through the proxy PROXY; it or the target is silent",
            ),
            (
                ends(b""),
                Reason::ProxyRefused,
                "the proxy PROXY gave no proper answer: the connection was closed before the \
                 answer",
            ),
            (
                ends(b"\0\xff\r\n\r\n"),
                Reason::ProxyRefused,
                "the proxy PROXY gave no proper answer: the answer is not valid HTTP: invalid HTTP \
                 version parsed",
            ),
            (
                says(b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"),
                Reason::ProxyAuth,
                "the proxy wants credentials of another scheme than Basic, the only one \
                 supported: ntlm",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn every_refusal_of_a_socks5_proxy_is_its_own() {
    let none = "the proxy PROXY opened no way to the target within 1 s";
    let closed = "the proxy PROXY opened no way to the target: the connection was closed by the \
                  SOCKS5 proxy before it opened the way";
    let stranger = "what answered is no SOCKS5 proxy";
    judge(
        "https://inner.example/",
        ProxyKind::Socks5,
        &[
            (HANGS, Reason::ProxyConnect, none),
            (says(&[5]), Reason::ProxyConnect, none),
            (says(&[5, 0]), Reason::ProxyConnect, none),
            (ends(b""), Reason::ProxyRefused, closed),
            (says(b"HTTP/1.1 400 Bad\r\n\r\n"), Reason::ProxyRefused, stranger),
            (says(&[4, 0]), Reason::ProxyRefused, stranger),
            (says(&[5, 0, 9, 0, 0, 1]), Reason::ProxyRefused, stranger),
            (says(&[5, 0, 5, 0, 0, 9]), Reason::ProxyRefused, stranger),
            (
                says(&[5, 0xff]),
                Reason::ProxyAuth,
                "the proxy does not accept our user name and password, or wants some",
            ),
        ],
    )
    .await;
    for (code, words) in [
        (1, "it failed"),
        (2, "its rules do not allow it"),
        (3, "the target's network is unreachable"),
        (4, "the target is unreachable"),
        (5, "the target refused the connection"),
        (6, "the time to live expired on the way to the target"),
        (7, "it does not support the request"),
        (8, "it does not support this kind of address"),
        (99, "it failed"),
    ] {
        let proxy = Server::connections(move |mut stream, _| async move {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(&[5, 0]).await;
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await;
        })
        .await;
        let world = World::new();
        let url = format!("socks5://{}", proxy.address);
        let check = through(&world, get("https://inner.example/"), ProxyKind::Socks5, &url);
        let seen = world.run(http(check)).await;
        assert_eq!(seen.outcome, failure(Reason::ProxyRefused), "{seen:?}");
        assert_eq!(seen.message, format!("the SOCKS5 proxy made no connection: {words}"));
    }
}

#[tokio::test]
async fn a_silent_target_behind_an_open_tunnel_is_to_blame() {
    let mut world = World::new();
    world.timeout = Duration::from_secs(1);
    let proxy = Server::connections(|mut stream, _| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 Go\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let url = format!("http://{}", proxy.address);
    let check = through(&world, get("https://inner.example/"), ProxyKind::Http, &url);
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, failure(Reason::TlsTimeout), "{seen:?}");
}

#[tokio::test]
async fn tls_to_a_proxy_is_refused_in_words() {
    let world = World::new();
    let url = "https://me:secret-word@proxy.example:3129";
    let check = through(&world, get("https://inner.example/"), ProxyKind::Http, url);
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, failure(Reason::TargetInvalid), "{seen:?}");
    assert!(seen.message.contains("TLS to a proxy is not supported"), "{}", seen.message);
    assert!(!format!("{seen:?}").contains("secret-word"));
}
