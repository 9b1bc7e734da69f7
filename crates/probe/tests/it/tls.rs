//! TLS: who is trusted, what is wrong with a certificate, in words.

use std::time::Duration;

use kuma_core::check::{HttpCheck, HttpVersion, TlsVersion};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use rustls::version::{TLS12, TLS13};

use crate::fixture::authority::{
    Authority, Identity, NOW, Years, self_signed, server, server_speaking, server_with,
};
use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server, Then};
use crate::fixture::{World, fact};

/// A world whose checks trust an authority, and a server with a certificate of it.
struct Scene {
    world: World,
    authority: Authority,
}

impl Scene {
    fn new() -> Self {
        Self { world: World::new(), authority: Authority::new("test authority") }
    }

    fn trusting(&self, url: &str) -> HttpCheck {
        let mut check = get(url);
        check.tls.ca_bundle = Some(self.world.secret("ca", &self.authority.pem()));
        check
    }

    /// What is seen of a server with this identity.
    async fn see(&self, identity: &Identity) -> Observation {
        let server = Server::https(server(identity), |_| Reply::ok("")).await;
        let check = self.trusting(&server.https_url("/"));
        self.world.run(http(check)).await
    }
}

fn failure(reason: Reason) -> Outcome {
    Outcome::Failure(reason)
}

#[tokio::test]
async fn a_configured_authority_is_trusted_and_the_certificate_is_read() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["localhost", "127.0.0.1"], NOW);
    let seen = scene.see(&identity).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(seen.phases.tls.is_some());
    let certificate = seen.certificate.unwrap();
    assert!(certificate.valid);
    assert_eq!(certificate.problem, None);
    assert_eq!(certificate.names, ["localhost", "127.0.0.1"]);
    assert_eq!(certificate.subject, "CN=test server");
    assert_eq!(certificate.issuer, "CN=test authority");
    assert_eq!(certificate.expires_at.to_string(), "2060-01-01T00:00:00Z");
    assert_eq!(certificate.chain_expires_at, certificate.expires_at);
    assert_eq!(certificate.fingerprint.len(), 64);
}

#[tokio::test]
async fn each_problem_has_its_reason_and_words() {
    let scene = Scene::new();
    let strangers = Authority::new("another authority");
    for (identity, reason, message) in [
        (
            scene.authority.issue(&["localhost"], Years(2020, 2025)),
            Reason::TlsExpired,
            "the certificate expired on 2025-01-01T00:00:00Z",
        ),
        (
            scene.authority.issue(&["localhost"], Years(2030, 2031)),
            Reason::TlsNotYetValid,
            "the certificate is not valid before 2030-01-01T00:00:00Z; this host's clock says \
             2026-06-01T00:00:00Z",
        ),
        (
            scene.authority.issue(&["one.example", "two.example"], NOW),
            Reason::TlsNameMismatch,
            "the certificate is not for localhost; its names: one.example, two.example",
        ),
        (
            strangers.issue(&["localhost"], NOW),
            Reason::TlsUntrusted,
            "the chain is incomplete: CN=test server was issued by CN=another authority, whose \
             certificate the server does not send and which is not trusted here",
        ),
        (
            self_signed(&["localhost"], false),
            Reason::TlsUntrusted,
            "the certificate is self-signed (CN=its own issuer) and not trusted here",
        ),
        (
            self_signed(&["localhost"], true),
            Reason::TlsUntrusted,
            "the certificate is self-signed (CN=its own issuer) and not trusted here",
        ),
    ] {
        let seen = scene.see(&identity).await;
        assert_eq!(seen.outcome, failure(reason), "{seen:?}");
        assert_eq!(seen.message, message);
        assert!(fact(&seen, "certificate issuer").is_some());
        let certificate = seen.certificate.unwrap();
        assert!(!certificate.valid);
        assert_eq!(certificate.problem.as_deref(), Some(message));
    }
}

