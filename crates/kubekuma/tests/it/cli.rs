//! What people see in their terminal.

use std::fmt::Write;
use std::net::TcpListener;

use crate::fixture::Site;
use crate::fixture::authority::Authority;
use crate::fixture::files::FileServer;
use crate::kit::documents::{monitor, policy, secret, settings, web, webhook};
use crate::kit::{Home, Ran, until};

/// A folder in which much is wrong.
const WRONG: &str = include_str!("cli/wrong.yaml");

/// Snapshots do not know times, ports and temporary folders.
fn redacted(home: &Home, text: &str) -> String {
    let mut text = text.replace(&home.path().display().to_string(), "[home]");
    for (pattern, instead) in [
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "[time]"),
        (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4}", "[date]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        (r"\d+(\.\d+)? (ms|µs|s)\b", "[duration]"),
        (r"\b\d\d:\d\d:\d\d\b", "[time]"),
        (r"\b[0-9a-f]{64}\b", "[hash]"),
        (r"(?m)^( +)\d{6,}", "$1[id]"),
        (r"incident \d{6,}", "incident [id]"),
        (r"\d+ bytes", "[bytes]"),
        (r"\d+ after", "[bytes] after"),
        (r"in \d+ days", "in [days]"),
        (r"\d+\.\d\d % *", ""),
        // Columns are as wide as what was taken out.
        (r" {2,}", "  "),
        (r"(?m) +$", ""),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    text
}

fn shown(home: &Home, ran: &Ran) -> String {
    redacted(home, &ran.shown())
}

#[test]
fn validate_reports_every_error_at_once() {
    let home = Home::new();
    home.put("config/wrong.yaml", WRONG);
    home.put("config/broken.yaml", "spec: [never closed\n");
    insta::assert_snapshot!(shown(&home, &home.run(&["validate", "config"])));
    let json = home.run(&["validate", "config", "-o", "json"]);
    assert_eq!(json.code, 1);
    assert!(serde_json::from_str::<serde_json::Value>(&json.out).is_ok(), "{}", json.out);
}

#[test]
fn validate_of_a_good_folder_says_so() {
    let home = Home::new();
    home.write("all.yaml", &[settings(), web("web", "http://127.0.0.1:1/")]);
    insta::assert_snapshot!(shown(&home, &home.run(&["validate", "config"])), @"
exit code 0
-- stdout
2 objects, 0 errors, 0 warnings
-- stderr
");
}

#[test]
fn check_shows_what_it_saw() {
    let (target, authority, home) = (Site::start(), Authority::new(), Home::new());
    let files = FileServer::start(&authority.issue(&["127.0.0.1"]));
    files.put("health", "all systems go");
    let https = format!("https://127.0.0.1:{}/health", files.https);
    let trusting = serde_json::json!({ "caBundleSecretRef": { "name": "ca", "key": "ca.crt" } });
    home.write(
        "all.yaml",
        &[
            settings(),
            secret("ca", serde_json::json!({ "ca.crt": authority.pem() })),
            web("up", &target.url("/")),
            monitor("tls", "http", serde_json::json!({ "url": https, "tls": trusting })),
            web("untrusted", &https),
        ],
    );
    let check = |name| shown(&home, &home.run(&["check", name, "--config", "config"]));
    insta::assert_snapshot!("check_up", check("up"));
    insta::assert_snapshot!("check_tls", check("tls"));
    insta::assert_snapshot!("check_untrusted", check("untrusted"));
    target.answer_with(503);
    insta::assert_snapshot!("check_down", check("up"));
    let json = home.run(&["check", "config/all.yaml", "-o", "json"]);
    assert_eq!(json.code, 1);
    let results: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(results.as_array().unwrap().len(), 3);
}

#[test]
fn status_incidents_and_database_commands_work_beside_serve() {
    let (good, bad, receiver, home) = (Site::start(), Site::start(), Site::start(), Home::new());
    bad.answer_with(500);
    home.write(
        "all.yaml",
        &[
            settings(),
            web("good", &good.url("/")),
            web("bad", &bad.url("/")),
            webhook("hook", &receiver.url("/")),
            policy(&["hook"]),
        ],
    );
    let kuma = home.serve();
    kuma.becomes("good", "up");
    kuma.incident("bad", true);
    receiver.hears("bad", "down");
    until("the results to be in the database", || {
        let rows = home.run(&["status", "-o", "json"]);
        let seen = rows.out.contains("\"up\"") && home.incidents().len() == 1;
        let sent = home.run(&["incidents", "--deliveries"]).out.contains("sent");
        if seen && sent { Ok(()) } else { Err(rows.out) }
    });
    insta::assert_snapshot!("status", shown(&home, &home.run(&["status"])));
    let down = home.run(&["status", "--state", "down", "-o", "json"]).json();
    assert_eq!(down.as_array().unwrap().len(), 1);
    let odd = home.run(&["status", "--state", "odd"]);
    assert_eq!(odd.code, 1);
    assert!(odd.err.contains("there is no state `odd`"), "{odd:?}");
    insta::assert_snapshot!("incidents", shown(&home, &home.run(&["incidents", "--deliveries"])));
    insta::assert_snapshot!("db_check", shown(&home, &home.run(&["db", "check"])));
    insta::assert_snapshot!("db_backup", shown(&home, &home.run(&["db", "backup", "copy.db"])));
    let copy = home.run(&["status", "--database", "sqlite:copy.db", "-o", "json"]).json();
    assert_eq!(copy.as_array().unwrap().len(), 2);
    drop(kuma);
    insta::assert_snapshot!("db_vacuum", shown(&home, &home.run(&["db", "vacuum"])));
}

#[test]
fn crds_and_completions_are_printed() {
    let home = Home::new();
    let crds = home.run(&["crds"]);
    assert_eq!(crds.code, 0);
    assert_eq!(crds.out.matches("kind: CustomResourceDefinition").count(), 10);
    let monitor = home.run(&["crds", "monitor"]);
    let first: Vec<_> = monitor.out.lines().take(8).collect();
    insta::assert_snapshot!("crds", first.join("\n"));
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completions", shell]);
        assert_eq!(script.code, 0);
        assert!(script.out.contains("validate"), "{shell}");
    }
}

