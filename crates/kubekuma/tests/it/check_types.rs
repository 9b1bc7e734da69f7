//! Every type of check that runs reaches up, and then fails for the right reason.

use serde_json::{Value, json};

use crate::fixture::Site;
use crate::fixture::authority::Authority;
use crate::fixture::banner::Greeter;
use crate::fixture::files::FileServer;
use crate::fixture::names::NameServer;
use crate::kit::documents::{monitor, monitor_with, secret, settings, settings_with, web};
use crate::kit::{Home, Kuma, until};

#[test]
fn https_keyword_and_json_checks_of_a_real_web_server() {
    let (authority, home) = (Authority::new(), Home::new());
    let files = FileServer::start(&authority.issue(&["localhost", "127.0.0.1"]));
    files.put("health", "all systems go");
    files.put("page", "all systems go");
    files.put("status.json", r#"{"queue": {"depth": 3}}"#);
    let plain = |path: &str| format!("http://127.0.0.1:{}/{path}", files.http);
    let https = format!("https://127.0.0.1:{}/health", files.https);
    let trusting = json!({ "caBundleSecretRef": { "name": "ca", "key": "ca.crt" } });
    home.write(
        "all.yaml",
        &[
            settings(),
            secret("ca", json!({ "ca.crt": authority.pem() })),
            monitor("https", "http", json!({ "url": https, "tls": trusting })),
            web("untrusted", &https),
            monitor("keyword", "keyword", json!({ "url": plain("page"), "keyword": "systems go" })),
            monitor(
                "query",
                "jsonQuery",
                json!({
                    "url": plain("status.json"),
                    "query": "$.queue.depth",
                    "operator": "<",
                    "expected": 10,
                }),
            ),
        ],
    );
    let kuma = home.serve();
    let up = kuma.becomes("https", "up");
    let certificate = &up["cert"];
    assert_eq!(certificate["valid"], true, "{up}");
    assert!(certificate["expiresAt"].as_str().unwrap().starts_with("2060-01-01"), "{up}");
    assert!(certificate["issuer"].as_str().unwrap().contains("KubeKuma test CA"), "{up}");
    kuma.becomes("keyword", "up");
    kuma.becomes("query", "up");
    kuma.fails("untrusted", "TLS_UNTRUSTED");

    files.remove("health");
    files.put("page", "closed for today");
    files.put("status.json", r#"{"queue": {"depth": 5000}}"#);
    kuma.fails("https", "HTTP_STATUS");
    kuma.fails("keyword", "BODY_MISMATCH");
    let status = kuma.fails("query", "JSON_QUERY");
    assert!(status["lastResult"]["message"].as_str().unwrap().contains("5000"), "{status}");
}

#[test]
fn tcp_dns_and_ping_checks() {
    let (greeter, names, home) =
        (Greeter::start("220 ready\r\n"), NameServer::start(), Home::new());
    names.set("www.kuma.test", [127, 0, 0, 1]);
    names.set("host.kuma.test", [127, 0, 0, 1]);
    let networking = json!({ "networking": {
        "dns": { "resolvers": [names.address] },
        // Where ICMP is not permitted to the tester, a connection to the greeter stands in.
        "ping": { "mode": "tcpFallback", "tcpFallbackPort": greeter.port },
    }});
    let banner = json!({ "successCriteria": { "tcp": { "bannerContains": "ready" } } });
    let tcp = json!({ "host": "127.0.0.1", "port": greeter.port });
    let dns = json!({
        "domain": "www.kuma.test",
        "server": names.address,
        "expected": ["127.0.0.1"],
    });
    home.write(
        "all.yaml",
        &[
            settings_with(networking),
            monitor_with("tcp", "tcp", tcp, banner),
            monitor("dns", "dns", dns),
            monitor("ping", "ping", json!({ "host": "127.0.0.1" })),
            monitor("named", "ping", json!({ "host": "host.kuma.test" })),
        ],
    );
    let kuma = home.serve();
    for name in ["tcp", "dns", "ping", "named"] {
        kuma.becomes(name, "up");
    }

    greeter.say("554 too busy\r\n");
    names.set("www.kuma.test", [127, 0, 0, 9]);
    names.forget("host.kuma.test");
    kuma.fails("tcp", "TCP_MISMATCH");
    let status = kuma.fails("dns", "DNS_MISMATCH");
    assert!(
        status["lastResult"]["message"].as_str().unwrap().contains("lacks 127.0.0.1"),
        "{status}"
    );
    kuma.fails("named", "DNS_NXDOMAIN");
    names.forget("www.kuma.test");
    kuma.fails("dns", "DNS_NXDOMAIN");
    assert_eq!(kuma.monitor("ping")["state"], "up");
}

/// Pushes until the monitor is in a state.
fn push_until(kuma: &Kuma, path: &str, name: &str, state: &str) -> Value {
    until(&format!("{name} to be {state} by pushes"), || {
        let answer = kuma.get(path);
        assert_eq!((answer.status, answer.json()), (200, json!({ "ok": true })));
        let status = kuma.monitor(name);
        if status["state"] == state { Ok(status) } else { Err(status.to_string()) }
    })
}

#[test]
fn push_checks_by_both_routes() {
    let home = Home::new();
    let token = |key: &str| json!({ "tokenSecretRef": { "name": "jobs", "key": key } });
    home.write(
        "all.yaml",
        &[
            settings(),
            secret("jobs", json!({ "backup": "backup-token", "report": "report-token" })),
            monitor("backup", "push", token("backup")),
            monitor("report", "push", token("report")),
        ],
    );
    let kuma = home.serve();
    push_until(&kuma, "/push/backup-token", "backup", "up");
    kuma.incident("backup", true);
    assert_eq!(kuma.incident("backup", true)["reason"], "PUSH_MISSING");

    // The second route is the one that other tools have configured already.
    push_until(&kuma, "/api/push/report-token?status=up&msg=OK&ping=12", "report", "up");
    let path = "/api/push/report-token?status=down&msg=disk%20full";
    let status = push_until(&kuma, path, "report", "down");
    let incident = kuma.incident("report", true);
    let reasons = ["PUSH_DOWN", "PUSH_MISSING"];
    assert!(reasons.contains(&incident["reason"].as_str().unwrap()), "{incident} {status}");
    until("the job's own words", || {
        kuma.get(path);
        let status = kuma.monitor("report");
        let message = status["lastResult"]["message"].as_str().unwrap_or_default();
        if message.contains("disk full") { Ok(()) } else { Err(status.to_string()) }
    });

    let unknown = kuma.get("/push/no-such-token");
    assert_eq!(unknown.status, 404);
    assert!(unknown.head.contains("application/problem+json"), "{unknown:?}");
    assert_eq!(kuma.get("/api/push/no-such-token").json()["ok"], false);
}

#[test]
fn a_group_follows_its_members() {
    let (first, second, home) = (Site::start(), Site::start(), Home::new());
    let members = json!([{ "name": "first" }, { "name": "second" }]);
    home.write(
        "all.yaml",
        &[
            settings(),
            web("first", &first.url("/")),
            web("second", &second.url("/")),
            monitor("both", "group", json!({ "members": members, "rule": "all" })),
            monitor("either", "group", json!({ "members": members, "rule": "any" })),
        ],
    );
    let kuma = home.serve();
    kuma.becomes("both", "up");
    kuma.becomes("either", "up");
    second.answer_with(500);
    kuma.becomes("second", "down");
    kuma.fails("both", "GROUP_RULE");
    assert_eq!(kuma.monitor("either")["state"], "up");
    first.answer_with(500);
    kuma.fails("either", "GROUP_RULE");
    first.answer_with(200);
    second.answer_with(200);
    kuma.becomes("both", "up");
    kuma.becomes("either", "up");
}
