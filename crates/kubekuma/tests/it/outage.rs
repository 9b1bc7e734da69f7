//! The main job: a target fails, people are told; it recovers, they are told again; and every
//! surface tells the same story.

use std::io::Write;
use std::process::{Command, Stdio};

use kuma_fixture::lacking;
use serde_json::json;

use crate::fixture::{MailServer, Site};
use crate::kit::documents::{mail, monitor_with, policy, settings, web, webhook};
use crate::kit::{Home, until};

#[test]
fn an_outage_is_told_once_by_webhook_and_mail_and_its_end_too() {
    let (target, receiver, mails, home) =
        (Site::start(), Site::start(), MailServer::start(), Home::new());
    let extra = json!({ "schedule": { "retries": 1, "retryIntervalSeconds": 1 } });
    let url = target.url("/health");
    home.write("settings.yaml", &[settings()]);
    home.write("web.yaml", &[monitor_with("web", "http", json!({ "url": url }), extra)]);
    let providers = [webhook("hook", &receiver.url("/hook")), mail("mail", mails.port)];
    home.write("providers.yaml", &providers);
    home.write("policy.yaml", &[policy(&["hook", "mail"])]);
    let kuma = home.serve();

    kuma.becomes("web", "up");
    assert_eq!(kuma.incidents(), Vec::<serde_json::Value>::new());

    target.answer_with(503);
    let status = kuma.fails("web", "HTTP_STATUS");
    assert!(status["lastResult"]["message"].as_str().unwrap().contains("503"), "{status}");
    let open = kuma.incident("web", true);
    assert_eq!(open["reason"], "HTTP_STATUS");
    let down = receiver.hears("web", "down").json();
    assert_eq!(down["state"], "down");
    assert_eq!(down["incident"]["id"], open["id"]);
    assert_eq!(down["monitor"]["id"], "kubekuma/web");
    let first = &mails.receives(1)[0];
    assert!(first["subject"].as_str().unwrap().contains("web"), "{first}");
    assert_eq!(first["to"], json!(["oncall@example.com"]));
    assert!(first["parts"]["text/plain"].as_str().unwrap().contains("503"), "{first}");
    assert!(first["parts"]["text/html"].as_str().unwrap().contains("503"), "{first}");
    assert_eq!(kuma.series("kubekuma_incidents_open"), Some(1.0));
    assert_eq!(kuma.series("kubekuma_monitor_up{namespace=\"kubekuma\",name=\"web\""), Some(0.0));

    target.answer_with(200);
    kuma.becomes("web", "up");
    let closed = kuma.incident("web", false);
    assert_eq!((&closed["id"], &closed["closedReason"]), (&open["id"], &json!("RECOVERED")));
    let up = receiver.hears("web", "up").json();
    assert_eq!(up["incident"]["id"], open["id"]);
    assert!(up["incident"]["endedAt"].is_string(), "{up}");
    mails.receives(2);
    assert_eq!(kuma.series("kubekuma_incidents_open"), Some(0.0));
    assert_eq!(kuma.series("kubekuma_incidents_total"), Some(1.0));

    // The log of deliveries knows the same messages as those who received them.
    let incidents = until("the deliveries to be recorded", || {
        let incidents = home.incidents();
        let sent = incidents[0]["deliveries"].as_array().map_or(0, |deliveries| {
            deliveries.iter().filter(|delivery| delivery["status"] == "sent").count()
        });
        if sent == 4 { Ok(incidents) } else { Err(format!("{incidents:?}")) }
    });
    assert_eq!(incidents.len(), 1);
    let deliveries = incidents[0]["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 4, "{deliveries:?}");
    let (requests, mails) = (receiver.requests(), mails.mails());
    assert_eq!((requests.len(), mails.len()), (2, 2), "once each");
    for request in &requests {
        let id = request.header("webhook-id").unwrap();
        assert_eq!(deliveries.iter().filter(|delivery| delivery["key"] == id).count(), 1);
    }
    assert_ne!(mails[0]["id"], mails[1]["id"]);
}

#[test]
fn health_readiness_and_metrics_are_as_documented() {
    let (target, home) = (Site::start(), Home::new());
    home.write("settings.yaml", &[settings()]);
    home.write("stays.yaml", &[web("stays", &target.url("/"))]);
    home.write("goes.yaml", &[web("goes", &target.url("/"))]);
    let kuma = home.serve();
    kuma.becomes("stays", "up");
    kuma.becomes("goes", "up");
    target.answer_with(500);
    kuma.incident("goes", true);
    target.answer_with(200);
    kuma.incident("goes", false);

    let health = kuma.get("/health");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")));
    let ready = kuma.get("/ready");
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &json!(true)));
    assert_eq!(ready.json()["checks"]["store"]["ok"], true);

    let metrics = kuma.get("/metrics").body;
    assert!(metrics.contains("name=\"goes\""), "{metrics}");
    // Prometheus takes no histogram whose last bucket is open in another spelling.
    assert!(metrics.contains("kubekuma_check_duration_seconds_bucket{le=\"+Inf\""), "{metrics}");
    promtool(&metrics);

    home.remove("goes.yaml");
    until("the series of a deleted monitor to go", || {
        let metrics = kuma.get("/metrics").body;
        if metrics.contains("name=\"goes\"") { Err("they are there".to_owned()) } else { Ok(()) }
    });
    assert!(kuma.get("/metrics").body.contains("name=\"stays\""));
    assert!(kuma.monitor("goes").is_null());
}

/// Prometheus' own judgement, where it is installed; in CI it is.
pub(crate) fn promtool(metrics: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        return lacking("promtool, which judges the metrics: apt-get install prometheus");
    };
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let judged = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&judged.stderr) + String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success() && said.is_empty(), "{said}\n{metrics}");
}
