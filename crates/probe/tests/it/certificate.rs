//! `tls`, and TLS after STARTTLS in `tls` and `tcp`.

use std::sync::Arc;

use kuma_core::check::{Check, Starttls, TcpCheck, TcpExpect, TlsCheck, TlsOptions};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::fixture::authority::{Authority, NOW, Years, server, server_with};
use crate::fixture::server::{Server, closed_port};
use crate::fixture::{World, fact};

struct Scene {
    world: World,
    authority: Authority,
}

impl Scene {
    fn new() -> Self {
        Self { world: World::new(), authority: Authority::new("test authority") }
    }

    fn options(&self) -> TlsOptions {
        TlsOptions {
            sni: Some("mail.example".to_owned()),
            ca_bundle: Some(self.world.secret("ca", &self.authority.pem())),
            ..TlsOptions::default()
        }
    }

    fn check(&self, server: &Server, starttls: Option<Starttls>) -> Check {
        Check::Tls(Box::new(TlsCheck {
            host: "127.0.0.1".to_owned(),
            port: server.address.port(),
            starttls,
            tls: self.options(),
        }))
    }

    fn identity(&self, years: Years) -> ServerConfig {
        server(&self.authority.issue(&["mail.example"], years))
    }
}

/// A server that has this talk, shakes hands, and answers `ping` with `pong`.
async fn talking(config: ServerConfig, talk: &'static [Turn]) -> Server {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::connections(move |mut stream, _| {
        let acceptor = acceptor.clone();
        async move {
            for turn in talk {
                match turn {
                    Turn::Say(bytes) => stream.write_all(bytes).await.unwrap(),
                    Turn::Hear(bytes) => {
                        let mut heard = vec![0; bytes.len()];
                        stream.read_exact(&mut heard).await.unwrap();
                        assert_eq!(heard, *bytes, "{}", String::from_utf8_lossy(&heard));
                    }
                    Turn::Skip(length) => {
                        stream.read_exact(&mut vec![0; *length]).await.unwrap();
                    }
                }
            }
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut heard = [0; 4];
                if stream.read_exact(&mut heard).await.is_ok() && &heard == b"ping" {
                    let _ = stream.write_all(b"pong").await;
                }
                let _ = stream.read(&mut heard).await;
            }
        }
    })
    .await
}

