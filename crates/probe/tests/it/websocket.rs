//! `websocket` against the server of the Python package websockets.

mod hostile;

use std::time::Duration;

use kuma_core::check::{
    Check, HttpCheck, JsonExpectation, JsonOperator, Proxy, ProxyKind, WebsocketCheck,
    WebsocketExpect, WebsocketMessage,
};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_expr::{JsonPath, Pattern};
use kuma_fixture::PythonServer;

use crate::fixture::authority::{Authority, NOW};
use crate::fixture::monitor::{get, text};
use crate::fixture::server::{Server, read_request};
use crate::fixture::{World, fact};

/// A check that only shakes hands.
fn connect(url: impl AsRef<str>) -> WebsocketCheck {
    WebsocketCheck {
        handshake: HttpCheck { follow_redirects: false, ..get(url) },
        subprotocols: Vec::new(),
        message: None,
        expect: None,
        receive_within: None,
    }
}

fn says(message: &str) -> WebsocketMessage {
    WebsocketMessage::Text(text(message))
}

fn wants(text: &str) -> WebsocketExpect {
    WebsocketExpect::Text(text.to_owned())
}

async fn seen(world: &World, check: WebsocketCheck) -> Observation {
    world.run(Check::Websocket(Box::new(check))).await
}

#[track_caller]
fn up(seen: &Observation, message: &str) {
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(seen.message, message);
}

#[track_caller]
fn down(seen: &Observation, reason: Reason, message: &str) {
    assert_eq!(seen.outcome, Outcome::Failure(reason), "{seen:?}");
    assert_eq!(seen.message, message);
}

struct Real {
    server: PythonServer,
    world: World,
}

impl Real {
    fn start() -> Self {
        Self { server: PythonServer::websocket(None), world: World::new() }
    }

    fn connect(&self, path: &str) -> WebsocketCheck {
        connect(format!("ws://127.0.0.1:{}{path}", self.server.port))
    }

