//! `grpc` against the server of the Python package grpcio with its health service.

mod hostile;

use std::time::Duration;

use kuma_core::check::{Check, GrpcCheck, TlsOptions};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_fixture::PythonServer;

use crate::fixture::authority::{Authority, NOW};
use crate::fixture::monitor::text;
use crate::fixture::{World, fact};

/// A call without TLS that asks about the server as a whole.
fn call(port: u16) -> GrpcCheck {
    GrpcCheck {
        host: "127.0.0.1".into(),
        port,
        service: String::new(),
        tls: None,
        authority: None,
        metadata: Vec::new(),
    }
}

async fn seen(world: &World, check: GrpcCheck) -> Observation {
    world.run(Check::Grpc(Box::new(check))).await
}

#[track_caller]
fn down(seen: &Observation, reason: Reason, message: &str) {
    assert_eq!(seen.outcome, Outcome::Failure(reason), "{seen:?}");
    assert_eq!(seen.message, message);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_what_the_server_says() {
    let server = PythonServer::grpc(None);
    let world = World::new();
    let ask = |service: &str| GrpcCheck { service: service.into(), ..call(server.port) };
    let whole = seen(&world, ask("")).await;
    assert_eq!(whole.outcome, Outcome::Success, "{whole:?}");
    assert_eq!(whole.message, "the server says SERVING");
    assert!(whole.phases.connect.is_some() && whole.phases.first_byte.is_some());
    let cart = seen(&world, ask("shop.Cart")).await;
    assert_eq!(cart.message, "service shop.Cart says SERVING");
    for (service, reason, message) in [
        ("shop.Pay", Reason::GrpcNotServing, "service shop.Pay says NOT_SERVING"),
        (
            "shop.New",
            Reason::GrpcNotServing,
            "service shop.New says UNKNOWN: its health is not known yet",
        ),
        (
            "shop.Nope",
            Reason::GrpcUnknownService,
            "the health service does not know the service `shop.Nope`: NOT_FOUND",
        ),
        (
            "status.UNAVAILABLE",
            Reason::GrpcStatus,
            "the call ended with UNAVAILABLE: for a test: 100 % ü",
        ),
        (
            "status.PERMISSION_DENIED",
            Reason::GrpcUnauthenticated,
            "the health service refuses us: PERMISSION_DENIED: for a test: 100 % ü",
        ),
    ] {
        down(&seen(&world, ask(service)).await, reason, message);
    }
    let refused = seen(&world, ask("status.INTERNAL")).await;
    assert_eq!(
        fact(&refused, "target"),
        Some(&*format!("127.0.0.1:{} status.INTERNAL", server.port))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_health_service_says_so() {
    let server = PythonServer::grpc(Some("bare"));
    down(
        &seen(&World::new(), call(server.port)).await,
        Reason::GrpcUnimplemented,
        "the server has no health service: UNIMPLEMENTED: Method not found!",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_carries_credentials_and_the_timeout_goes_along() {
    let server = PythonServer::grpc(None);
    let mut world = World::new();
    let mut check = GrpcCheck { service: "private".into(), ..call(server.port) };
    down(
        &seen(&world, check.clone()).await,
        Reason::GrpcUnauthenticated,
        "the health service refuses us: UNAUTHENTICATED: no token",
    );
    world.secret("token", kuma_fixture::CANARY);
    check.metadata = vec![("authorization".into(), text("Bearer ${SECRET:token:value}"))];
    let private = seen(&world, check).await;
    assert_eq!(private.outcome, Outcome::Success, "{private:?}");
    world.timeout = Duration::from_secs(40);
    let slow = GrpcCheck { service: "slow".into(), ..call(server.port) };
    let slow = seen(&world, slow).await;
    down(&slow, Reason::GrpcStatus, "the call ended with DEADLINE_EXCEEDED: left 40 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_judged_as_anywhere_and_must_offer_http_2() {
    let authority = Authority::new("grpc authority");
    let identity = authority.issue(&["localhost"], NOW);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &identity.pem).unwrap();
    let server = PythonServer::grpc(Some(file.path().to_str().unwrap()));
    let world = World::new();
    let mut check = GrpcCheck { host: "localhost".into(), ..call(server.port) };
    check.tls = Some(TlsOptions::default());
    let untrusted = seen(&world, check.clone()).await;
    assert_eq!(untrusted.outcome, Outcome::Failure(Reason::TlsUntrusted), "{untrusted:?}");
    let ca_bundle = Some(world.secret("ca", &authority.pem()));
    check.tls = Some(TlsOptions { ca_bundle, ..TlsOptions::default() });
    let trusted = seen(&world, check.clone()).await;
    assert_eq!(trusted.outcome, Outcome::Success, "{trusted:?}");
    assert!(trusted.phases.tls.is_some());
    assert!(trusted.certificate.unwrap().valid);
    // And without TLS against the same port.
    check.tls = None;
    let plain = seen(&world, check).await;
    assert!(
        matches!(
            plain.outcome,
            Outcome::Failure(
                Reason::ConnectionClosed | Reason::ConnectionReset | Reason::GrpcProtocol
            )
        ),
        "{plain:?}"
    );
}
