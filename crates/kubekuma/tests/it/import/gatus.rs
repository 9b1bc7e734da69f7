//! A configuration with most of what Gatus' README describes.

use serde_json::json;

use super::{import, remarks};
use crate::kit::Home;

const CONFIG: &str = r#"
alerting:
  slack:
    webhook-url: https://hooks.slack.example/hush
    default-alert: { failure-threshold: 5, send-on-resolved: true }
  email:
    from: gatus@example.com
    username: gatus@example.com
    password: hush-mail
    host: mail.example.com
    port: 587
    to: "ops@example.com, boss@example.com"
  ntfy: { topic: ops }
maintenance: { start: "23:00", duration: 1h, timezone: Europe/Berlin, every: [Monday, Thursday] }
ui: { header: Our health, title: x }
endpoints:
  - name: front-end
    group: core
    url: https://example.org/health
    interval: 5m
    headers: { Authorization: Bearer hush-token, X-Plain: yes-please }
    client: { timeout: 5s, insecure: true, ignore-redirect: true }
    conditions:
      - "[STATUS] == 200"
      - "[RESPONSE_TIME] < 300"
      - "[BODY] == pat(*healthy*)"
      - "[CERTIFICATE_EXPIRATION] > 48h"
    alerts: [{ type: slack }, { type: ntfy }]
  - name: front-end
    url: https://example.org/api
    method: POST
    body: '{"query": 1}'
    conditions:
      - "[STATUS] >= 200"
      - "[STATUS] < 300"
      - "[BODY].status == UP"
      - "len([BODY].items) > 2"
      - "has([BODY].errors) == false"
      - "[DOMAIN_EXPIRATION] > 720h"
  - name: resolver
    url: 8.8.8.8
    dns: { query-name: example.com, query-type: A }
    conditions: ["[BODY] == 93.184.215.14", "[DNS_RCODE] == NOERROR"]
  - { name: redis, url: "tcp://cache.example:6379", conditions: ["[CONNECTED] == true"] }
  - { name: router, url: "icmp://192.0.2.1", conditions: ["[CONNECTED] == true"] }
  - { name: mail, url: "starttls://mail.example:587", conditions: ["[CERTIFICATE_EXPIRATION] > 720h"] }
  - { name: chat, url: "wss://chat.example/ws", body: hello, conditions: ["[CONNECTED] == true"] }
  - { name: rpc, url: "grpc://rpc.example:9090", conditions: ["[CONNECTED] == true"] }
  - { name: quic, url: "udp://x.example:1", conditions: ["[CONNECTED] == true"] }
  - name: mailer
    url: https://example.org/m
    conditions: ["[STATUS] == any(200, 204)"]
    alerts: [{ type: email, failure-threshold: 1 }]
    maintenance-windows: [{ start: "01:00", duration: 30m }]
  - { name: env, url: "https://${HOST}/", conditions: ["[STATUS] == 200"] }
external-endpoints:
  - { name: backup, group: jobs, token: hush-push, heartbeat: { interval: 30m }, alerts: [{ type: slack }] }
security: { basic: { username: a } }
"#;

#[test]
fn endpoints_alerts_and_maintenance_come_along() {
    let home = Home::new();
    home.put("config.yaml", CONFIG);
    let (ran, objects) = import(&home, &["gatus", "config.yaml"], "out");
    assert_eq!(ran.code, 3, "{ran:?}");
    let spec =
        |key: &str| &objects.get(key).unwrap_or_else(|| panic!("{key}: {objects:#?}"))["spec"];

    let first = spec("Monitor/core-front-end");
    assert_eq!(first["type"], "keyword");
    assert_eq!(
        first["schedule"],
        json!({
            "intervalSeconds": 300, "timeoutSeconds": 5, "retries": 4, "retryIntervalSeconds": 300,
            "recoverAfter": 2,
        })
    );
    let target = &first["target"]["keyword"];
    assert_eq!(target["keyword"], "(?s)^.*healthy.*$");
    assert_eq!(target["headers"], json!({ "X-Plain": "yes-please" }));
    assert_eq!(target["headersFrom"][0]["name"], "Authorization");
    assert_eq!(
        (&target["tls"]["verify"], &target["followRedirects"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(
        first["successCriteria"],
        json!({
            "http": { "statusCodes": ["200"], "maxLatencyMs": 300 }, "cel": "certDays >= 2",
        })
    );
    let secret = &objects["Secret/core-front-end-import"]["stringData"];
    assert_eq!(secret["header-authorization"], "Bearer hush-token");

    let second = spec("Monitor/front-end");
    assert_eq!(second["type"], "jsonQuery");
    assert_eq!(second["target"]["jsonQuery"]["query"], "$.status");
    assert_eq!(second["target"]["jsonQuery"]["expected"], "UP");
    assert_eq!(second["successCriteria"]["http"]["statusCodes"], json!(["200-299"]));
    assert_eq!(second["successCriteria"]["cel"], "size(json.items) > 2 && !has(json.errors)");

    assert_eq!(
        spec("Monitor/resolver")["target"]["dns"],
        json!({
            "domain": "example.com", "recordType": "A", "server": "8.8.8.8",
            "expected": ["93.184.215.14"],
        })
    );
    assert_eq!(
        spec("Monitor/redis")["target"]["tcp"],
        json!({ "host": "cache.example", "port": 6379 })
    );
    assert_eq!(spec("Monitor/router")["target"]["ping"]["host"], "192.0.2.1");
    assert_eq!(
        spec("Monitor/mail")["target"]["tls"],
        json!({
            "host": "mail.example", "port": 587, "starttls": "smtp", "warnBeforeDays": 30,
        })
    );
    assert_eq!(spec("Monitor/chat")["target"]["websocket"]["message"], "hello");
    assert_eq!(spec("Monitor/rpc")["target"]["grpc"]["address"], "rpc.example:9090");
    assert_eq!(spec("Monitor/jobs-backup")["type"], "push");
    assert_eq!(objects["Secret/jobs-backup-import"]["stringData"]["token"], "hush-push");

    let labels = |key: &str| objects[key]["metadata"]["labels"].clone();
    assert_eq!(labels("Monitor/core-front-end"), json!({ "alert-slack": "true" }));
    assert_eq!(spec("NotificationPolicy/slack")["triggers"]["onUp"], true);
    assert_eq!(spec("NotificationPolicy/email-down-only")["triggers"]["onUp"], false);
    assert_eq!(
        spec("NotificationProvider/email")["config"]["smtp"]["to"],
        json!(["ops@example.com", "boss@example.com"])
    );
    assert_eq!(
        spec("MaintenanceWindow/maintenance")["schedule"]["recurrence"]["rrule"],
        "FREQ=WEEKLY;BYDAY=MO,TH"
    );
    assert_eq!(
        spec("MaintenanceWindow/mailer-maintenance")["match"],
        json!({ "matchNames": [{ "name": "mailer" }] })
    );
    let page = spec("StatusPage/gatus");
    assert_eq!((&page["title"], &page["published"]), (&json!("Our health"), &json!(false)));

    assert_eq!(
        remarks(&home, &["gatus", "config.yaml"], "lost"),
        [
            "endpoint \"front-end\"|alerts.type",
            "endpoint \"front-end\"|conditions",
            "endpoint \"quic\"|url",
            "endpoint \"env\"|endpoint",
            "setting \"security\"|security",
        ]
    );
}
