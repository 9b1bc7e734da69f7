//! Databases of versions 1.23 and 2: every type, and history whose sums are right.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::kuma_db::KumaDb;
use super::{import, remarks};
use crate::kit::Home;

/// The history ends now, because a share of time is asked for.
fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_second(since.as_secs().try_into().unwrap()).unwrap()
}

fn monitors() -> Vec<Value> {
    vec![
        json!({ "id": 1, "name": "Shop (EU)", "type": "http", "url": "https://shop.example/health",
            "interval": 60, "maxretries": 2, "retry_interval": 30, "timeout": 20.5,
            "method": "POST", "body": "{\"a\": 1}", "http_body_encoding": "json",
            "headers": "{\"Authorization\": \"Bearer hush\", \"X-Plain\": \"${SECRET:a:b}\"}",
            "accepted_statuscodes_json": ["200-299", "301"], "maxredirects": 0, "ignore_tls": 1,
            "auth_method": "basic", "basic_auth_user": "probe", "basic_auth_pass": "hush",
            "proxy_id": 1, "parent": 13, "resend_interval": 10, "expiry_notification": 0,
            "description": "The shop" }),
        json!({ "id": 2, "name": "Shop (EU)", "type": "keyword", "url": "https://shop.example/",
            "keyword": "welcome", "invert_keyword": 1, "upside_down": 1 }),
        json!({ "id": 3, "name": "Queue", "type": "json-query", "url": "https://q.example/",
            "json_path": "queue.depth", "expected_value": "0" }),
        json!({ "id": 4, "name": "Sum", "type": "json-query", "url": "https://q.example/",
            "json_path": "$sum(a.b)", "expected_value": "0" }),
        json!({ "id": 5, "name": "DB", "type": "port", "hostname": "db.example", "port": 5432 }),
        json!({ "id": 6, "name": "Router", "type": "ping", "hostname": "192.0.2.1",
            "packet_size": 100, "active": 0 }),
        json!({ "id": 7, "name": "Names", "type": "dns", "hostname": "example.com", "port": 53,
            "dns_resolve_type": "MX", "dns_resolve_server": "1.1.1.1" }),
        json!({ "id": 8, "name": "Backup", "type": "push", "push_token": "hushhushhushhush",
            "interval": 3600 }),
        json!({ "id": 9, "name": "Container", "type": "docker", "docker_container": "web",
            "docker_host": 1 }),
        json!({ "id": 10, "name": "Game", "type": "steam", "hostname": "game.example",
            "port": 27015 }),
        json!({ "id": 11, "name": "Rpc", "type": "grpc-keyword", "grpc_url": "rpc.example:443",
            "grpc_service_name": "Health", "grpc_body": "{\"service\": \"shop\"}",
            "keyword": "SERVING", "grpc_enable_tls": 1 }),
        json!({ "id": 12, "name": "Broker", "type": "mqtt", "hostname": "mq.example" }),
        json!({ "id": 13, "name": "All of it", "type": "group" }),
        json!({ "id": 14, "name": "Alone", "type": "group" }),
    ]
}

