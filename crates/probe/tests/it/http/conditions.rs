//! `successCriteria.cel` over real answers.

use kuma_core::check::{Check, CheckType, HttpCheck, JsonOperator, JsonQueryCheck, variables};
use kuma_core::check::{Content, JsonExpectation, Keyword, KeywordCheck};
use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_expr::{Condition, JsonPath};

use crate::fixture::monitor::{get, http, monitor};
use crate::fixture::server::{Reply, Server};
use crate::fixture::{World, fact};

async fn judge(world: &World, check: impl Into<Check>, source: &str) -> Observation {
    let mut monitor = monitor(check);
    let variables = variables(monitor.check.check_type());
    monitor.criteria.condition = Some(Condition::compile(source, &variables).unwrap());
    world.run_monitor(&monitor).await
}

async fn server() -> Server {
    Server::http(|request| {
        if request.starts_with("GET /go") {
            return Reply::redirect(302, "/");
        }
        Reply::full("200 OK", &["X-Node: a", "X-Node: b"], r#"{"queue": 7, "up": [true, false]}"#)
    })
    .await
}

#[tokio::test]
async fn everything_about_an_answer_can_be_asked() {
    let (world, server) = (World::new(), server().await);
    for source in [
        "status == 200 && httpVersion == 'HTTP/1.1'",
        "json.queue < 10 && json.up.exists(u, u) && !has(json.none)",
        "body.contains('queue') && bodyBytes == 33 && size(body) == 33",
        "headers['x-node'] == 'a, b' && !('etag' in headers)",
        "redirects == 1 && url.endsWith('/')",
        "latencyMs < 20000.0 && latencyMs >= firstByteMs && resolveMs + tlsMs == 0.0",
        "connectMs > 0 && transferMs >= 0",
        "peer == '127.0.0.1' && certDays == null",
    ] {
        let seen = judge(&world, http(get(server.url("/go"))), source).await;
        assert_eq!(seen.outcome, Outcome::Success, "{source}: {seen:?}");
        assert_eq!(seen.message, "200 OK, condition holds");
    }
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_a_failure_with_the_answer_as_evidence() {
    let (world, server) = (World::new(), server().await);
    let seen = judge(&world, http(get(server.url("/"))), "json.queue < 5").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Condition));
    assert_eq!(seen.message, "the condition `json.queue < 5` is not true");
    assert_eq!(fact(&seen, "body"), Some(r#"{"queue": 7, "up": [true, false]}"#));
    assert_eq!(fact(&seen, "url"), Some(server.url("/").as_str()));

    let seen = judge(&world, http(get(server.url("/"))), "json.size < 5").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Condition));
    assert_eq!(seen.message, "the condition `json.size < 5` has no answer: there is no `size`");
}

#[tokio::test]
async fn other_criteria_come_first() {
    let (world, server) = (World::new(), server().await);
    let mut check: HttpCheck = get(server.url("/"));
    check.criteria.status_codes.clear();
    let seen = judge(&world, http(check), "false").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
}

#[tokio::test]
async fn keyword_and_json_query_have_the_same_variables() {
    let (world, server) = (World::new(), server().await);
    let text = Keyword::Text { text: "queue".into(), case_sensitive: true };
    let keyword = KeywordCheck {
        http: get(server.url("/")),
        rules: vec![Content { keyword: text, invert: false }],
    };
    let query = JsonQueryCheck {
        http: get(server.url("/")),
        query: JsonPath::compile("$.queue").unwrap(),
        operator: JsonOperator::Exists,
        expected: JsonExpectation::Exists(true),
    };
    for check in [Check::Keyword(Box::new(keyword)), Check::JsonQuery(Box::new(query))] {
        let kind = check.check_type();
        assert!(matches!(kind, CheckType::Keyword | CheckType::JsonQuery));
        let seen = judge(&world, check.clone(), "status == 200 && json.queue == 7").await;
        assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
        let seen = judge(&world, check, "json.queue == 8").await;
        assert_eq!(seen.outcome, Outcome::Failure(Reason::Condition), "{kind}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_apart() {
    let world = World::new();
    let server = Server::http(|_| Reply::ok("<html>")).await;
    let seen = judge(&world, http(get(server.url("/"))), "json.ok").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::JsonInvalid));
}

#[tokio::test]
async fn an_answer_made_to_exhaust_a_condition_ends_it_soon() {
    let world = World::new();
    let body = format!("[{}0]", "0,".repeat(300_000));
    let server = Server::http(move |_| Reply::ok(&body)).await;
    let began = tokio::time::Instant::now();
    let seen = judge(&world, http(get(server.url("/"))), "json.all(a, json.all(b, a == b))").await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::Condition));
    assert!(seen.message.contains("more than 1000000 steps"), "{}", seen.message);
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
}
