//! Status lines and headers, redirects, lengths, silence, and TLS that breaks off.

use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::fixture::authority::{Authority, NOW, server as tls_server};
use crate::fixture::server::Then;

async fn raw(bytes: impl Into<Vec<u8>>) -> Observation {
    let bytes = bytes.into();
    let server = Server::http(move |_| Reply::raw(bytes.clone(), Then::Hold)).await;
    attack(keyword(server.url("/"))).await
}

#[tokio::test]
async fn floods_of_headers_are_cut_off() {
    let many = "X: y\r\n".repeat(101);
    failed(&raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await, &[Reason::HttpProtocol]);
    for part in [b"X: y\r\n".repeat(1000), b"y".repeat(6000)] {
        let (server, sent) = endless("HTTP/1.1 200 OK\r\nX: ", part, Duration::ZERO).await;
        failed(&attack(http(get(server.url("/")))).await, &[Reason::HttpProtocol]);
        assert!(sent.load(Ordering::Relaxed) < 16 << 20, "{}", sent.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends_with_the_attempt() {
    let part = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100);
    let (server, _) = endless("", part, Duration::ZERO).await;
    failed(&attack(http(get(server.url("/")))).await, &[Reason::Timeout, Reason::HttpProtocol]);
}

#[tokio::test]
async fn a_head_that_drips_ends_with_the_attempt() {
    let (server, sent) =
        endless("HTTP/1.1 200 OK\r\n", b"X".to_vec(), Duration::from_millis(250)).await;
    let message = failed(&attack(http(get(server.url("/")))).await, &[Reason::Timeout]);
    assert!(message.starts_with("no answer after 2 s"), "{message}");
    assert!(sent.load(Ordering::Relaxed) < 20);
}

#[tokio::test]
async fn who_accepts_and_says_nothing_is_a_timeout() {
    let silent = Server::connections(|mut stream, _| async move {
        let mut ignored = Vec::new();
        let _ = stream.read_to_end(&mut ignored).await;
    })
    .await;
    failed(&attack(http(get(silent.url("/")))).await, &[Reason::Timeout]);
    let message = failed(&attack(http(get(silent.https_url("/")))).await, &[Reason::TlsTimeout]);
    assert!(message.starts_with("the TLS handshake did not finish"), "{message}");
}

#[tokio::test]
async fn lengths_that_make_no_sense_are_refused() {
    for lengths in [
        "Content-Length: -1\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length: 5, 6\r\n",
    ] {
        let seen = raw(format!("HTTP/1.1 200 OK\r\n{lengths}\r\nhello")).await;
        failed(&seen, &[Reason::HttpProtocol]);
    }
    // A length that is only a lie reserves nothing.
    let seen = raw("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\nhello").await;
    failed(&seen, &[Reason::Timeout, Reason::BodyTooLarge]);
    // Both: the chunks count (RFC 9112, section 6.3).
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
                4\r\nwell\r\n0\r\n\r\n";
    assert_eq!(raw(both).await.outcome, Outcome::Success);
}

#[tokio::test]
async fn headers_cannot_smuggle_lines() {
    for header in ["X: a\0b", "X: a\rSet-Cookie: b=c", "X y: z", ": empty", "X\u{e9}: y"] {
        let seen = raw(format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: 0\r\n\r\n")).await;
        failed(&seen, &[Reason::HttpProtocol]);
    }
    // A place that tries to add headers to our next request adds nothing.
    let server = Server::http(|request| match request.split(' ').nth(1) {
        Some("/") => Reply::redirect(302, "/next%0d%0aX-Evil:%20yes?a=b\tc"),
        _ => Reply::ok("well"),
    })
    .await;
    assert_eq!(attack(keyword(server.url("/"))).await.outcome, Outcome::Success);
    let request = server.requests().pop().unwrap();
    assert!(!request.to_lowercase().contains("\nx-evil"), "{request}");
}

#[tokio::test]
async fn redirects_that_lead_nowhere_good_are_not_followed() {
    for to in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "data:text/plain,well",
        "unix:/run/docker.sock",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "",
        "http://",
    ] {
        let server = Server::http(move |_| Reply::redirect(302, to)).await;
        let seen = attack(keyword(server.url("/"))).await;
        failed(&seen, &[Reason::HttpRedirects]);
        assert_eq!(server.requests().len(), 1, "{to}");
    }
    let endless = Server::http(|request| {
        let hops = request.split(' ').nth(1).unwrap().len();
        Reply::redirect(302, &"/a".repeat(hops))
    })
    .await;
    let message = failed(&attack(http(get(endless.url("/")))).await, &[Reason::HttpRedirects]);
    assert!(message.starts_with("more than 10 redirects"), "{message}");
}

#[tokio::test]
async fn leaving_tls_takes_no_credentials_along() {
    let plain = Server::http(|_| Reply::ok("well")).await;
    let to = plain.url("/");
    let authority = Authority::new("tests");
    let config = tls_server(&authority.issue(&["localhost"], NOW));
    let secure = Server::https(config, move |_| {
        Reply::full("302 Go", &[&format!("Location: {to}"), "Set-Cookie: a=b; Secure"], "")
    })
    .await;
    let mut world = World::new();
    world.timeout = TIMEOUT;
    let mut check = get(secure.https_url("/"));
    check.tls.ca_bundle = Some(world.secret("ca", &authority.pem()));
    let token = world.secret("token", "t0ken");
    check.auth = Some(kuma_core::check::HttpAuth::Bearer(token));
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(secure.request().contains("t0ken"));
    let request = plain.request().to_lowercase();
    assert!(!request.contains("authorization") && !request.contains("cookie"), "{request}");
}

#[tokio::test]
async fn tls_that_breaks_off_in_the_middle_is_told() {
    let authority = Authority::new("tests");
    let acceptor = TlsAcceptor::from(Arc::new(tls_server(&authority.issue(&["localhost"], NOW))));
    // A fatal alert in the clear, garbage, and a record that is longer than it may be.
    for bytes in [b"\x15\x03\x03\x00\x02\x02\x28".as_slice(), &[0; 64], b"\x17\x03\x03\xff\xff"] {
        let acceptor = acceptor.clone();
        let server = Server::connections(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let _ = read_request(&mut stream).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nwe").await;
                let _ = stream.flush().await;
                let _ = stream.get_mut().0.write_all(bytes).await;
                let mut ignored = Vec::new();
                let _ = stream.get_mut().0.read_to_end(&mut ignored).await;
            }
        })
        .await;
        let mut world = World::new();
        world.timeout = TIMEOUT;
        let mut check = get(server.https_url("/"));
        check.tls.ca_bundle = Some(world.secret("ca", &authority.pem()));
        let seen = world.run(http(check)).await;
        failed(&seen, &[Reason::ConnectionReset, Reason::TlsHandshake, Reason::HttpProtocol]);
    }
}
