//! Secrets are used and never shown.

use kuma_core::check::{HttpAuth, HttpBody, Proxy, ProxyKind};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::secret::SecretRef;

use crate::fixture::World;
use crate::fixture::monitor::{get, http, text};
use crate::fixture::server::{Reply, Server};

#[tokio::test]
async fn a_missing_secret_gives_no_verdict_and_is_named() {
    let server = Server::http(|_| Reply::ok("")).await;
    let missing = SecretRef { name: "absent".into(), key: "value".into() };
    let url = get(format!("{}${{SECRET:absent:value}}", server.url("/")));
    let mut header = get(server.url("/"));
    header.headers = vec![("X".into(), text("${SECRET:absent:value}"))];
    let mut body = get(server.url("/"));
    body.body = Some(HttpBody::Text(text("${SECRET:absent:value}")));
    let mut auth = get(server.url("/"));
    auth.auth = Some(HttpAuth::Bearer(missing.clone()));
    let mut proxy = get(server.url("/"));
    proxy.proxy = Some(Proxy { kind: ProxyKind::Http, url: missing.clone() });
    let mut bundle = get(server.https_url("/"));
    bundle.tls.ca_bundle = Some(missing.clone());
    let mut identity = get(server.https_url("/"));
    identity.tls.client_cert = Some(missing);
    for check in [url, header, body, auth, proxy, bundle, identity] {
        let seen = World::new().run(http(check)).await;
        assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::SecretMissing), "{seen:?}");
        assert_eq!(seen.message, "Secret tests/absent has no entry `value`");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn values_that_the_target_echoes_are_hidden() {
    let server = Server::http(|request| {
        let echo = request.replace("\r\n", "|");
        Reply::full("500 Oops", &[&format!("X-Echo: {echo}")], &echo)
    })
    .await;
    let world = World::new();
    for (name, value) in
        [("path", "path-value-1"), ("header", "header/value 2"), ("body", "body \"value\" 3")]
    {
        world.secret(name, value);
    }
    let mut check = get(server.url("/${SECRET:path:value}"));
    check.method = "POST".into();
    check.headers = vec![("X-Key".into(), text("${SECRET:header:value}"))];
    check.body = Some(HttpBody::Form(vec![("field".into(), text("${SECRET:body:value}"))]));
    check.auth = Some(HttpAuth::Basic {
        username: world.secret("user", "somebody"),
        password: world.secret("password", "pass-value-4"),
    });
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
    let shown = format!("{seen:?}");
    for value in [
        "path-value-1",
        "header/value 2",
        "body \"value\" 3",
        "body+%22value%22+3",
        "somebody",
        "pass-value-4",
        "c29tZWJvZHk6cGFzcy12YWx1ZS00",
    ] {
        assert!(!shown.contains(value), "{value} is in {shown}");
    }
    assert!(shown.contains("•••"));
}

#[tokio::test]
async fn a_secret_in_an_unreadable_url_is_not_shown() {
    let world = World::new();
    world.secret("url", "http://pass-value-5:port/");
    let seen = world.run(http(get("${SECRET:url:value}"))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::TargetInvalid));
    assert!(!format!("{seen:?}").contains("pass-value-5"));
}