fn fill(db: &mut KumaDb) {
    for mut row in monitors() {
        row["interval"] = json!(row["interval"].as_i64().unwrap_or(60));
        db.insert("monitor", &row);
    }
    db.insert("tag", &json!({ "id": 1, "name": "env", "color": "#fff" }));
    db.insert("monitor_tag", &json!({ "monitor_id": 1, "tag_id": 1, "value": "prod" }));
    db.insert(
        "proxy",
        &json!({ "id": 1, "user_id": 1, "protocol": "http", "host": "proxy.example",
        "port": 3128, "auth": 1, "username": "me", "password": "hush" }),
    );
    db.insert(
        "docker_host",
        &json!({ "id": 1, "user_id": 1, "name": "here",
        "docker_daemon": "/var/run/docker.sock", "docker_type": "socket" }),
    );
    db.insert("setting", &json!({ "key": "tlsExpiryNotifyDays", "value": "[7,14,21]" }));
    db.insert("setting", &json!({ "key": "serverTimezone", "value": "\"Europe/Berlin\"" }));
    db.insert("user", &json!({ "username": "admin", "password": "hush" }));
    let providers = [
        json!({ "type": "slack", "slackwebhookURL": "https://slack.example/hush" }),
        json!({ "type": "discord", "discordWebhookUrl": "https://discord.example/hush" }),
        json!({ "type": "telegram", "telegramBotToken": "1:hush", "telegramChatID": "-100" }),
        json!({ "type": "smtp", "smtpHost": "mail.example", "smtpPort": 587, "smtpSecure": false,
            "smtpUsername": "me", "smtpPassword": "hush", "smtpFrom": "Kuma <k@example.com>",
            "smtpTo": "a@example.com, b@example.com", "customSubject": "{{msg}}" }),
        json!({ "type": "webhook", "webhookURL": "https://hook.example/hush",
            "webhookContentType": "json", "webhookAdditionalHeaders": "{\"X-Token\": \"hush\"}" }),
        json!({ "type": "gotify", "gotifyserverurl": "https://gotify.example",
            "gotifyapplicationToken": "hush", "gotifyPriority": 8 }),
        json!({ "type": "pushover", "pushoveruserkey": "hush1", "pushoverapptoken": "hush2",
            "pushoverpriority": "2" }),
        json!({ "type": "apprise", "appriseURL": "json://hush.example/" }),
        json!({ "type": "PagerDuty", "pagerdutyIntegrationKey": "hush", "pagerdutyPriority": "critical" }),
        json!({ "type": "teams", "webhookUrl": "https://teams.example/hush" }),
        json!({ "type": "matrix" }),
    ];
    for (number, config) in providers.iter().enumerate() {
        let name = config["type"].as_str().unwrap();
        db.insert("notification", &json!({ "id": number + 1, "name": name, "config": config }));
        let link = json!({ "monitor_id": 1, "notification_id": number + 1 });
        db.insert("monitor_notification", &link);
    }
    let windows = [
        json!({ "title": "Once", "strategy": "single", "start_date": "2026-03-01 02:00:00",
            "end_date": "2026-03-01 04:00:00", "timezone": "SAME_AS_SERVER" }),
        json!({ "title": "Sundays", "strategy": "recurring-weekday", "start_time": "23:30",
            "end_time": "00:30", "weekdays": [0, 3], "timezone": "UTC", "active": 0 }),
        json!({ "title": "Month ends", "strategy": "recurring-day-of-month", "start_time": "01:00",
            "end_time": "02:00", "days_of_month": [1, "lastDay1"], "timezone": "UTC" }),
        json!({ "title": "Cron", "strategy": "cron", "cron": "0 3 * * *", "duration": 3600 }),
        json!({ "title": "By hand", "strategy": "manual" }),
    ];
    for (number, window) in windows.iter().enumerate() {
        let mut window = window.clone();
        window["id"] = json!(number + 1);
        window["description"] = json!("planned");
        db.insert("maintenance", &window);
        let link = json!({ "monitor_id": 5, "maintenance_id": number + 1 });
        db.insert("monitor_maintenance", &link);
    }
    db.insert(
        "status_page",
        &json!({ "id": 1, "slug": "main", "title": "Main", "icon": "/icon.svg",
        "theme": "dark", "published": 1, "footer_text": "bye" }),
    );
    db.insert("status_page_cname", &json!({ "status_page_id": 1, "domain": "status.example" }));
    db.insert("maintenance_status_page", &json!({ "status_page_id": 1, "maintenance_id": 1 }));
    for (id, name, weight) in [(1, "Second", 2), (2, "First", 1)] {
        db.insert(
            "group",
            &json!({ "id": id, "name": name, "public": 1, "active": 1,
            "weight": weight, "status_page_id": 1 }),
        );
    }
    db.insert("monitor_group", &json!({ "monitor_id": 5, "group_id": 1 }));
    db.insert("monitor_group", &json!({ "monitor_id": 1, "group_id": 2 }));
}

