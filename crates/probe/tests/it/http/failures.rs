//! Everything that can go wrong below and in HTTP, each with its own reason.

use std::time::Duration;

use kuma_core::check::StatusRange;
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::stats::Stats;
use kuma_fixture::Swallower;
use tokio::io::AsyncReadExt;

use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server, Then, closed_port};
use crate::fixture::{World, fact};

async fn reason(reply: Reply) -> (Outcome, String) {
    let server = Server::http(move |_| reply.clone()).await;
    let seen = World::new().run(http(get(server.url("/")))).await;
    (seen.outcome, seen.message)
}

fn failure(reason: Reason) -> Outcome {
    Outcome::Failure(reason)
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let address = closed_port().await;
    let seen = World::new().run(http(get(format!("http://{address}/")))).await;
    assert_eq!(seen.outcome, failure(Reason::ConnectionRefused));
    assert_eq!(seen.message, format!("{address} refused the connection"));
    assert_eq!(seen.peer, Some(address.ip()));
    let phases: Vec<_> = seen.phases.named().map(|(name, _)| name).collect();
    assert_eq!(phases, ["connect"]);
}

#[tokio::test]
async fn all_addresses_of_a_name_are_tried_and_told() {
    let port = closed_port().await.port();
    let seen = World::new().run(http(get(format!("http://localhost:{port}/")))).await;
    assert_eq!(seen.outcome, failure(Reason::ConnectionRefused), "{seen:?}");
    assert!(fact(&seen, &format!("address 127.0.0.1:{port}")).is_some(), "{seen:?}");
}

#[tokio::test]
async fn the_next_address_of_a_name_is_tried() {
    let server = Server::http_on("[::1]:0", |_| Reply::ok("")).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let seen = World::new().run(http(get(url))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(seen.peer, Some(server.address.ip()));
}

#[tokio::test]
async fn a_panic_inside_gives_no_verdict() {
    let world = World::new();
    let at = world.secret("panics", "");
    let seen = world.run(http(get(format!("${{SECRET:{}:{}}}", at.name, at.key)))).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::Internal));
    let panics = world.prober.samples();
    let panics = panics.iter().find(|sample| sample.name == "probe_panics");
    assert!((panics.unwrap().value - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn resets_and_closes_are_told_apart() {
    let reset = reason(Reply::raw("", Then::Reset)).await;
    assert_eq!(reset.0, failure(Reason::ConnectionReset));
    assert_eq!(reset.1, "the connection was reset before the answer");
    let closed = reason(Reply::raw("", Then::Close)).await;
    assert_eq!(closed.0, failure(Reason::ConnectionClosed));
    let half = reason(Reply::raw("HTTP/1.1 200 OK\r\nX-", Then::Close)).await;
    assert_eq!(half.0, failure(Reason::ConnectionClosed));
}

#[tokio::test]
async fn garbage_and_endless_headers_are_no_http() {
    let garbage = reason(Reply::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n", Then::Hold)).await;
    assert_eq!(garbage.0, failure(Reason::HttpProtocol), "{}", garbage.1);
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    let huge = reason(Reply::raw(huge, Then::Hold)).await;
    assert_eq!(huge.0, failure(Reason::HttpProtocol), "{}", huge.1);
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: a\r\n".repeat(500));
    let many = reason(Reply::raw(many, Then::Hold)).await;
    assert_eq!(many.0, failure(Reason::HttpProtocol), "{}", many.1);
}

#[tokio::test]
async fn a_truncated_body_is_a_closed_connection() {
    let (outcome, message) =
        reason(Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Then::Close)).await;
    assert_eq!(outcome, failure(Reason::ConnectionClosed));
    assert_eq!(
        message,
        "the connection was closed while the body was coming; 4 bytes of the body had come"
    );
}

#[tokio::test]
async fn a_body_may_end_with_its_connection() {
    let reply = Reply::raw("HTTP/1.0 200 OK\r\n\r\nall of it", Then::Close);
    assert_eq!(reason(reply).await.0, Outcome::Success);
}

#[tokio::test]
async fn a_timeout_names_the_phase() {
    for (reply, message, phases) in [
        (
            Reply::raw("", Then::Hold),
            "no answer after 900 ms; connected in",
            vec!["connect", "first_byte"],
        ),
        (
            Reply::raw("HTTP/1.1 200 OK\r\nX-Slow: ", Then::Hold),
            "no answer after 900 ms; connected in",
            vec!["connect", "first_byte"],
        ),
        (
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Then::Hold),
            "the answer was not complete after 900 ms; 4 bytes of its body had come; connected in",
            vec!["connect", "first_byte", "transfer"],
        ),
    ] {
        let server = Server::http(move |_| reply.clone()).await;
        let mut world = World::new();
        world.timeout = Duration::from_millis(900);
        let seen = world.run(http(get(server.url("/")))).await;
        assert_eq!(seen.outcome, failure(Reason::Timeout));
        assert!(seen.message.starts_with(message), "{}", seen.message);
        let named: Vec<_> = seen.phases.named().map(|(name, _)| name).collect();
        assert_eq!(named, phases);
        assert!(seen.latency.unwrap() >= world.timeout);
    }
}

#[tokio::test]
async fn a_full_accept_queue_is_a_connect_timeout() {
    let swallower = Swallower::start().await;
    let mut world = World::new();
    world.timeout = Duration::from_millis(300);
    let seen = world.run(http(get(format!("http://{}/", swallower.address)))).await;
    assert_eq!(seen.outcome, failure(Reason::ConnectTimeout), "{seen:?}");
    assert_eq!(seen.message, "no connection after 300 ms");
}

#[tokio::test]
async fn denied_addresses_are_never_dialled() {
    let server = Server::http(|_| Reply::ok("")).await;
    let mut world = World::new();
    world.settings.networking.egress.deny = vec!["127.0.0.0/8".parse().unwrap()];
    let seen = world.run(http(get(server.url("/")))).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied));
    assert_eq!(
        seen.message,
        "127.0.0.1 may not be asked: `networking.egress.deny` has 127.0.0.0/8"
    );
    world.settings.networking.egress.deny.push("::1/128".parse().unwrap());
    let url = format!("http://localhost:{}/", server.address.port());
    let seen = world.run(http(get(url))).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_to_a_denied_address_is_not_followed() {
    let server = Server::http(|_| Reply::redirect(302, "http://169.254.169.254/latest")).await;
    let seen = World::new().run(http(get(server.url("/")))).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied));
}

