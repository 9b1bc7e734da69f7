//! Settings whose effect is only seen from outside: credentials of the metrics, and the dead-man
//! ping.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::fixture::Site;
use crate::kit::documents::{secret, settings_with};
use crate::kit::{Home, until};

/// The status line of `GET /metrics` with the given `Authorization`.
fn scrape(port: u16, authorization: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn metrics_want_the_credentials_that_the_settings_name() {
    let home = Home::new();
    let metrics = json!({
        "authMode": "basic",
        "basicAuthSecretRef": { "name": "scraper", "key": "login" },
    });
    home.write(
        "settings.yaml",
        &[settings_with(json!({ "publicEndpoints": { "metrics": metrics } }))],
    );
    home.write("secret.yaml", &[secret("scraper", json!({ "login": "prometheus:opensesame" }))]);
    let kuma = home.serve();
    let refused = kuma.get("/metrics");
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["title"], "Metrics need credentials");
    // prometheus:wrong, then prometheus:opensesame.
    assert!(scrape(kuma.port, "Basic cHJvbWV0aGV1czp3cm9uZw==").contains("401"));
    assert!(scrape(kuma.port, "Basic cHJvbWV0aGV1czpvcGVuc2VzYW1l").contains("200"));
}

#[test]
fn the_dead_man_ping_goes_to_the_url_in_the_secret() {
    let (watcher, home) = (Site::start(), Home::new());
    let more = json!({ "heartbeatUrlSecretRef": { "name": "watcher", "key": "url" } });
    home.write("settings.yaml", &[settings_with(more)]);
    home.write("secret.yaml", &[secret("watcher", json!({ "url": watcher.url("/beat") }))]);
    let _kuma = home.serve();
    until("the ping to arrive", || match watcher.requests().len() {
        0 => Err("nothing yet".to_owned()),
        _ => Ok(()),
    });
}
