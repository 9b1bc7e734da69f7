//! What an import wrote is served: the same targets are asked, the same receivers told, the same
//! jobs heard, and history goes on.

use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::import;
use super::kuma_db::KumaDb;
use crate::fixture::Site;
use crate::kit::{Home, until};

/// Seconds; as often as the settings allow unless they say otherwise.
const INTERVAL: i64 = 10;

#[test]
fn an_installation_of_uptime_kuma_goes_on() {
    let (shop, receiver, home) = (Site::start(), Site::start(), Home::new());
    let mut db = KumaDb::version_2(&home.path().join("kuma.db"));
    for row in [
        json!({ "id": 1, "name": "Shop", "type": "http", "url": shop.url("/health"), "interval": INTERVAL }),
        json!({ "id": 2, "name": "Backup", "type": "push", "interval": 3600,
            "push_token": "hushhushhushhushhush" }),
    ] {
        db.insert("monitor", &row);
    }
    let hook = json!({ "type": "webhook", "webhookURL": receiver.url("/hush"), "webhookContentType": "json" });
    db.insert("notification", &json!({ "id": 1, "name": "Ops", "config": hook }));
    db.insert("monitor_notification", &json!({ "monitor_id": 1, "notification_id": 1 }));
    // An hour ago it was down for ten minutes; it is up until now.
    let now = Timestamp::from_millisecond(kuma_fixture::wait::now_ms()).unwrap();
    for minute in 0..120 {
        let at = now.checked_sub((120 - minute).minutes()).unwrap();
        let status = i32::from(!(50..60).contains(&minute));
        db.insert(
            "heartbeat",
            &json!({ "monitor_id": 1, "status": status, "msg": "x", "ping": 5,
                "time": at.strftime("%Y-%m-%d %H:%M:%S.000").to_string() }),
        );
    }
    db.close();
    let arguments = ["uptime-kuma", "kuma.db", "--history", "--database", "sqlite:./kubekuma.db"];
    import(&home, &arguments, "config");
    let before = home.incidents();
    assert_eq!(before.len(), 1, "{before:?}");

    let kuma = home.serve();
    kuma.becomes("shop", "up");
    let answer = kuma.get("/api/push/hushhushhushhushhush?status=up&msg=OK&ping=");
    assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(true)), "{answer:?}");
    kuma.becomes("backup", "up");
    shop.answer_with(503);
    receiver.hears("shop", "down");
    shop.answer_with(200);
    receiver.hears("shop", "up");
    assert!(receiver.requests().iter().all(|request| request.path == "/hush"));
    assert_eq!(receiver.told("shop", "down").len(), 1, "what is history is told to nobody");
    let after = home.incidents();
    assert_eq!(after.len(), 2, "{after:?}");
    assert_eq!(after[0]["id"], before[0]["id"]);
    assert_eq!(after[0]["endedAt"], before[0]["endedAt"]);
    // Down for ten minutes of two hours, and for a moment now.
    let status = home.run(&["status", "-o", "json"]).json();
    let rows = status.as_array().unwrap();
    let row = rows.iter().find(|row| row["monitor"] == "kubekuma/shop").unwrap();
    let uptime = 100.0 * row["uptime24h"].as_f64().unwrap();
    assert!((90.0..=92.5).contains(&uptime), "{row}");
}

#[test]
fn a_configuration_of_gatus_goes_on() {
    let (shop, slack, home) = (Site::start(), Site::start(), Home::new());
    shop.say(r#"{"status": "UP"}"#);
    let config = json!({
        "alerting": { "slack": { "webhook-url": slack.url("/hush"),
            "default-alert": { "failure-threshold": 1, "send-on-resolved": true } } },
        "endpoints": [{
            "name": "front-end", "group": "core", "url": shop.url("/health"),
            "interval": format!("{INTERVAL}s"),
            "conditions": ["[STATUS] == 200", "[BODY].status == UP"],
            "alerts": [{ "type": "slack" }],
        }],
        "external-endpoints": [{ "name": "backup", "group": "jobs", "token": "hush-push-token",
            "heartbeat": { "interval": "30m" } }],
    });
    home.put("config.yaml", config.to_string());
    import(&home, &["gatus", "config.yaml"], "config");
    slack.say("ok");
    let kuma = home.serve();
    kuma.becomes("core-front-end", "up");
    assert_eq!(kuma.get("/push/hush-push-token?status=up").status, 200);
    kuma.becomes("jobs-backup", "up");
    shop.say(r#"{"status": "DEGRADED"}"#);
    let told = |messages: usize| {
        until("Slack to be told", || {
            let requests = slack.requests();
            let about = requests.iter().filter(|request| request.text.contains("front-end"));
            let count = about.count();
            if count >= messages { Ok(()) } else { Err(format!("{requests:?}")) }
        });
    };
    told(1);
    assert_eq!(kuma.incident("core-front-end", true)["reason"], "JSON_QUERY");
    shop.say(r#"{"status": "UP"}"#);
    told(2);
    kuma.incident("core-front-end", false);
}

#[test]
fn targets_of_a_blackbox_exporter_are_asked_on() {
    let (shop, home) = (Site::start(), Home::new());
    home.put("blackbox.yml", "modules: { http_2xx: { prober: http, timeout: 5s } }");
    let prometheus = json!({ "scrape_configs": [{
        "job_name": "sites", "metrics_path": "/probe", "params": { "module": ["http_2xx"] },
        "scrape_interval": format!("{INTERVAL}s"),
        "static_configs": [{ "targets": [shop.url("/health")] }],
        "relabel_configs": [
            { "source_labels": ["__address__"], "target_label": "__param_target" },
            { "source_labels": ["__param_target"], "target_label": "instance" },
            { "target_label": "__address__", "replacement": "127.0.0.1:9115" },
        ],
    }] });
    home.put("prometheus.yml", prometheus.to_string());
    let (_, objects) = import(&home, &["blackbox", "blackbox.yml", "prometheus.yml"], "config");
    let mut monitors = objects.keys().filter_map(|key| key.strip_prefix("Monitor/"));
    let name = monitors.find(|name| !name.starts_with("module-")).unwrap();
    let kuma = home.serve();
    kuma.becomes(name, "up");
    shop.answer_with(404);
    kuma.fails(name, "HTTP_STATUS");
    // The scrape job goes on, too: it names the monitor in place of the address.
    let probed = kuma.get(&format!("/probe?target=kubekuma/{name}"));
    assert!(probed.body.contains("\nprobe_success 0\n"), "{probed:?}");
    assert!(probed.body.contains("\nprobe_http_status_code 404\n"), "{probed:?}");
}