#[test]
fn everything_that_has_a_counterpart_comes_along() {
    let home = Home::new();
    let mut db = KumaDb::version_1(&home.path().join("kuma.db"));
    fill(&mut db);
    db.close();
    let (ran, objects) = import(&home, &["uptime-kuma", "kuma.db"], "out");
    assert_eq!(ran.code, 3, "{ran:?}");
    let spec =
        |key: &str| &objects.get(key).unwrap_or_else(|| panic!("{key}: {objects:#?}"))["spec"];

    let shop = spec("Monitor/shop-eu");
    let http = &shop["target"]["http"];
    assert_eq!(http["headers"], json!({ "X-Plain": "$${SECRET:a:b}" }));
    assert_eq!(http["headersFrom"][0]["name"], "Authorization");
    assert_eq!(http["bodyJson"], json!({ "a": 1 }));
    assert_eq!((&http["followRedirects"], &http["tls"]["verify"]), (&json!(false), &json!(false)));
    assert_eq!(
        shop["schedule"],
        json!({ "intervalSeconds": 60, "timeoutSeconds": 20,
        "retries": 2, "retryIntervalSeconds": 30 })
    );
    assert_eq!(
        shop["alerting"],
        json!({ "resendIntervalMinutes": 10,
        "notifyOn": ["down", "up", "flapping"] })
    );
    assert_eq!(shop["successCriteria"]["http"]["statusCodes"], json!(["200-299", "301"]));
    assert_eq!(
        (&shop["tags"], &shop["annotations"]["kubekuma.io/display-name"]),
        (&json!(["env:prod"]), &json!("Shop (EU)"))
    );
    let secret = &objects["Secret/shop-eu-import"]["stringData"];
    assert_eq!(secret["proxy-url"], "http://me:hush@proxy.example:3128");
    assert_eq!((&secret["username"], &secret["password"]), (&json!("probe"), &json!("hush")));

    assert_eq!(spec("Monitor/shop-eu-2")["target"]["keyword"]["invert"], true);
    assert_eq!(spec("Monitor/shop-eu-2")["successCriteria"]["upsideDown"], true);
    assert_eq!(spec("Monitor/queue")["target"]["jsonQuery"]["query"], "$.queue.depth");
    assert_eq!(spec("Monitor/sum")["type"], "http");
    assert_eq!(spec("Monitor/router")["enabled"], false);
    assert_eq!(spec("Monitor/names")["target"]["dns"]["server"], "1.1.1.1");
    assert_eq!(objects["Secret/backup-import"]["stringData"]["token"], "hushhushhushhush");
    assert_eq!(
        spec("Monitor/container")["target"]["docker"]["engine"],
        "unix:///var/run/docker.sock"
    );
    assert_eq!(spec("Monitor/rpc")["target"]["grpc"]["service"], "shop");
    assert_eq!(
        spec("Monitor/all-of-it")["target"]["group"],
        json!({ "members": [{ "name": "shop-eu" }] })
    );

    for provider in [
        "slack",
        "discord",
        "telegram",
        "smtp",
        "webhook",
        "gotify",
        "pushover",
        "apprise",
        "pagerduty",
        "teams",
    ] {
        assert_eq!(spec(&format!("NotificationProvider/{provider}"))["type"], provider);
        let label = format!("notify-{provider}");
        assert_eq!(objects["Monitor/shop-eu"]["metadata"]["labels"][&label], "true");
        let policy = spec(&format!("NotificationPolicy/{provider}"));
        assert_eq!(policy["match"]["matchLabels"], json!({ label: "true" }));
        assert_eq!(policy["triggers"]["onCertExpiring"]["thresholds"], json!([7, 14, 21]));
    }
    let schedule = |name: &str| &spec(&format!("MaintenanceWindow/{name}"))["schedule"];
    assert_eq!(schedule("once")["timeZone"], "Europe/Berlin");
    assert_eq!(schedule("sundays")["recurrence"]["rrule"], "FREQ=WEEKLY;BYDAY=SU,WE");
    assert_eq!(schedule("sundays")["durationMinutes"], 60);
    assert_eq!(schedule("month-ends")["recurrence"]["rrule"], "FREQ=MONTHLY;BYMONTHDAY=1,-1");
    assert_eq!(schedule("cron")["recurrence"]["cron"], "0 3 * * *");
    let page = spec("StatusPage/main");
    assert_eq!(page["exposure"]["hosts"], json!(["status.example"]));
    assert_eq!(
        page["groups"][0],
        json!({ "name": "First",
        "monitors": [{ "ref": { "name": "shop-eu" } }] })
    );

    assert_eq!(
        remarks(&home, &["uptime-kuma", "kuma.db"], "lost"),
        [
            "notification \"smtp\"|customSubject",
            "notification \"matrix\"|type",
            "monitor \"Sum\"|json_path",
            "monitor \"Broker\"|type",
            "monitor \"Alone\"|children",
            "maintenance \"By hand\"|strategy",
            "table \"user\"|accounts",
        ]
    );
}

