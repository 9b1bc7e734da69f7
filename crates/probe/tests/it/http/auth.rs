//! OAuth 2 tokens and Digest, against servers that insist on them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kuma_core::check::{ClientAuthentication, ClientCredentials, HttpAuth, HttpCheck};
use kuma_core::observation::Outcome;
use kuma_core::reason::Reason;
use md5::Digest as _;
use tokio::io::AsyncWriteExt;

use crate::fixture::monitor::{get, http, text};
use crate::fixture::server::{Reply, Server, closed_port, read_request};
use crate::fixture::{World, fact};

const SECRET: &str = "s3cr3t/of+the client";

fn with_token(world: &World, target: &str, endpoint: &str) -> HttpCheck {
    HttpCheck {
        auth: Some(HttpAuth::OAuth2(Box::new(ClientCredentials {
            token_url: text(endpoint),
            client_id: text("monitor"),
            client_secret: world.secret("client", SECRET),
            scopes: vec!["read".into(), "health".into()],
            audience: Some("api".into()),
            authentication: ClientAuthentication::Basic,
        }))),
        ..get(target)
    }
}

/// Gives `token-1`, `token-2` … to whoever asks as the standard has it.
async fn endpoint() -> Server {
    let given = AtomicUsize::new(0);
    Server::http(move |request| {
        // "monitor:" and the secret as a form writes it, in base64.
        let known = request.contains("Basic bW9uaXRvcjpzM2NyM3QlMkZvZiUyQnRoZStjbGllbnQ=");
        let asked = request.contains("grant_type=client_credentials")
            && request.contains("scope=read+health&audience=api");
        if !known || !asked || !request.starts_with("POST /token ") {
            return Reply::full("400 Bad Request", &[], r#"{"error": "invalid_request"}"#);
        }
        let n = given.fetch_add(1, Ordering::Relaxed) + 1;
        Reply::ok(&format!(
            r#"{{"access_token": "token-{n}", "token_type": "bearer", "expires_in": 3600}}"#
        ))
    })
    .await
}

/// Accepts the token with the number that is set.
async fn protected(accepted: &Arc<AtomicUsize>) -> Server {
    let accepted = Arc::clone(accepted);
    Server::http(move |request| {
        let token = format!("Bearer token-{}\r\n", accepted.load(Ordering::Relaxed));
        if request.contains(&token) {
            return Reply::ok("in");
        }
        Reply::full("401 Unauthorized", &["WWW-Authenticate: Bearer"], request)
    })
    .await
}

#[tokio::test]
async fn one_token_serves_all_monitors_with_the_same_settings() {
    let (world, endpoint) = (World::new(), endpoint().await);
    let accepted = Arc::new(AtomicUsize::new(1));
    let (one, two) = (protected(&accepted).await, protected(&accepted).await);
    for target in [one.url("/a"), one.url("/b"), two.url("/")] {
        let seen = world.run(http(with_token(&world, &target, &endpoint.url("/token")))).await;
        assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    }
    assert_eq!(endpoint.requests().len(), 1);
    assert_eq!(one.requests().len() + two.requests().len(), 3);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let (world, endpoint) = (World::new(), endpoint().await);
    let accepted = Arc::new(AtomicUsize::new(1));
    let target = protected(&accepted).await;
    let check = with_token(&world, &target.url("/"), &endpoint.url("/token"));
    assert_eq!(world.run(http(check.clone())).await.outcome, Outcome::Success);
    accepted.store(2, Ordering::Relaxed);
    assert_eq!(world.run(http(check.clone())).await.outcome, Outcome::Success);
    assert_eq!((endpoint.requests().len(), target.requests().len()), (2, 3));

    accepted.store(99, Ordering::Relaxed);
    let seen = world.run(http(check)).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
    assert_eq!((endpoint.requests().len(), target.requests().len()), (3, 5));
    // The target shows what it got; nobody else is shown the token.
    let shown = format!("{seen:?}");
    assert!(!shown.contains("token-3"), "{shown}");
    assert!(shown.contains("•••"), "{shown}");
}

#[tokio::test]
async fn a_token_that_does_not_come_is_not_the_targets_fault() {
    let world = World::new();
    let target = Server::http(|_| Reply::ok("in")).await;
    let refusing = Server::http(|_| {
        Reply::full(
            "401 Unauthorized",
            &[],
            &format!(r#"{{"error": "invalid_client", "error_description": "not {SECRET}"}}"#),
        )
    })
    .await;
    let odd = Server::http(|_| Reply::ok("<html>")).await;
    let moved = Server::http(|_| Reply::redirect(302, "http://127.0.0.1:1/")).await;
    let closed = closed_port().await;
    let run = async |endpoint: String| {
        let seen = world.run(http(with_token(&world, &target.url("/"), &endpoint))).await;
        assert!(!format!("{seen:?}").contains(SECRET), "{seen:?}");
        (seen.outcome, seen.message.clone(), fact(&seen, "token endpoint").map(str::to_owned))
    };
    let (outcome, message, at) = run(refusing.url("/token?x=1")).await;
    assert_eq!(outcome, Outcome::Failure(Reason::TokenRefused));
    assert_eq!(
        message,
        "the token endpoint gave no token: status 401 Unauthorized, invalid_client (not •••); \
         some servers need clientAuthentication: post"
    );
    assert_eq!(at, Some(refusing.url("/token")));
    let (outcome, message, _) = run(odd.url("/")).await;
    assert_eq!(outcome, Outcome::Failure(Reason::TokenRefused));
    assert!(message.ends_with("its answer has no access_token"), "{message}");
    let (outcome, message, _) = run(moved.url("/")).await;
    assert_eq!(outcome, Outcome::Failure(Reason::TokenRefused));
    assert!(message.ends_with("status 302 Found"), "{message}");
    let (outcome, message, _) = run(format!("http://{closed}/")).await;
    assert_eq!(outcome, Outcome::Failure(Reason::TokenUnreachable));
    assert!(message.contains("refused the connection"), "{message}");
    assert_eq!(target.requests().len(), 0);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_asked_once_for_all_who_wait() {
    let mut world = World::new();
    world.timeout = Duration::from_millis(600);
    let silent = Server::connections(|mut stream, requests| async move {
        while let Some(request) = read_request(&mut stream).await {
            requests.lock().unwrap().push(request);
        }
    })
    .await;
    let check = with_token(&world, "http://127.0.0.1:9/", &silent.url("/"));
    let seen = join_all((0..20).map(|_| world.run(http(check.clone())))).await;
    for seen in seen {
        assert_eq!(seen.outcome, Outcome::Failure(Reason::TokenUnreachable), "{seen:?}");
    }
    assert!(silent.requests().len() <= 2, "{}", silent.requests().len());
}

#[tokio::test]
async fn the_time_a_token_takes_is_not_the_targets() {
    let world = World::new();
    let slow = Server::connections(|mut stream, requests| async move {
        if let Some(request) = read_request(&mut stream).await {
            requests.lock().unwrap().push(request);
            tokio::time::sleep(Duration::from_secs(3)).await;
            let body = r#"{"access_token": "token-1"}"#;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let target = protected(&Arc::new(AtomicUsize::new(1))).await;
    let seen = world.run(http(with_token(&world, &target.url("/"), &slow.url("/")))).await;
    assert_eq!(seen.outcome, Outcome::Success, "{seen:?}");
    assert!(seen.latency.unwrap() < Duration::from_secs(2), "{:?}", seen.latency);
    assert!(seen.phases.first_byte.unwrap() < 2_000_000, "{:?}", seen.phases);
}

#[tokio::test]
async fn strangers_get_no_token() {
    let (world, endpoint) = (World::new(), endpoint().await);
    let stranger = Server::http(|_| Reply::full("401 Unauthorized", &[], "")).await;
    let to = stranger.url("/");
    let target = Server::http(move |_| Reply::redirect(302, &to)).await;
    let seen = world.run(http(with_token(&world, &target.url("/"), &endpoint.url("/token")))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
    assert!(!stranger.request().to_lowercase().contains("authorization"));
    assert_eq!(endpoint.requests().len(), 1);
}

fn hash(algorithm: &str, text: &str) -> String {
    let bytes = if algorithm == "MD5" {
        md5::Md5::digest(text.as_bytes()).to_vec()
    } else {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().to_vec()
    };
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn part<'a>(header: &'a str, name: &str) -> &'a str {
    let (_, rest) = header.split_once(&format!("{name}=")).unwrap_or(("", ""));
    let rest = rest.trim_start_matches('"');
    &rest[..rest.find(['"', ',', '\r']).unwrap_or(rest.len())]
}

/// A server that asks for Digest, gives a new nonce each time and calls the first one stale.
async fn digest_server(algorithm: &'static str, stale_first: bool) -> Server {
    let round = AtomicUsize::new(0);
    Server::http(move |request| {
        let round = round.fetch_add(1, Ordering::Relaxed);
        let stale = stale_first && round == 1;
        let offer = format!(
            "WWW-Authenticate: Digest realm=\"the \\\"realm\\\"\", qop=\"auth, auth-int\", \
             nonce=\"n{round}\", opaque=\"op\", algorithm={algorithm}, stale={stale}"
        );
        let refuse = || Reply::full("401 Unauthorized", &[&offer], "who are you?");
        let lines: Vec<&str> = request.lines().collect();
        let Some(sent) = lines.iter().find(|line| line.starts_with("authorization: Digest")) else {
            return refuse();
        };
        let target = lines[0].split(' ').nth(1).unwrap();
        let name = algorithm.trim_end_matches("-sess");
        let (nonce, cnonce) = (part(sent, "nonce"), part(sent, "cnonce"));
        let mut secret = hash(name, "jane:the \"realm\":pass word");
        if name != algorithm {
            secret = hash(name, &format!("{secret}:{nonce}:{cnonce}"));
        }
        let asked = hash(name, &format!("GET:{target}"));
        let right = hash(name, &format!("{secret}:{nonce}:00000001:{cnonce}:auth:{asked}"));
        let good = part(sent, "response") == right
            && part(sent, "uri") == target
            && part(sent, "opaque") == "op"
            && nonce == format!("n{}", round - 1);
        if !good || stale { refuse() } else { Reply::ok("welcome") }
    })
    .await
}

fn with_digest(world: &World, target: &str, password: &str) -> HttpCheck {
    HttpCheck {
        auth: Some(HttpAuth::Digest {
            username: world.secret("name", "jane\n"),
            password: world.secret("password", password),
        }),
        ..get(target)
    }
}

#[tokio::test]
async fn digest_challenges_are_answered() {
    for (algorithm, stale) in [("MD5", false), ("SHA-256", true), ("MD5-sess", false)] {
        let (world, server) = (World::new(), digest_server(algorithm, stale).await);
        let check = with_digest(&world, &server.url("/a?b=c"), "pass word");
        let seen = world.run(http(check)).await;
        assert_eq!(seen.outcome, Outcome::Success, "{algorithm}: {seen:?}");
        assert_eq!(server.requests().len(), if stale { 3 } else { 2 }, "{algorithm}");
        assert!(!server.requests().concat().contains("pass word"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let (world, server) = (World::new(), digest_server("SHA-256", false).await);
    let seen = world.run(http(with_digest(&world, &server.url("/"), "wrong one"))).await;
    assert_eq!(seen.outcome, Outcome::Failure(Reason::HttpStatus));
    let note = fact(&seen, "authentication").unwrap();
    assert_eq!(note, "the server does not accept the user name and password");
    assert_eq!(server.requests().len(), 2);

    let basic = Server::http(|_| {
        Reply::full("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
    })
    .await;
    let seen = world.run(http(with_digest(&world, &basic.url("/"), "wrong one"))).await;
    assert!(fact(&seen, "authentication").unwrap().contains("asks for `Basic`"), "{seen:?}");
    assert!(!basic.request().contains("authorization"));
}
