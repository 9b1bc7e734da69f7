//! Secrets from a folder, the environment and documents are used, and shown nowhere.

use serde_json::json;

use crate::fixture::Site;
use crate::kit::documents::{monitor, policy, provider, secret, settings};
use crate::kit::{Home, until};

const FROM_FILE: &str = "s3cret-from-file";
const FROM_ENVIRONMENT: &str = "s3cret-from-environment";
const FROM_DOCUMENT: &str = "s3cret-from-document";

#[test]
fn secrets_are_used_and_shown_nowhere() {
    let (target, other, receiver, home) =
        (Site::start(), Site::start(), Site::start(), Home::new());
    home.put("secrets/api/token", format!("{FROM_FILE}\n"));
    let headers = json!({
        "X-File": "${SECRET:api:token}",
        "X-Environment": "${SECRET:other-api:the.key}",
    });
    let hook = json!({
        "url": receiver.url("/"),
        "headers": { "X-Document": "${SECRET:hook:key}" },
    });
    home.write(
        "all.yaml",
        &[
            settings(),
            secret("hook", json!({ "key": FROM_DOCUMENT })),
            monitor("web", "http", json!({ "url": target.url("/"), "headers": headers })),
            monitor("query", "http", json!({ "url": other.url("/?key=${SECRET:api:token}") })),
            provider("hook", "webhook", hook),
            policy(&["hook"]),
        ],
    );
    let variable = ("KUBEKUMA_SECRET_OTHER_API_THE_KEY", FROM_ENVIRONMENT);
    let kuma = home.serve_with(&["--secrets-dir", "secrets", "--log-level", "trace"], &[variable]);
    kuma.becomes("web", "up");
    kuma.becomes("query", "up");
    let requests = target.requests();
    let seen = requests.iter().find(|request| request.header("x-file").is_some()).unwrap();
    assert_eq!(seen.header("x-file"), Some(FROM_FILE));
    assert_eq!(seen.header("x-environment"), Some(FROM_ENVIRONMENT));

    // A target that repeats what it was sent must not lead it into evidence or messages.
    target.say(&format!("you sent {FROM_FILE} and {FROM_ENVIRONMENT}"));
    target.answer_with(500);
    other.say(&format!("you sent {FROM_FILE}"));
    other.answer_with(500);
    kuma.incident("web", true);
    kuma.incident("query", true);
    assert_eq!(receiver.hears("web", "down").header("x-document"), Some(FROM_DOCUMENT));
    receiver.hears("query", "down");
    until("both messages to be recorded as sent", || {
        let incidents = home.incidents();
        let sent = incidents.iter().all(|incident| incident["deliveries"][0]["status"] == "sent");
        if sent { Ok(()) } else { Err(format!("{incidents:?}")) }
    });
    let check = home.run_with(
        &["check", "web", "--config", "config", "--secrets-dir", "secrets", "-o", "json"],
        &[variable],
    );
    assert_eq!(check.code, 1, "{check:?}");

    let mut places = vec![
        ("monitors", kuma.get("/api/v1/monitors").body),
        ("incidents", kuma.get("/api/v1/incidents").body),
        ("metrics", kuma.get("/metrics").body),
        ("ready", kuma.get("/ready").body),
        ("check", check.shown()),
        ("validate", home.run(&["validate", "config"]).shown()),
        ("incidents command", home.run(&["incidents", "--deliveries", "-o", "yaml"]).out),
        ("status command", home.run(&["status", "-o", "json"]).out),
    ];
    places.extend(receiver.requests().into_iter().map(|request| ("message", request.text)));
    let (_, _, printed) = kuma.stop();
    places.push(("log", printed));
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            places.push(("database", String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    for (place, text) in places {
        assert!(!text.is_empty(), "{place} is empty, so nothing was looked at");
        for value in [FROM_FILE, FROM_ENVIRONMENT, FROM_DOCUMENT] {
            assert!(!text.contains(value), "{place} shows `{value}`");
        }
    }
}