#[test]
fn columns_of_version_2_are_used() {
    let home = Home::new();
    let mut db = KumaDb::version_2(&home.path().join("kuma.db"));
    for row in [
        json!({ "id": 1, "name": "q", "type": "json-query", "url": "https://q.example/",
            "interval": 60, "json_path": "$.depth", "json_path_operator": "<",
            "expected_value": "10", "auth_method": "bearer", "bearer_token": "hush",
            "ip_family": "ipv4" }),
        json!({ "id": 2, "name": "ws", "type": "websocket-upgrade", "url": "wss://ws.example/",
            "interval": 60, "ws_subprotocol": "mqtt" }),
        json!({ "id": 3, "name": "dns", "type": "dns", "hostname": "example.com", "interval": 60,
            "dns_resolve_type": "A", "dns_resolve_server": "1.1.1.1",
            "conditions": [{ "type": "expression", "variable": "record", "operator": "equals",
                "value": "192.0.2.1" }] }),
        json!({ "id": 4, "name": "ping", "type": "ping", "hostname": "192.0.2.1", "interval": 60,
            "ping_count": 3 }),
    ] {
        db.insert("monitor", &row);
    }
    db.close();
    let (ran, objects) = import(&home, &["uptime-kuma", "kuma.db"], "out");
    assert_eq!(ran.code, 0, "{ran:?}");
    let target =
        |name: &str, kind: &str| &objects[&format!("Monitor/{name}")]["spec"]["target"][kind];
    let query = target("q", "jsonQuery");
    assert_eq!((&query["operator"], &query["ipFamily"]), (&json!("<"), &json!("ipv4")));
    assert_eq!(query["auth"]["bearerSecretRef"]["name"], "q-import");
    assert_eq!(target("ws", "websocket")["subprotocols"], json!(["mqtt"]));
    assert_eq!(target("dns", "dns")["expected"], json!(["192.0.2.1"]));
    assert_eq!(target("ping", "ping")["count"], 3);
}

/// `minutes` of beats that end a minute ago; minutes 100 to 119 are down, confirmed after two
/// failures.
fn beats(db: &mut KumaDb, monitor: i64, minutes: std::ops::Range<i64>, start: Timestamp) {
    for minute in minutes {
        let at = start.checked_add(minute.minutes()).unwrap();
        let (status, ping, message) = match minute {
            98 | 99 => (2, None, "connect ECONNREFUSED 192.0.2.1:443"),
            100..120 => (0, None, "connect ECONNREFUSED 192.0.2.1:443"),
            _ => (1, Some(40), "200 - OK"),
        };
        db.insert(
            "heartbeat",
            &json!({ "monitor_id": monitor, "status": status, "ping": ping,
            "msg": message, "time": at.strftime("%Y-%m-%d %H:%M:%S.000").to_string() }),
        );
    }
}

