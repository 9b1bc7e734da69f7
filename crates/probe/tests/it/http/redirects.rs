//! Redirects, followed and not.

use kuma_core::check::{HttpAuth, HttpBody, StatusRange};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;

use crate::fixture::monitor::{get, http, text};
use crate::fixture::server::{Reply, Server};
use crate::fixture::{World, fact};

async fn chain() -> Server {
    Server::http(|request| match request.split(' ').nth(1) {
        Some("/a") => Reply::redirect(301, "/b"),
        Some("/b") => Reply::redirect(307, "c?x=1"),
        Some("/c?x=1") => Reply::ok("end"),
        Some("/loop") => Reply::redirect(302, "/loop"),
        Some("/ftp") => Reply::redirect(302, "ftp://127.0.0.1/"),
        _ => Reply::full("404 Not Found", &[], ""),
    })
    .await
}

#[tokio::test]
async fn redirects_are_followed_to_their_end() {
    let server = chain().await;
    let seen = World::new().run(http(get(server.url("/a")))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert_eq!(server.requests().len(), 3);
    assert!(seen.phases.transfer.is_some());
}

#[tokio::test]
async fn hops_are_part_of_the_evidence() {
    let server = Server::http(|request| {
        if request.starts_with("GET / ") {
            Reply::redirect(302, "/gone")
        } else {
            Reply::full("410 Gone", &[], "")
        }
    })
    .await;
    let seen = World::new().run(http(get(server.url("/")))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
    let hop = fact(&seen, "redirect 1").unwrap();
    assert_eq!(hop, format!("302 Found from {} to {}", server.url("/"), server.url("/gone")));
    assert_eq!(fact(&seen, "url"), Some(server.url("/gone").as_str()));
}

#[tokio::test]
async fn unfollowed_redirects_are_judged_as_they_are() {
    let server = chain().await;
    let mut check = get(server.url("/a"));
    check.follow_redirects = false;
    let seen = World::new().run(http(check.clone())).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
    check.criteria.status_codes = vec![StatusRange { low: 301, high: 301 }];
    let seen = World::new().run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success);
}

#[tokio::test]
async fn loops_and_limits_end_in_a_failure() {
    let server = chain().await;
    let world = World::new();
    let mut check = get(server.url("/loop"));
    let seen = world.run(http(check.clone())).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpRedirects));
    assert_eq!(server.requests().len(), 1, "a loop is seen at once");
    check = get(server.url("/a"));
    check.max_redirects = 1;
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpRedirects));
    assert_eq!(seen.message, "more than 1 redirect; the last one is 307 Temporary Redirect");
    let seen = world.run(http(get(server.url("/ftp")))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpRedirects));
}

#[tokio::test]
async fn another_origin_gets_no_credentials() {
    let other = Server::http(|_| Reply::ok("")).await;
    let to = other.url("/there");
    let server = Server::http(move |_| Reply::redirect(302, &to)).await;
    let world = World::new();
    world.secret("key", "s3cret-key");
    let mut check = get(server.url("/"));
    check.auth = Some(HttpAuth::Bearer(world.secret("token", "t0ken")));
    check.headers = vec![
        ("X-Api-Key".into(), text("${SECRET:key:value}")),
        ("Cookie".into(), text("a=b")),
        ("X-Plain".into(), text("stays")),
    ];
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(server.request().contains("Bearer t0ken"));
    let request = other.request();
    assert!(request.contains("x-plain: stays"));
    for secret in ["t0ken", "s3cret-key", "a=b"] {
        assert!(!request.contains(secret), "{request}");
    }
}

#[tokio::test]
async fn a_post_keeps_its_body_only_where_the_status_says_so() {
    let server = Server::http(|request| match request.split(' ').nth(1) {
        Some("/see") => Reply::redirect(303, "/end"),
        Some("/keep") => Reply::redirect(308, "/end"),
        _ => Reply::ok(""),
    })
    .await;
    for (path, expected) in [("/see", "GET /end"), ("/keep", "POST /end")] {
        let mut check = get(server.url(path));
        check.method = "POST".into();
        check.body = Some(HttpBody::Text(text("payload")));
        World::new().run(http(check)).await;
        let last = server.requests().pop().unwrap();
        assert!(last.starts_with(expected), "{last}");
        assert_eq!(last.ends_with("payload"), path == "/keep");
    }
}