#[tokio::test]
async fn an_unexpected_status_shows_what_came() {
    let server = Server::http(|_| {
        Reply::full("503 Nope", &["X-Node: b", "Set-Cookie: session=abc"], "<h1>maintenance</h1>")
    })
    .await;
    let mut check = get(server.url("/health"));
    let seen = World::new().run(http(check.clone())).await;
    assert_eq!(seen.outcome, failure(Reason::HttpStatus));
    let evidence = seen.evidence.as_ref().unwrap();
    let shown: Vec<String> =
        evidence.0.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let text = shown.join("\n").replace(&server.address.to_string(), "ADDRESS");
    insta::assert_snapshot!(text, @r"
    url: http://ADDRESS/health
    status: HTTP/1.1 503 Service Unavailable
    header content-length: 20
    header x-node: b
    body: <h1>maintenance</h1>
    ");
    check.criteria.status_codes = vec![StatusRange { low: 503, high: 503 }];
    let seen = World::new().run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success);
}

#[tokio::test]
async fn a_complete_answer_ends_with_a_reset_and_leaves_no_port_behind() {
    let (ended, mut how) = tokio::sync::mpsc::channel(1);
    let server = Server::connections(move |mut stream, _| {
        let ended = ended.clone();
        async move {
            crate::fixture::server::read_request(&mut stream).await.unwrap();
            let reply = Reply::ok("done").bytes;
            tokio::io::AsyncWriteExt::write_all(&mut stream, &reply).await.unwrap();
            let end = stream.read(&mut [0; 1]).await;
            ended.send(end.map_err(|error| error.kind())).await.unwrap();
        }
    })
    .await;
    let seen = World::new().run(http(get(server.url("/")))).await;
    assert_eq!(seen.outcome, Outcome::Success);
    assert_eq!(how.recv().await.unwrap(), Err(std::io::ErrorKind::ConnectionReset));
}