#[test]
fn history_comes_along_once_and_sums_up_rightly() {
    let home = Home::new();
    let path = home.path().join("kuma.db");
    let mut db = KumaDb::version_1(&path);
    db.insert(
        "monitor",
        &json!({ "id": 1, "name": "web", "type": "http", "interval": 60,
        "url": "https://web.example/" }),
    );
    let start = now().checked_sub(200.minutes()).unwrap();
    beats(&mut db, 1, 0..150, start);
    let history = |out: &str| {
        let arguments =
            ["uptime-kuma", "kuma.db", "--history", "--database", "sqlite:./kubekuma.db"];
        import(&home, &arguments, out).0.out
    };
    let first = history("one");
    assert!(first.contains("150 results and 1 incidents of 1 monitors were added"), "{first}");
    let second = history("two");
    assert!(second.contains("\n0 results and 0 incidents"), "{second}");
    assert!(second.contains("150 results are not newer"), "{second}");
    // Uptime Kuma ran on meanwhile.
    beats(&mut db, 1, 150..200, start);
    db.close();
    let third = history("three");
    assert!(third.contains("\n50 results and 0 incidents"), "{third}");

    let incidents = home.incidents();
    let [incident] = incidents.as_slice() else { panic!("{incidents:?}") };
    let at = |key: &str| incident[key].as_str().unwrap().parse::<Timestamp>().unwrap();
    // It began with the first failed attempt, at minute 98, and ended with the first success.
    assert_eq!(at("endedAt").as_second() - at("startedAt").as_second(), 22 * 60);
    assert_eq!(incident["reason"], "CONNECTION_REFUSED");
    let status = home.run(&["status", "-o", "json"]).json();
    assert_eq!(status[0]["monitor"], "kubekuma/web", "{status}");
    // Up for 177 or 178 of 200 minutes.
    let uptime = 100.0 * status[0]["uptime24h"].as_f64().unwrap();
    assert!((88.5..=89.2).contains(&uptime), "{status}");
}

#[test]
fn statistics_of_version_2_vouch_for_results_that_were_thrown_away() {
    let home = Home::new();
    let mut db = KumaDb::version_2(&home.path().join("kuma.db"));
    db.insert(
        "monitor",
        &json!({ "id": 1, "name": "web", "type": "http", "interval": 60,
        "url": "https://web.example/" }),
    );
    // Only transitions are left of the last twelve hours: up, and down for the last three.
    let hour = now().as_second() / 3600 * 3600 - 12 * 3600;
    for (after, status) in [(0, 1), (9 * 3600, 0), (12 * 3600 - 60, 0)] {
        let at = Timestamp::from_second(hour + after).unwrap();
        db.insert(
            "heartbeat",
            &json!({ "monitor_id": 1, "status": status, "msg": "x", "ping": 5.5,
            "time": at.strftime("%Y-%m-%d %H:%M:%S.000").to_string() }),
        );
    }
    for number in 0..12 {
        db.insert(
            "stat_hourly",
            &json!({ "monitor_id": 1, "timestamp": hour + number * 3600,
            "ping": 5.5, "up": 60, "down": 0 }),
        );
    }
    db.close();
    let arguments = ["uptime-kuma", "kuma.db", "--history", "--database", "sqlite:./kubekuma.db"];
    let (ran, _) = import(&home, &arguments, "out");
    assert!(ran.out.contains("1 incidents were still open"), "{ran:?}");
    let status = home.run(&["status", "-o", "json"]).json();
    let uptime = 100.0 * status[0]["uptime24h"].as_f64().unwrap();
    assert!((74.5..=75.5).contains(&uptime), "{status}");
}
