//! What is sent.

use std::time::Duration;

use kuma_core::check::{
    Check, GroupCheck, GroupMembers, GroupRule, HttpAuth, HttpBody, HttpVersion,
};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_core::stats::Stats;

use crate::fixture::World;
use crate::fixture::monitor::{get, http, monitor, text};
use crate::fixture::server::{Reply, Server};

#[tokio::test]
async fn a_plain_get_names_its_host_and_what_it_can_decompress() {
    let server = Server::http(|_| Reply::ok("hello")).await;
    let world = World::new();
    let seen = world.run(http(get(server.url("/path?query=1#part")))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(seen.message, "200 OK");
    assert_eq!(seen.peer, Some(server.address.ip()));
    assert!(seen.evidence.is_none());
    assert!(seen.latency.unwrap() > Duration::ZERO);
    let phases: Vec<_> = seen.phases.named().map(|(name, _)| name).collect();
    assert_eq!(phases, ["connect", "first_byte", "transfer"]);
    let request = server.request();
    let expected = format!(
        "GET /path?query=1 HTTP/1.1\r\nuser-agent: {}\r\naccept: */*\r\n\
         accept-encoding: gzip, deflate, br, zstd\r\nhost: {}\r\n\r\n",
        world.settings.networking.user_agent, server.address
    );
    assert_eq!(request, expected);
}

#[tokio::test]
async fn names_are_resolved_and_the_resolving_is_timed() {
    let server = Server::http(|_| Reply::ok("")).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let seen = World::new().run(http(get(url))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(seen.phases.resolve.is_some());
    assert_eq!(seen.peer, Some(server.address.ip()));
}

#[tokio::test]
async fn method_headers_and_body_are_sent_as_written() {
    let server = Server::http(|_| Reply::ok("")).await;
    let mut check = get(server.url("/"));
    check.method = "POST".into();
    check.headers = vec![
        ("X-One".into(), text("1")),
        ("X-One".into(), text("2")),
        ("Host".into(), text("virtual.example")),
        ("User-Agent".into(), text("mine")),
    ];
    check.body = Some(HttpBody::Json(text("{\"a\":1}")));
    let seen = World::new().run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let request = server.request();
    for line in [
        "POST / HTTP/1.1",
        "x-one: 1",
        "x-one: 2",
        "host: virtual.example",
        "user-agent: mine",
        "content-type: application/json",
        "content-length: 7",
        "{\"a\":1}",
    ] {
        assert!(request.lines().any(|found| found == line), "{line}: {request}");
    }
}

#[tokio::test]
async fn forms_are_encoded() {
    let server = Server::http(|_| Reply::ok("")).await;
    let mut check = get(server.url("/"));
    check.method = "PUT".into();
    check.body = Some(HttpBody::Form(vec![("a b".into(), text("1&2")), ("c".into(), text("ü"))]));
    World::new().run(http(check)).await;
    let request = server.request();
    assert!(request.ends_with("\r\n\r\na+b=1%262&c=%C3%BC"), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"));
}

#[tokio::test]
async fn credentials_come_from_secrets_or_the_url() {
    let server = Server::http(|_| Reply::ok("")).await;
    let world = World::new();
    let mut check = get(server.url("/"));
    check.auth = Some(HttpAuth::Basic {
        username: world.secret("user", "me"),
        password: world.secret("password", "p:w\n"),
    });
    world.run(http(check.clone())).await;
    check.auth = Some(HttpAuth::Bearer(world.secret("token", "t0ken")));
    world.run(http(check)).await;
    let url = format!("http://me:p%3Aw@{}/", server.address);
    world.run(http(get(url))).await;
    let sent: Vec<String> = server
        .requests()
        .iter()
        .flat_map(|request| request.lines())
        .filter_map(|line| line.strip_prefix("authorization: "))
        .map(str::to_owned)
        .collect();
    assert_eq!(sent, ["Basic bWU6cDp3", "Bearer t0ken", "Basic bWU6cDp3"]);
}

#[tokio::test]
async fn http2_is_spoken_with_prior_knowledge() {
    let server = Server::http2(None).await;
    let mut check = get(server.url("/two?a=b"));
    check.version = HttpVersion::Http2;
    let seen = World::new().run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(server.request(), format!("GET http://{}/two?a=b", server.address));
}

#[tokio::test]
async fn http2_asked_of_an_http1_server_is_a_protocol_failure() {
    let server = Server::http(|_| Reply::ok("")).await;
    let mut check = get(server.url("/"));
    check.version = HttpVersion::Http2;
    let seen = World::new().run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpProtocol), "{seen:?}");
}

#[tokio::test]
async fn invalid_requests_are_not_sent() {
    let server = Server::http(|_| Reply::ok("")).await;
    let world = World::new();
    let mut method = get(server.url("/"));
    method.method = "GE T".into();
    let mut header = get(server.url("/"));
    let value = world.secret("header", "a\nb");
    header.headers = vec![("X-A".into(), text(format!("${{SECRET:{}:value}}", value.name)))];
    let mut family = get(server.url("/"));
    family.ip_family = kuma_core::check::IpFamily::Ipv6;
    for check in [method, header, family, get("ftp://127.0.0.1/"), get("http://"), get("not a url")]
    {
        let seen = world.run(http(check)).await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::TargetInvalid), "{seen:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn slow_answers_fail_when_a_limit_is_set_and_upside_down_swaps() {
    let server = Server::http(|_| Reply::ok("")).await;
    let world = World::new();
    let mut slow = monitor(http(get(server.url("/"))));
    slow.criteria.max_latency = Some(Duration::from_nanos(1));
    let seen = world.run_monitor(&slow).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Latency), "{seen:?}");
    slow.criteria.upside_down = true;
    let seen = world.run_monitor(&slow).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    slow.criteria.max_latency = None;
    let seen = world.run_monitor(&slow).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::UpsideDown));
}

#[tokio::test]
async fn what_cannot_be_run_gives_no_verdict() {
    let world = World::new();
    let check = Check::Group(Box::new(GroupCheck {
        members: GroupMembers::Names(Vec::new()),
        rule: GroupRule::All,
        suppress_members: false,
    }));
    // No type lists the reason: nobody asks to run those that have no attempts.
    let seen = world.prober.run(&monitor(check), &world.settings, world.timeout).await;
    assert_eq!(seen.outcome, Outcome::Indeterminate(Reason::Unsupported));
    assert_eq!(seen.message, "nothing to ask: a group is decided by its members");
    let samples = world.prober.samples();
    let counted =
        samples.iter().find(|sample| sample.labels.contains(&("type", "group".to_owned())));
    assert!((counted.unwrap().value - 1.0).abs() < f64::EPSILON);
}
