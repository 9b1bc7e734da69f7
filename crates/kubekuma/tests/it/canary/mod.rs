//! A distinct secret in every place in which one may be configured, everything that can go
//! wrong with it, and then a search for it wherever KubeKuma says something.

mod echo;
mod inline;
mod installation;
mod plant;
mod schema;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use self::echo::{Echo, Mood};
use self::plant::{Garden, SECRET};
use crate::kit::documents::{monitor, provider};
use crate::kit::{Home, Kuma, now, until};

/// What the token server hands out; as secret as what it is asked with.
const FETCHED: &str = "cny-oauth-fetched-zq";

/// Values that no request of HTTP carries, and why: the beginning of what is looked for.
const ELSEWHERE: [(&str, &str); 16] = [
    ("cny-typo-word", "it stands where none may stand"),
    ("cny-mail-", "the mail server hears of it"),
    ("cny-via-socks-", "SOCKS is no HTTP"),
    ("cny-digest-", "it is sent as a hash, once asked for"),
    ("cny-hook-signing", "it signs"),
    ("cny-job-", "jobs send it to us"),
    ("cny-set-job-", "the same"),
    ("cny-settings-metrics", "scrapers send it to us"),
    ("cny-handshake-message", "nobody lets it come to messages"),
    ("cny-grpc-", "HTTP/2 is compressed"),
    ("cny-identity-", "it is no key, so no connection is made"),
    ("cny-tcp-tls-", "the same"),
    ("cny-tls-", "the same"),
    ("cny-socket-tls-", "the same"),
    ("cny-names-", "the same"),
    ("cny-docker-", "the same"),
];

#[test]
fn no_secret_comes_out_anywhere() {
    let (home, echo) = (Home::new(), Echo::start());
    let mut garden = Garden::default();
    let mut documents = installation::documents(&mut garden, &echo, echo::mail());
    garden.note("oauth", FETCHED);
    garden.note("typo", "cny-typo-word-zq");
    let missing: Vec<_> =
        schema::secret_places().difference(&schema::planted(&documents, SECRET)).cloned().collect();
    assert!(missing.is_empty(), "plant a canary in these too (installation.rs): {missing:#?}");

    let planted = inline::planted(&documents, SECRET);
    let missing: Vec<_> = inline::inline_places(&documents).difference(&planted).cloned().collect();
    assert!(missing.is_empty(), "write a canary into these too (installation.rs): {missing:#?}");

    let (secret, variables) = garden.sow(&home);
    documents.push(secret);
    home.write("all.yaml", &documents);
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let arguments = ["--secrets-dir", "secrets", "--log-level", "trace", "--log-format", "json"];
    let kuma = home.serve_with(&arguments, &variables);
    let mut places = Places::default();
    places.add("command line", &command_line(&home, &kuma));

    // Success, then errors that repeat what was sent, then silence.
    for name in ["bearer", "basic", "headers", "query", "userinfo", "body", "form", "json"] {
        kuma.becomes(name, "up");
    }
    push(&kuma, &garden);
    echo.is(Mood::Parrot);
    for name in ["bearer", "basic", "headers", "query", "userinfo", "body", "keyword", "via-http"] {
        kuma.incident(name, true);
    }
    delivered(&home, &names_of(&documents, "NotificationProvider"));
    echo.is(Mood::Silent);
    kuma.fails("query", "TIMEOUT");
    // Objects that are wrong where a credential stands.
    home.write("wrong.yaml", &[
        provider("typo", "smtp", json!({ "host": "a", "from": "a@b.c", "to": ["a@b.c"], "password": "cny-typo-word-zq" })),
        monitor("typo", "http", json!({ "url": "http://me:cny-typo-word-zq@", "auth": { "bearerToken": "cny-typo-word-zq" } })),
    ]);
    let validated = home.run(&["validate", "config"]);
    assert_ne!(validated.code, 0, "{}", validated.shown());

    echo.is(Mood::Parrot);
    let probed: Vec<_> = names_of(&documents, "Monitor").into_iter().collect();
    look(&home, &kuma, &probed, &variables, &mut places);
    abort(&home, kuma, &mut places);
    for request in echo.heard() {
        places.requests.push(request);
    }
    places.judge(&garden);
}

/// What was said, and where.
#[derive(Default)]
struct Places {
    texts: Vec<(String, String)>,
    requests: Vec<String>,
}

impl Places {
    fn add(&mut self, place: &str, text: &str) {
        assert!(!text.is_empty(), "{place} is empty, so nothing was looked at");
        self.texts.push((place.to_owned(), text.to_owned()));
    }