enum Turn {
    Say(&'static [u8]),
    Hear(&'static [u8]),
    Skip(usize),
}
use Turn::{Hear, Say, Skip};

const TALKS: [(Starttls, &[Turn]); 8] = [
    (
        Starttls::Smtp,
        &[
            Say(b"220-mail.example\r\n22"),
            Say(b"0 ready\r\n"),
            Hear(b"EHLO [127.0.0.1]\r\n"),
            Say(b"250-mail.example\r\n250-SIZE 1\r\n250 STARTTLS\r\n"),
            Hear(b"STARTTLS\r\n"),
            Say(b"220 go ahead\r\n"),
        ],
    ),
    (
        Starttls::Imap,
        &[
            Say(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
            Hear(b"a1 STARTTLS\r\n"),
            Say(b"* 1 EXISTS\r\na1 OK begin\r\n"),
        ],
    ),
    (
        Starttls::Pop3,
        &[Say(b"+OK ready\r\n"), Hear(b"STLS\r\n"), Say(b"+OK begin\r\n")],
    ),
    (
        Starttls::Ftp,
        &[
            Say(b"120 soon\r\n220-hello\r\n 220 not yet\r\n220 ready\r\n"),
            Hear(b"AUTH TLS\r\n"),
            Say(b"234 begin\r\n"),
        ],
    ),
    (
        Starttls::Ldap,
        &[
            Hear(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"),
            Say(b"\x30\x84\0\0\0\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0"),
        ],
    ),
    (
        Starttls::Postgres,
        &[Hear(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]), Say(b"S")],
    ),
    (
        Starttls::Mysql,
        &[
            Say(b"\x19\0\0\0\x0a8.4.0\0\x01\0\0\0saltsalt\0\xff\xff\x21\x02\0"),
            Skip(36),
        ],
    ),
    (
        Starttls::Xmpp,
        &[
            Hear(b"<?xml version='1.0'?><stream:stream to='mail.example' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"),
            Say(b"<?xml version='1.0'?><stream:stream id='1'><stream:features>"),
            Say(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"),
            Hear(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            Say(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ],
    ),
];

#[tokio::test]
async fn a_good_certificate_is_a_success_that_says_until_when() {
    let scene = Scene::new();
    let server = talking(scene.identity(NOW), &[]).await;
    let seen = scene.world.run(scene.check(&server, None)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    insta::assert_snapshot!(seen.message, @"the certificate for mail.example is good until 2060-01-01T00:00:00Z (12267 days)");
    assert!(seen.phases.tls.is_some());
    assert!(seen.certificate.unwrap().valid);
}

#[tokio::test]
async fn every_starttls_protocol_leads_to_the_certificate() {
    let scene = Scene::new();
    for (protocol, talk) in TALKS {
        let server = talking(scene.identity(NOW), talk).await;
        let seen = scene.world.run(scene.check(&server, Some(protocol))).await;
        assert_eq!(seen.outcome, Outcome::Success, "{protocol}: {seen:?}");
        let certificate = seen.certificate.unwrap();
        assert_eq!(certificate.names, ["mail.example"], "{protocol}");
    }
}

#[tokio::test]
async fn a_tcp_check_has_its_exchange_after_starttls() {
    let scene = Scene::new();
    for (protocol, talk) in TALKS {
        let server = talking(scene.identity(NOW), talk).await;
        let check = Check::Tcp(Box::new(TcpCheck {
            host: "127.0.0.1".to_owned(),
            port: server.address.port(),
            send: Some(crate::fixture::monitor::text("ping")),
            expect: Some(TcpExpect::Text("pong".to_owned())),
            banner_contains: None,
            tls: Some(scene.options()),
            starttls: Some(protocol),
        }));
        let seen = scene.world.run(check).await;
        assert_eq!(seen.outcome, Outcome::Success, "{protocol}: {seen:?}");
        assert!(seen.certificate.is_some());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let scene = Scene::new();
    for (config, reason) in [
        (scene.identity(Years(2020, 2025)), Reason::TlsExpired),
        (scene.identity(Years(2030, 2031)), Reason::TlsNotYetValid),
        (server(&scene.authority.issue(&["www.example"], NOW)), Reason::TlsNameMismatch),
        (server(&Authority::new("another").issue(&["mail.example"], NOW)), Reason::TlsUntrusted),
    ] {
        let server = talking(config, TALKS[0].1).await;
        let seen = scene.world.run(scene.check(&server, Some(Starttls::Smtp))).await;
        assert_eq!(seen.outcome, Outcome::Failure(reason), "{seen:?}");
        assert!(!seen.certificate.as_ref().unwrap().valid);
    }
}

#[tokio::test]
async fn a_wish_for_our_certificate_does_not_spoil_theirs() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["mail.example"], NOW);
    for version in [&TLS12, &TLS13] {
        let config = server_with(&identity, &[version], Some(&scene.authority));
        let server = talking(config, &[]).await;
        let seen = scene.world.run(scene.check(&server, None)).await;
        assert_eq!(seen.outcome, Outcome::Success, "{version:?}: {seen:?}");
        assert!(seen.certificate.unwrap().valid);
    }
}

/// A mail server that offers no TLS.
const PLAIN: &[Turn] =
    &[Say(b"220 mail.example\r\n"), Hear(b"EHLO [127.0.0.1]\r\n"), Say(b"250 mail.example\r\n")];

#[tokio::test]
async fn a_server_without_starttls_and_a_closed_port_are_told_apart() {
    let scene = Scene::new();
    let server = talking(scene.identity(NOW), PLAIN).await;
    let seen = scene.world.run(scene.check(&server, Some(Starttls::Smtp))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsStarttls));
    assert_eq!(fact(&seen, "starttls"), Some("smtp"));

    let port = closed_port().await.port();
    let check = Check::Tls(Box::new(TlsCheck {
        host: "127.0.0.1".to_owned(),
        port,
        starttls: None,
        tls: TlsOptions::default(),
    }));
    let seen = scene.world.run(check).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::ConnectionRefused));
}

#[tokio::test]
async fn a_port_without_tls_is_named() {
    let scene = Scene::new();
    let server = talking(scene.identity(NOW), &[Say(b"220 mail.example\r\n")]).await;
    let seen = scene.world.run(scene.check(&server, None)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsHandshake));
    assert_eq!(seen.message, "what answered does not speak TLS on this port");
}