    async fn seen(&self, check: WebsocketCheck) -> Observation {
        seen(&self.world, check).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_and_come_as_text_binary_and_json() {
    let real = Real::start();
    up(&real.seen(real.connect("/quiet")).await, "connected");

    let mut echo = real.connect("/echo");
    echo.message = Some(says("hello there"));
    echo.expect = Some(wants("hello"));
    let seen = real.seen(echo.clone()).await;
    up(&seen, "connected, message as expected");
    assert!(seen.phases.connect.is_some() && seen.phases.first_byte.is_some());
    assert!(seen.phases.transfer.is_some());

    echo.expect = Some(WebsocketExpect::Regex(Pattern::compile("^hello \\w+$").unwrap()));
    up(&real.seen(echo.clone()).await, "connected, message as expected");

    echo.message = Some(WebsocketMessage::Binary(vec![0, 0xff, b'o', b'k', 0]));
    echo.expect = Some(wants("ok"));
    up(&real.seen(echo).await, "connected, message as expected");

    let mut json = real.connect("/json");
    let ready = |expected: &str| WebsocketExpect::Json {
        query: JsonPath::compile("$.queue").unwrap(),
        operator: JsonOperator::Equal,
        expected: JsonExpectation::Value(expected.to_owned()),
    };
    json.expect = Some(ready("3"));
    up(&real.seen(json.clone()).await, "connected, message as expected");
    json.expect = Some(ready("0"));
    json.receive_within = Some(Duration::from_millis(900));
    let seen = real.seen(json).await;
    down(
        &seen,
        Reason::WebsocketMismatch,
        "no message as expected came within 900 ms; the last of 2 messages: `$.queue` is 3, \
         expected == 0",
    );
    let last = "{\"type\": \"state\", \"ready\": true, \"queue\": 3}";
    assert_eq!(fact(&seen, "last message"), Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_are_put_together_and_pings_answered() {
    let real = Real::start();
    let mut welcome = real.connect("/welcome");
    welcome.expect = Some(wants("welcome, stranger"));
    up(&real.seen(welcome).await, "connected, message as expected");
    let mut ping = real.connect("/ping");
    ping.expect = Some(wants("pong came"));
    up(&real.seen(ping).await, "connected, message as expected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_must_come_in_time() {
    let real = Real::start();
    let mut any = real.connect("/welcome");
    any.expect = Some(WebsocketExpect::Any);
    any.receive_within = Some(Duration::from_secs(5));
    up(&real.seen(any).await, "connected, a message came");
    let mut quiet = real.connect("/quiet");
    quiet.expect = Some(WebsocketExpect::Any);
    quiet.receive_within = Some(Duration::from_millis(200));
    down(&real.seen(quiet).await, Reason::Timeout, "no message came within 200 ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_say_goodbye() {
    let real = Real::start();
    let mut check = real.connect("/goodbye");
    check.expect = Some(wants("hello"));
    up(&real.seen(check).await, "connected, message as expected");
    real.server.prints("closed 1000");
    let mut policy = real.connect("/policy");
    policy.expect = Some(wants("anything"));
    down(
        &real.seen(policy).await,
        Reason::ConnectionClosed,
        "the server closed the WebSocket before the expected message came with code 1008: not today",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subprotocol_is_chosen_or_it_is_a_failure() {
    let real = Real::start();
    let mut check = real.connect("/quiet");
    check.subprotocols = vec!["chat.v3".into(), "chat.v2".into()];
    up(&real.seen(check.clone()).await, "connected, subprotocol chat.v2");
    check.subprotocols = vec!["chat.v3".into()];
    down(
        &real.seen(check).await,
        Reason::WebsocketHandshake,
        "the server agrees, but to none of the subprotocols chat.v3",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_in_headers_and_are_never_shown() {
    let real = Real::start();
    real.world.secret("token", kuma_fixture::CANARY);
    let mut check = real.connect("/private");
    check.handshake.headers = vec![("Authorization".into(), text("Bearer ${SECRET:token:value}"))];
    check.message = Some(says("${SECRET:token:value}"));
    check.expect = Some(wants(kuma_fixture::CANARY));
    up(&real.seen(check.clone()).await, "connected, message as expected");
    check.expect = Some(wants("something else"));
    check.receive_within = Some(Duration::from_millis(900));
    let seen = real.seen(check.clone()).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::WebsocketMismatch), "{seen:?}");
    assert_eq!(fact(&seen, "last message"), Some("•••"));
    assert!(!format!("{seen:?}").contains(kuma_fixture::CANARY));
    check.handshake.headers.clear();
    let seen = real.seen(check).await;
    down(
        &seen,
        Reason::WebsocketHandshake,
        "status 401 Unauthorized, expected 101 Switching Protocols",
    );
    assert_eq!(fact(&seen, "body"), Some("no\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let real = Real::start();
    down(
        &real.seen(real.connect("/moved")).await,
        Reason::WebsocketHandshake,
        "status 302 Found to /echo, expected 101 Switching Protocols",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_judged_as_anywhere_and_its_certificate_kept() {
    let authority = Authority::new("websocket authority");
    let identity = authority.issue(&["localhost"], NOW);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &identity.pem).unwrap();
    let server = PythonServer::websocket(Some(file.path().to_str().unwrap()));
    let world = World::new();
    let mut check = connect(format!("wss://localhost:{}/echo", server.port));
    check.message = Some(says("over TLS"));
    check.expect = Some(wants("over TLS"));
    let untrusted = seen(&world, check.clone()).await;
    assert_eq!(untrusted.outcome, Outcome::Failure(Reason::TlsUntrusted), "{untrusted:?}");
    check.handshake.tls.ca_bundle = Some(world.secret("ca", &authority.pem()));
    let trusted = seen(&world, check).await;
    up(&trusted, "connected, message as expected");
    assert!(trusted.phases.tls.is_some());
    assert!(trusted.certificate.unwrap().valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_opens_a_tunnel_also_without_tls() {
    let real = Real::start();
    let proxy = Server::connections(|mut stream, requests| async move {
        let request = read_request(&mut stream).await.unwrap();
        let to = request.split(' ').nth(1).unwrap().to_owned();
        requests.lock().unwrap().push(request);
        let mut target = tokio::net::TcpStream::connect(to).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
    })
    .await;
    let url = real.world.secret("proxy", &proxy.url(""));
    let mut check = real.connect("/echo");
    check.handshake.proxy = Some(Proxy { kind: ProxyKind::Http, url });
    check.message = Some(says("through"));
    check.expect = Some(wants("through"));
    up(&real.seen(check).await, "connected, message as expected");
    assert!(proxy.request().starts_with(&format!("CONNECT 127.0.0.1:{}", real.server.port)));
}

#[tokio::test(flavor = "multi_thread")]
async fn egress_rules_and_schemes_hold() {
    let mut real = Real::start();
    real.world.secret("url", &format!("http://127.0.0.1:{}/echo", real.server.port));
    down(
        &real.seen(connect("${SECRET:url:value}")).await,
        Reason::TargetInvalid,
        "the URL is neither ws nor wss",
    );
    real.world.settings.networking.egress.deny = vec!["127.0.0.0/8".parse().unwrap()];
    let seen = real.seen(real.connect("/echo")).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::EgressDenied));
}
