//! `keyword` and `jsonQuery`, and how much of a body is read.

use kuma_core::check::{
    Check, Content, HttpCheck, JsonExpectation, JsonOperator, JsonQueryCheck, Keyword, KeywordCheck,
};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use kuma_expr::JsonPath;

use crate::fixture::monitor::{get, http};
use crate::fixture::server::{Reply, Server, Then};
use crate::fixture::{World, fact};

fn keyword(check: HttpCheck, text: &str, invert: bool) -> Check {
    Check::Keyword(Box::new(KeywordCheck {
        http: check,
        rules: vec![Content {
            keyword: Keyword::Text { text: text.into(), case_sensitive: true },
            invert,
        }],
    }))
}

fn json(check: HttpCheck, query: &str, expected: &str) -> Check {
    Check::JsonQuery(Box::new(JsonQueryCheck {
        http: check,
        query: JsonPath::compile(query).unwrap(),
        operator: JsonOperator::Equal,
        expected: JsonExpectation::Value(expected.into()),
    }))
}

#[tokio::test]
async fn keywords_are_found_or_missed() {
    let server = Server::http(|_| Reply::ok("all systems go")).await;
    let world = World::new();
    let url = server.url("/");
    let seen = world.run(keyword(get(&url), "systems", false)).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let seen = world.run(keyword(get(&url), "down", false)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::BodyMismatch));
    assert_eq!(seen.message, "the body does not hold `down`");
    assert_eq!(fact(&seen, "body"), Some("all systems go"));
    let seen = world.run(keyword(get(&url), "go", true)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::BodyMismatch));
}

#[tokio::test]
async fn a_keyword_is_found_across_chunks() {
    let server = Server::http(|_| {
        Reply::raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nall\r\n6\r\n syste\r\n2\r\nms\r\n0\r\n\r\n",
            Then::Hold,
        )
    })
    .await;
    let check = keyword(get(server.url("/")), "all systems", false);
    assert_eq!(World::new().run(check).await.outcome, Outcome::Success);
}

#[tokio::test]
async fn the_status_is_judged_before_the_body() {
    let server = Server::http(|_| Reply::full("500 Oops", &[], "systems")).await;
    let check = keyword(get(server.url("/")), "systems", false);
    let seen = World::new().run(check).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
}

#[tokio::test]
async fn bodies_over_the_limit_fail_only_where_they_must_be_whole() {
    let server = Server::http(|_| Reply::ok(&"a".repeat(5_000))).await;
    let world = World::new();
    let mut check = get(server.url("/"));
    check.max_body_bytes = 4_999;
    let seen = world.run(http(check.clone())).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let seen = world.run(keyword(check.clone(), "a", false)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::BodyTooLarge));
    assert_eq!(seen.message, "the body is larger than 4999 bytes");
    assert!(fact(&seen, "body").unwrap().len() <= 1024);
    check.max_body_bytes = 5_000;
    let seen = world.run(keyword(check, "a", false)).await;
    assert_eq!(seen.outcome, Outcome::Success);
}

#[tokio::test]
async fn json_is_queried() {
    let server = Server::http(|_| Reply::ok("{\"status\": \"ok\", \"queue\": 12}")).await;
    let world = World::new();
    let url = server.url("/");
    let seen = world.run(json(get(&url), "$.status", "ok")).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let seen = world.run(json(get(&url), "$.queue", "0")).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::JsonQuery));
    assert_eq!(seen.message, "`$.queue` is 12, expected == 0");
    let seen = world.run(json(get(&url), "$.missing", "0")).await;
    assert_eq!(seen.message, "`$.missing` finds nothing");
}

#[tokio::test]
async fn what_is_no_json_or_too_deep_is_told() {
    let deep = "[".repeat(100_000);
    for body in ["<html>".to_owned(), String::new(), deep] {
        let server = Server::http(move |_| Reply::ok(&body)).await;
        let seen = World::new().run(json(get(server.url("/")), "$.a", "1")).await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::JsonInvalid), "{seen:?}");
    }
}

#[tokio::test]
async fn large_json_is_queried_too() {
    let items: Vec<String> = (0..20_000).map(|item| item.to_string()).collect();
    let body = format!("{{\"items\": [{}]}}", items.join(","));
    let server = Server::http(move |_| Reply::ok(&body)).await;
    let world = World::new();
    let url = server.url("/");
    let seen = world.run(json(get(&url), "$.items[-1]", "19999")).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    let seen = world.run(json(get(&url), "$.items[0]", "1")).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::JsonQuery));
    assert_eq!(fact(&seen, "body").unwrap().len(), 1024);
}