#[tokio::test]
async fn the_systems_authorities_do_not_know_ours() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["localhost"], NOW);
    let server = Server::https(server(&identity), |_| Reply::ok("")).await;
    let seen = scene.world.run(http(get(server.https_url("/")))).await;
    assert_eq!(seen.outcome, failure(Reason::TlsUntrusted));
    assert!(server.requests().is_empty(), "nothing is sent to strangers");
}

#[tokio::test]
async fn verification_can_be_off_and_the_problem_is_still_recorded() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["one.example"], Years(2020, 2025));
    let server = Server::https(server(&identity), |_| Reply::ok("")).await;
    let mut check = scene.trusting(&server.https_url("/"));
    check.tls.verify = false;
    let seen = scene.world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let certificate = seen.certificate.unwrap();
    assert!(!certificate.valid);
    assert!(certificate.problem.unwrap().contains("expired"));
}

#[tokio::test]
async fn a_self_signed_certificate_in_the_bundle_is_trusted() {
    for marked_as_authority in [false, true] {
        let world = World::new();
        let identity = self_signed(&["localhost"], marked_as_authority);
        let server = Server::https(server(&identity), |_| Reply::ok("")).await;
        let mut check = get(server.https_url("/"));
        check.tls.ca_bundle = Some(world.secret("ca", &identity.pem));
        let seen = world.run(http(check.clone())).await;
        assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
        // Being in the bundle vouches for the certificate, not for any name.
        check.tls.sni = Some("other.example".into());
        let seen = world.run(http(check)).await;
        assert_eq!(seen.outcome, failure(Reason::TlsNameMismatch));
    }
}

#[tokio::test]
async fn the_name_asked_for_can_be_another_one() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["inner.example"], NOW);
    let server = Server::https(server(&identity), |_| Reply::ok("")).await;
    let mut check = scene.trusting(&server.https_url("/"));
    check.tls.sni = Some("inner.example".into());
    let seen = scene.world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(server.request().contains("host: localhost:"));
}

#[tokio::test]
async fn a_changed_bundle_is_used_at_once() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["localhost"], NOW);
    let server = Server::https(server(&identity), |_| Reply::ok("")).await;
    let check = scene.trusting(&server.https_url("/"));
    let seen = scene.world.run(http(check.clone())).await;
    assert_eq!(seen.outcome, Outcome::Success);
    scene.world.secret("ca", &Authority::new("new").pem());
    let seen = scene.world.run(http(check.clone())).await;
    assert_eq!(seen.outcome, failure(Reason::TlsUntrusted));
    scene.world.secret("ca", "no certificate at all");
    let seen = scene.world.run(http(check)).await;
    assert_eq!(seen.outcome, failure(Reason::TargetInvalid));
    assert_eq!(seen.message, "entry `value` of Secret `ca` holds no PEM certificate");
}

#[tokio::test]
async fn client_certificates_are_shown_and_missed() {
    for version in [&TLS12, &TLS13] {
        let scene = Scene::new();
        let identity = scene.authority.issue(&["localhost"], NOW);
        let config = server_with(&identity, &[version], Some(&scene.authority));
        let server = Server::https(config, |_| Reply::ok("")).await;
        let mut check = scene.trusting(&server.https_url("/"));
        let seen = scene.world.run(http(check.clone())).await;
        assert_eq!(seen.outcome, failure(Reason::TlsClientCert), "{seen:?}");
        let ours = scene.authority.issue(&["client"], NOW);
        check.tls.client_cert = Some(scene.world.secret("client", &ours.pem));
        let seen = scene.world.run(http(check.clone())).await;
        assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
        let strange = Authority::new("another").issue(&["client"], NOW);
        check.tls.client_cert = Some(scene.world.secret("client", &strange.pem));
        let seen = scene.world.run(http(check.clone())).await;
        assert_eq!(seen.outcome, failure(Reason::TlsClientCert), "{seen:?}");
        scene.world.secret("client", &scene.authority.pem());
        let seen = scene.world.run(http(check)).await;
        assert_eq!(seen.outcome, failure(Reason::TargetInvalid), "{seen:?}");
    }
}

