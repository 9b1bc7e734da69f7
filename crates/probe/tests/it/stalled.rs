//! Targets that swallow packets, and targets that speak so slowly that nothing ever comes of it: the
//! attempt ends in its time with the reason, whatever the type, and others go on beside it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use kuma_core::check::{
    Check, ClientAuthentication, ClientCredentials, DnsCheck, DnsProtocol, DockerCheck,
    DockerEngine, GrpcCheck, HttpAuth, IpFamily, MatchMode, PingCheck, Proxy, ProxyKind, Rcode,
    RecordType, Starttls, TcpCheck, TcpExpect, TlsCheck, TlsOptions, WebsocketCheck,
};
use kuma_core::observation::Observation;
use kuma_core::reason::Reason;
use kuma_core::settings::PingMode;
use kuma_fixture::Swallower;
use tokio::io::AsyncWriteExt;

use crate::fixture::attack::{TIMEOUT, attack_in, failed};
use crate::fixture::monitor::{get, http, text};
use crate::fixture::server::Server;
use crate::fixture::{World, fact};

fn world() -> World {
    let mut world = World::new();
    world.timeout = TIMEOUT;
    world.settings.networking.ping_mode = PingMode::TcpOnly;
    world
}

fn tcp(at: SocketAddr) -> Check {
    Check::Tcp(Box::new(TcpCheck {
        host: at.ip().to_string(),
        port: at.port(),
        send: None,
        expect: Some(TcpExpect::Text("never".to_owned())),
        banner_contains: None,
        tls: None,
        starttls: None,
    }))
}

fn tls(at: SocketAddr, starttls: Option<Starttls>) -> Check {
    let (host, port) = (at.ip().to_string(), at.port());
    Check::Tls(Box::new(TlsCheck { host, port, starttls, tls: TlsOptions::default() }))
}

fn websocket(at: SocketAddr, scheme: &str) -> Check {
    Check::Websocket(Box::new(WebsocketCheck {
        handshake: get(format!("{scheme}://{at}/")),
        subprotocols: Vec::new(),
        message: None,
        expect: None,
        receive_within: None,
    }))
}

fn grpc(at: SocketAddr) -> Check {
    Check::Grpc(Box::new(GrpcCheck {
        host: at.ip().to_string(),
        port: at.port(),
        service: String::new(),
        tls: None,
        authority: None,
        metadata: Vec::new(),
    }))
}

fn docker(at: SocketAddr) -> Check {
    let engine = DockerEngine::Tcp { host: at.ip().to_string(), port: at.port() };
    let container = "web".to_owned();
    Check::Docker(Box::new(DockerCheck { container, engine, require_healthy: true }))
}

fn dns(at: SocketAddr, protocol: DnsProtocol) -> Check {
    Check::Dns(Box::new(DnsCheck {
        domain: "web.example".to_owned(),
        record_type: RecordType::A,
        server: Some(at.to_string()),
        protocol,
        expected: Vec::new(),
        match_mode: MatchMode::Exact,
        rcode: Rcode::Noerror,
        must_resolve: true,
    }))
}

fn ping(at: SocketAddr) -> Check {
    Check::Ping(Box::new(PingCheck {
        host: at.ip().to_string(),
        count: 2,
        packet_size: 56,
        max_loss_percent: 0,
        tcp_fallback: None,
        tcp_fallback_port: Some(at.port()),
        ip_family: IpFamily::Auto,
    }))
}

fn proxied(world: &World, at: SocketAddr, kind: ProxyKind) -> Check {
    let scheme = if kind == ProxyKind::Http { "http" } else { "socks5" };
    let mut check = get("https://inner.example/");
    check.proxy = Some(Proxy { kind, url: world.secret(scheme, &format!("{scheme}://{at}")) });
    http(check)
}

fn with_token(world: &World, at: SocketAddr) -> Check {
    let mut check = get("http://127.0.0.1:9/");
    check.auth = Some(HttpAuth::OAuth2(Box::new(ClientCredentials {
        token_url: text(format!("http://{at}/")),
        client_id: text("monitor"),
        client_secret: world.secret("client", "a secret"),
        scopes: Vec::new(),
        audience: None,
        authentication: ClientAuthentication::Basic,
    })));
    http(check)
}