    fn judge(&self, garden: &Garden) {
        let mut found = BTreeSet::new();
        for planted in &garden.0 {
            for (place, text) in &self.texts {
                if let Some(around) = planted.shown_in(text) {
                    found.insert(format!("{place} shows {}: …{around}…", planted.core));
                }
            }
            for request in self.requests.iter().filter(|it| !is_of(it, &planted.owner)) {
                if let Some(around) = planted.shown_in(request) {
                    let line = request.lines().next().unwrap_or_default();
                    found.insert(format!("`{line}` carries {}: …{around}…", planted.core));
                }
            }
        }
        let found: Vec<_> = found.into_iter().collect();
        assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
        // A search for what was never used proves nothing.
        let unused = garden.0.iter().filter(|planted| {
            let elsewhere = ELSEWHERE.iter().any(|(part, _)| planted.core.starts_with(part));
            !elsewhere && !self.requests.iter().any(|it| planted.shown_in(it).is_some())
        });
        let unused: Vec<_> = unused.map(|planted| &planted.core).collect();
        assert!(unused.is_empty(), "never used: {unused:?}");
    }
}

/// Whether a request is one that its sender may put the owner's secrets into.
fn is_of(request: &str, owner: &str) -> bool {
    let line = request.lines().next().unwrap_or_default();
    let target = line.split(' ').nth(1).unwrap_or_default();
    match owner {
        "oauth" => target.contains("/m/oauth") || target.starts_with("/token"),
        "settings" => target.starts_with("/heartbeat/"),
        "via-http" => target.starts_with("http://127.0.0.1:9/"),
        "socket-proxied" => line.starts_with("CONNECT 127.0.0.1:9 "),
        _ => ["m", "p"].iter().any(|kind| {
            target
                .strip_prefix(&format!("/{kind}/{owner}"))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        }),
    }
}

fn command_line(home: &Home, kuma: &Kuma) -> String {
    let bytes = std::fs::read(format!("/proc/{}/cmdline", kuma.pid())).unwrap();
    assert!(home.path().exists());
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The job pushes with its token, once rightly and once with a letter too many.
fn push(kuma: &Kuma, garden: &Garden) {
    let token = &garden.0.iter().find(|it| it.owner == "job").unwrap().core;
    until("the push to be taken", || {
        let answer = kuma.get(&format!("/push/{token}?status=down&msg=it%20said%20{token}"));
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    assert_ne!(kuma.get(&format!("/push/{token}x")).status, 200);
}

fn names_of(documents: &[serde_json::Value], kind: &str) -> BTreeSet<String> {
    documents
        .iter()
        .filter(|it| it["kind"] == kind)
        .map(|it| it["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until every provider has tried to deliver something, and failed or not.
fn delivered(home: &Home, providers: &BTreeSet<String>) {
    until("every provider to have tried", || {
        let shown = format!("{:?}", home.incidents());
        let silent: Vec<_> =
            providers.iter().filter(|name| !shown.contains(&format!("/{name}"))).collect();
        if silent.is_empty() { Ok(()) } else { Err(format!("{silent:?}")) }
    });
    let begun = now();
    until("a moment for retries", || {
        if begun.elapsed() > Duration::from_secs(3) { Ok(()) } else { Err(String::new()) }
    });
}

fn look(
    home: &Home,
    kuma: &Kuma,
    probed: &[String],
    variables: &[(&str, &str)],
    places: &mut Places,
) {
    for path in [
        "/",
        "/api/v1/monitors",
        "/api/v1/incidents",
        "/api/v1/discovery/suggestions",
        "/metrics",
        "/ready",
        "/health",
        "/nowhere",
    ] {
        let answer = kuma.get(path);
        places.add(path, &format!("{} {} {}", answer.status, answer.head, answer.body));
    }
    for name in probed {
        let path = format!("/probe?target=kubekuma/{name}&debug=true");
        let answer = kuma.get(&path);
        places.add(&path, &format!("{} {} {}", answer.status, answer.head, answer.body));
    }
    for name in [
        "bearer",
        "basic",
        "oauth",
        "headers",
        "userinfo",
        "via-http",
        "via-socks",
        "identity",
        "socket",
        "grpc",
        "handshake",
        "docker",
        "keyword-basic",
    ] {
        let format = if name.len() % 2 == 0 { "table" } else { "json" };
        let arguments =
            ["check", name, "--config", "config", "--secrets-dir", "secrets", "-o", format];
        let ran = home.run_with(&arguments, variables);
        places.add(&format!("check {name} -o {format}"), &ran.shown());
    }
    for arguments in [
        &["validate", "config"][..],
        &["validate", "config", "-o", "json"],
        &["status"],
        &["status", "-o", "json"],
        &["incidents", "--deliveries"],
        &["incidents", "--deliveries", "-o", "yaml"],
        &["simulate", "config"],
        &["simulate", "config", "-o", "json"],
    ] {
        places.add(&arguments.join(" "), &home.run_with(arguments, variables).shown());
    }
}

/// Ends the program as a crash does, then looks at all it leaves.
fn abort(home: &Home, kuma: Kuma, places: &mut Places) {
    let printed = kuma.abort();
    places.add("log", &printed);
    let mut files = 0;
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            files += usize::from(!bytes.is_empty());
            places
                .texts
                .push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    assert!(files >= 2, "a database and its log");
}