#[test]
fn help_teaches_every_command() {
    let home = Home::new();
    let mut text = String::new();
    for command in [
        "",
        "serve",
        "validate",
        "check",
        "crds",
        "simulate",
        "incidents",
        "status",
        "db",
        "demo",
        "completions",
    ] {
        let words: Vec<_> = command.split(' ').filter(|word| !word.is_empty()).collect();
        let help = home.run(&[words.as_slice(), &["-h"]].concat());
        assert_eq!((help.code, help.err.as_str()), (0, ""), "{command}");
        let _ = write!(text, "$ kubekuma {command} -h\n{}\n", help.out);
    }
    insta::assert_snapshot!(text);
}

const BROKEN: &str = "
apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata: { name: web }
spec: { type: http, target: { http: { url: 'htps://127.0.0.1/' } } }
";

#[test]
fn errors_say_what_to_do() {
    let home = Home::new();
    home.write("all.yaml", &[settings(), web("web", "http://127.0.0.1:1/")]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut text = String::new();
    let mut fails = |what: &str, ran: &Ran| {
        assert_eq!(ran.code, 1, "{what}: {ran:?}");
        let shown = redacted(&home, &format!("{}{}", ran.out, ran.err)).replace(&port, "[port]");
        let _ = write!(text, "# {what}\n{shown}\n");
    };
    fails("a folder that is not there", &home.run(&["serve", "nowhere", "--port", "0"]));
    fails("a port that is taken", &home.run(&["serve", "config", "--port", &port]));
    let database =
        |url: &str| home.run_with(&["serve", "config", "--port", "0"], &[("DATABASE_URL", url)]);
    fails("a database of another make", &database("mysql://db/kuma"));
    fails("a database out of reach", &database("postgres://kuma:s3cret@127.0.0.1:1/kuma"));
    fails("a database in no folder", &database("sqlite:./nowhere/kuma.db"));
    fails("an unknown monitor", &home.run(&["check", "wbe", "--config", "config"]));
    std::fs::write(home.path().join("broken.yaml"), BROKEN).unwrap();
    let broken = home.run(&["check", "web", "--config", "broken.yaml"]);
    fails("a monitor that has an error", &broken);
    fails("an unknown kind", &home.run(&["crds", "Monitr"]));
    fails("no database yet", &home.run(&["incidents"]));
    assert!(!text.contains("s3cret"), "{text}");
    insta::assert_snapshot!(text);
}
