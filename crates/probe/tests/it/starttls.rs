//! STARTTLS with servers that others made: aiosmtpd and PostgreSQL.

use std::path::Path;

use kuma_core::check::{Check, Starttls, TcpCheck, TcpExpect, TlsCheck, TlsOptions};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_fixture::authority::Authority;
use kuma_fixture::{MailServer, Postgres};

use crate::fixture::World;
use crate::fixture::monitor::text;

fn check(port: u16, protocol: Starttls, tls: TlsOptions) -> Check {
    Check::Tls(Box::new(TlsCheck {
        host: "localhost".to_owned(),
        port,
        starttls: Some(protocol),
        tls,
    }))
}

fn trusting(world: &World, authority: &Authority) -> TlsOptions {
    let ca_bundle = Some(world.secret("ca", &authority.pem()));
    TlsOptions { ca_bundle, ..TlsOptions::default() }
}

/// A server with a certificate of this authority is trusted by those who trust it and by nobody else.
async fn judged(world: &World, port: u16, protocol: Starttls, authority: &Authority) {
    let seen = world.run(check(port, protocol, trusting(world, authority))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{protocol}: {seen:?}");
    assert_eq!(seen.certificate.unwrap().names, ["localhost"], "{protocol}");
    let seen = world.run(check(port, protocol, TlsOptions::default())).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsUntrusted), "{protocol}: {seen:?}");
}

async fn mail(identity: &Path) -> MailServer {
    let identity = identity.to_owned();
    tokio::task::spawn_blocking(move || MailServer::with_starttls(&identity)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_shows_its_certificate_and_talks_on_in_tls() {
    let (world, authority) = (World::new(), Authority::new());
    let identity = authority.issue(&["localhost"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}{}", identity.certificate, identity.key)).unwrap();
    let server = mail(file.path()).await;
    judged(&world, server.port, Starttls::Smtp, &authority).await;
    let talk = Check::Tcp(Box::new(TcpCheck {
        host: "localhost".to_owned(),
        port: server.port,
        send: Some(text("EHLO kuma.test\r\n")),
        // Once TLS is spoken it is no longer offered (RFC 3207, section 4.2).
        expect: Some(TcpExpect::Text("250 HELP".to_owned())),
        banner_contains: None,
        tls: Some(trusting(&world, &authority)),
        starttls: Some(Starttls::Smtp),
    }));
    let seen = world.run(talk).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");

    let plain = tokio::task::spawn_blocking(MailServer::start).await.unwrap();
    let seen = world.run(check(plain.port, Starttls::Smtp, TlsOptions::default())).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsStarttls), "{seen:?}");
    assert_eq!(seen.message, "the server does not offer STARTTLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_shows_its_certificate() {
    let world = World::new();
    let Some(plain) = tokio::task::spawn_blocking(Postgres::shared).await.unwrap() else {
        return;
    };
    let seen = world.run(check(plain.port, Starttls::Postgres, TlsOptions::default())).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TlsStarttls), "{seen:?}");
    assert_eq!(seen.message, "the server has TLS turned off (`ssl = off`)");
    let server = tokio::task::spawn_blocking(Postgres::with_tls).await.unwrap();
    judged(&world, server.port, Starttls::Postgres, server.authority.as_ref().unwrap()).await;
}