#[tokio::test]
async fn who_swallows_packets_is_no_connection_in_time() {
    let (world, swallower) = (world(), Swallower::start().await);
    let at = swallower.address;
    let late = Reason::ConnectTimeout;
    let rows = [
        ("http", http(get(format!("http://{at}/"))), late),
        ("https", http(get(format!("https://{at}/"))), late),
        ("tcp", tcp(at), late),
        ("tls", tls(at, None), late),
        ("starttls", tls(at, Some(Starttls::Smtp)), late),
        ("ws", websocket(at, "ws"), late),
        ("wss", websocket(at, "wss"), late),
        ("grpc", grpc(at), late),
        ("docker", docker(at), Reason::DockerEngine),
        ("dns", dns(at, DnsProtocol::Tcp), Reason::DnsTimeout),
        ("dns over TLS", dns(at, DnsProtocol::Tls(Box::default())), late),
        ("ping", ping(at), Reason::PingLoss),
        ("proxy", proxied(&world, at, ProxyKind::Http), Reason::ProxyConnect),
        ("socks5", proxied(&world, at, ProxyKind::Socks5), Reason::ProxyConnect),
        ("token", with_token(&world, at), Reason::TokenUnreachable),
    ];
    let judged = rows.map(|(what, check, reason)| (what, attack_in(&world, check), reason));
    for (what, seen, reason) in all(judged).await {
        let message = failed(&seen, &[reason]);
        assert!(seen.latency.unwrap() < TIMEOUT * 3, "{what}: {seen:?}");
        if reason == late {
            assert!(message.starts_with("no connection after "), "{what}: {message}");
        }
        if reason == Reason::DockerEngine {
            assert_eq!(fact(&seen, "engine reason"), Some("CONNECT_TIMEOUT"), "{seen:?}");
        }
    }
}

/// Makes all attempts at once.
async fn all<F: Future<Output = Observation>, const N: usize>(
    rows: [(&'static str, F, Reason); N],
) -> Vec<(&'static str, Observation, Reason)> {
    join_all(rows.map(|(what, seen, reason)| async move { (what, seen.await, reason) })).await
}

/// Begins as said, and goes on with a byte now and then until the client has gone.
async fn dripping(begins: &'static [u8], byte: u8) -> Server {
    Server::connections(move |mut stream, _| async move {
        let mut next = stream.write_all(begins).await;
        while next.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            next = stream.write_all(&[byte]).await;
        }
    })
    .await
}

/// The head of a record of TLS that is never whole.
const RECORD: &[u8] = b"\x16\x03\x03\x3f\xff";

#[tokio::test]
async fn what_comes_too_slowly_ends_with_the_attempt() {
    let world = world();
    let slow = async |begins, byte| dripping(begins, byte).await;
    let servers = [
        slow(RECORD, 0).await,
        slow(b"220-", b'a').await,
        slow(b"* OK ", b'a').await,
        slow(b"+OK ", b'a').await,
        slow(b"\x30\x82\x1f\xff", 0).await,
        slow(b"\x00\x0f\x00\x00\x0a", b'8').await,
        slow(b"<stream:stream>", b' ').await,
        slow(b"HTTP/1.1 101 Switching Protocols\r\nX: ", b'a').await,
        slow(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x3f\xff\x01\x04\x00\x00\x00\x01\x88", 0)
            .await,
        slow(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", b' ').await,
        slow(b"\x1f\xff", 0).await,
        slow(b"HTTP/1.1 200 OK\r\nX: ", b'a').await,
        slow(b"\x05\x00\x05\x00\x00\x03\xff", b'a').await,
    ];
    let at = |number: usize| servers[number].address;
    let late = Reason::Timeout;
    let rows = [
        ("https", http(get(format!("https://{}/", at(0)))), Reason::TlsTimeout),
        ("tls", tls(at(0), None), Reason::TlsTimeout),
        ("wss", websocket(at(0), "wss"), Reason::TlsTimeout),
        ("dns over TLS", dns(at(0), DnsProtocol::Tls(Box::default())), Reason::TlsTimeout),
        ("smtp", tls(at(1), Some(Starttls::Smtp)), late),
        ("ftp", tls(at(1), Some(Starttls::Ftp)), late),
        ("imap", tls(at(2), Some(Starttls::Imap)), late),
        ("pop3", tls(at(3), Some(Starttls::Pop3)), late),
        ("ldap", tls(at(4), Some(Starttls::Ldap)), late),
        ("mysql", tls(at(5), Some(Starttls::Mysql)), late),
        ("xmpp", tls(at(6), Some(Starttls::Xmpp)), late),
        ("tcp", tcp(at(1)), Reason::TcpMismatch),
        ("websocket", websocket(at(7), "ws"), late),
        ("grpc", grpc(at(8)), late),
        ("docker", docker(at(9)), Reason::DockerEngine),
        ("dns", dns(at(10), DnsProtocol::Tcp), Reason::DnsTimeout),
        ("proxy", proxied(&world, at(11), ProxyKind::Http), Reason::ProxyConnect),
        ("socks5", proxied(&world, at(12), ProxyKind::Socks5), Reason::ProxyConnect),
        ("token", with_token(&world, at(9)), Reason::TokenUnreachable),
    ];
    let judged = rows.map(|(what, check, reason)| (what, attack_in(&world, check), reason));
    for (what, seen, reason) in all(judged).await {
        failed(&seen, &[reason]);
        // What has its share of the time ends a little before all of it is over.
        // The time that a token takes is not the target's.
        let whole = reason == Reason::TokenUnreachable || seen.latency.unwrap() >= TIMEOUT * 3 / 4;
        assert!(whole, "{what} ended early: {seen:?}");
    }
}