#[tokio::test]
async fn http2_is_settled_by_alpn() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["localhost"], NOW);
    let two = Server::http2(Some(server_speaking(&identity, &["h2"]))).await;
    let one = Server::https(server_speaking(&identity, &["http/1.1"]), |_| Reply::ok("")).await;
    let plain = Server::https(server(&identity), |_| Reply::ok("")).await;
    for (server, version, expected) in [
        (&two, HttpVersion::Auto, Outcome::Success),
        (&two, HttpVersion::Http2, Outcome::Success),
        (&two, HttpVersion::Http1, failure(Reason::TlsHandshake)),
        (&one, HttpVersion::Auto, Outcome::Success),
        (&one, HttpVersion::Http1, Outcome::Success),
        (&one, HttpVersion::Http2, failure(Reason::TlsHandshake)),
        (&plain, HttpVersion::Auto, Outcome::Success),
        (&plain, HttpVersion::Http2, failure(Reason::HttpProtocol)),
    ] {
        let mut check = scene.trusting(&server.https_url("/x"));
        check.version = version;
        let seen = scene.world.run(http(check)).await;
        assert_eq!(seen.outcome, expected, "{version:?} {seen:?}");
    }
    let asked = two.requests();
    assert_eq!(asked[0], format!("GET {}", two.https_url("/x")));
}

#[tokio::test]
async fn old_versions_and_other_protocols_are_told_apart() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["localhost"], NOW);
    let config = server_with(&identity, &[&TLS12], None);
    let old = Server::https(config, |_| Reply::ok("")).await;
    let mut check = scene.trusting(&old.https_url("/"));
    check.tls.min_version = TlsVersion::V13;
    let seen = scene.world.run(http(check)).await;
    assert_eq!(seen.outcome, failure(Reason::TlsUnsupported), "{seen:?}");

    let hello = "220 mail.example ESMTP ready\r\n";
    let mail = Server::connections(move |mut stream, _| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, hello.as_bytes()).await;
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await;
    })
    .await;
    let seen = scene.world.run(http(get(mail.https_url("/")))).await;
    assert_eq!(seen.outcome, failure(Reason::TlsHandshake), "{seen:?}");
    assert_eq!(seen.message, "what answered does not speak TLS on this port");
}

#[tokio::test]
async fn a_silent_port_is_a_tls_timeout_and_a_closed_one_is_closed() {
    let mut scene = Scene::new();
    let closing = Server::connections(|stream, _| async move { drop(stream) }).await;
    let seen = scene.world.run(http(get(closing.https_url("/")))).await;
    assert!(
        matches!(
            seen.outcome,
            Outcome::Failure(Reason::ConnectionClosed | Reason::ConnectionReset)
        ),
        "{seen:?}"
    );
    assert!(seen.message.ends_with("during the TLS handshake"));

    let silent = Server::connections(|mut stream, _| async move {
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await;
    })
    .await;
    scene.world.timeout = Duration::from_millis(900);
    let seen = scene.world.run(http(get(silent.https_url("/")))).await;
    assert_eq!(seen.outcome, failure(Reason::TlsTimeout));
    assert!(
        seen.message
            .starts_with("the TLS handshake did not finish within 900 ms; name resolved in"),
        "{}",
        seen.message
    );
}

#[tokio::test]
async fn a_body_may_end_without_a_goodbye() {
    let scene = Scene::new();
    let identity = scene.authority.issue(&["localhost"], NOW);
    let abrupt = Server::connections({
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(server(&identity)));
        move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                crate::fixture::server::read_request(&mut stream).await;
                let reply = Reply::raw("HTTP/1.0 200 OK\r\n\r\nall of it", Then::Close);
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &reply.bytes).await;
                let _ = tokio::io::AsyncWriteExt::flush(&mut stream).await;
                let (socket, _) = stream.into_inner();
                drop(socket);
            }
        }
    })
    .await;
    let check = scene.trusting(&abrupt.https_url("/"));
    let seen = scene.world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
}
