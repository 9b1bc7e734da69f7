//! The status of each kind, as the API server gets it.

use insta::assert_snapshot;
use kuma_api::read::{ReadContext, read_object};
use kuma_core::catalog::{BuildInput, build};
use kuma_core::reason::Reason;
use kuma_core::time::{Timestamp, from_ms};

use super::*;

const NOW_MS: i64 = 1_767_225_600_000;

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "generation": 4}, "spec": spec,
    })
}

fn tcp(name: &str) -> Value {
    object("Monitor", name, &json!({"type": "tcp", "target": {"tcp": {"host": "a", "port": 1}}}))
}

fn world(objects: &[Value]) -> Catalog {
    let context = ReadContext::default();
    let read = |value| {
        let read = read_object(value, Origin::Store, &context);
        let object = read.object.unwrap_or_else(|| panic!("{:?}", read.problems));
        (object.key.clone(), object)
    };
    build(BuildInput {
        objects: &objects.iter().map(read).collect(),
        reports: &BTreeMap::new(),
        system_namespace: "kubekuma",
        ids: &|name| MonitorId(name.name.bytes().map(i64::from).sum()),
        version: 1,
    })
}

/// What the status of the first of these objects says; each monitor is in the state that its name
/// says.
fn says(objects: &[Value], before: &Value) -> String {
    let catalog = world(objects);
    let facts = |id: MonitorId| {
        let entry = catalog.by_id.get(&id)?;
        let name = &*entry.monitor.name.name;
        let state = MonitorState::ALL.into_iter().find(|state| name.contains(state.as_str()))?;
        Some(facts(state))
    };
    let first = &objects[0];
    let is_first = |key: &&ObjectKey| {
        first["kind"] == key.kind.as_str() && first["metadata"]["name"] == *key.name.name
    };
    let key = catalog.objects.keys().find(is_first).unwrap();
    let providers = BTreeMap::from([(
        ObjectName::new("shop", "failing"),
        ProviderFacts {
            healthy: false,
            last_sent: Some(from_ms(NOW_MS - 60_000)),
            last_error: Some("the chat is gone (404)".to_owned()),
        },
    )]);
    let world = World {
        catalog: &catalog,
        monitor: &facts,
        providers: &providers,
        exposures: &BTreeMap::new(),
        discovery: None,
        now: from_ms(NOW_MS),
    };
    serde_json::to_string_pretty(&status(&world, key, before).unwrap()).unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    from_ms(NOW_MS - seconds * 1000)
}

fn facts(state: MonitorState) -> MonitorFacts {
    let is_down = state == MonitorState::Down;
    MonitorFacts {
        state,
        since: Some(ago(300)),
        latency_us: Some(12_345),
        checked_at: Some(ago(5)),
        attempts: Some(1),
        reason: is_down.then(|| Reason::ConnectionRefused.code()),
        message: Some(if is_down { "nothing listens" } else { "connected" }.to_owned()),
        uptime: [Some(0.987_654), Some(0.5), None, None],
        certificate: Some(CertificateFacts {
            expires_at: from_ms(NOW_MS + 10 * 86_400_000 + 1),
            valid: true,
            issuer: "CN=ca".to_owned(),
            subject: "CN=shop".to_owned(),
        }),
        next_run: Some(from_ms(NOW_MS + 55_000)),
    }
}

#[test]
fn a_monitor_tells_its_last_result_uptime_and_certificate() {
    assert_snapshot!(says(&[tcp("down")], &Value::Null));
}

#[test]
fn after_a_start_what_is_not_known_yet_stays_as_it_was() {
    let catalog = world(&[tcp("web")]);
    let key = ObjectKey { kind: Kind::Monitor, name: ObjectName::new("shop", "web") };
    let before = json!({
        "lastResult": {"state": "up", "latencyMs": 3, "checkedAt": "2025-12-31T23:59:00Z"},
        "uptime": {"last1h": 99.5},
        "cert": {"daysUntilExpiry": 3},
    });
    let said = |facts: &MonitorFacts| {
        let world = World {
            catalog: &catalog,
            monitor: &|_| Some(facts.clone()),
            providers: &BTreeMap::new(),
            exposures: &BTreeMap::new(),
            discovery: None,
            now: from_ms(NOW_MS),
        };
        status(&world, &key, &before).unwrap()
    };
    let new = MonitorFacts { state: MonitorState::Up, ..MonitorFacts::default() };
    let started = said(&new);
    for field in ["lastResult", "uptime", "cert"] {
        assert_eq!(started[field], before[field], "{field}");
    }
    assert_eq!(
        urgency(&before, &{
            let mut started = started;
            started.as_object_mut().unwrap().retain(|name, _| before.get(name).is_some());
            started
        }),
        None
    );
    let checked = said(&MonitorFacts { checked_at: Some(ago(1)), ..new });
    assert_eq!(checked.get("cert"), None, "the check saw none");
}

#[test]
fn a_set_lists_its_items_and_what_is_wrong_with_them() {
    let tcp = json!({"tcp": {"host": "a", "port": 1}});
    let set = object(
        "MonitorSet",
        "all",
        &json!({"items": [
            {"name": "up", "type": "tcp", "target": tcp},
            {"name": "down-now", "type": "tcp", "target": tcp},
            {"name": "taken", "type": "tcp", "target": tcp},
            {"name": "bad", "type": "http", "target": {"http": {"url": "ftp://a"}}},
        ]}),
    );
    assert_snapshot!(says(&[set, self::tcp("all-taken")], &Value::Null));
}

#[test]
fn a_provider_tells_whether_messages_arrive() {
    let spec = json!({"type": "webhook", "config": {"webhook": {"url": "http://127.0.0.1:9/x"}}});
    assert_snapshot!(says(&[object("NotificationProvider", "failing", &spec)], &Value::Null));
}

#[test]
fn a_policy_whose_provider_is_missing_is_not_ready() {
    let spec = json!({"routing": {"providers": [{"ref": {"name": "nobody"}}]}});
    assert_snapshot!(says(&[object("NotificationPolicy", "all", &spec)], &Value::Null));
}

#[test]
fn a_page_is_as_good_as_its_worst_monitor_and_claims_nothing_of_the_unknown() {
    let page = |members: &[&str]| {
        let refs: Vec<_> = members.iter().map(|name| json!({"ref": {"name": name}})).collect();
        let groups = json!([{"name": "all", "monitors": refs}]);
        let spec = json!({"slug": "shop", "title": "Shop", "groups": groups});
        let mut objects = vec![object("StatusPage", "shop", &spec)];
        objects.extend(members.iter().map(|name| tcp(name)));
        let status: Value = serde_json::from_str(&says(&objects, &Value::Null)).unwrap();
        status.get("overallStatus").cloned()
    };
    assert_eq!(page(&["up", "unknown"]), Some(json!("operational")));
    assert_eq!(page(&["up", "degraded", "unknown"]), Some(json!("degraded")));
    assert_eq!(page(&["up", "degraded", "down"]), Some(json!("down")));
    assert_eq!(page(&["up", "maintenance"]), Some(json!("maintenance")));
    assert_eq!(page(&["unknown", "pending-now"]), None);
}

#[test]
fn a_window_and_a_silence_tell_whether_they_are_active() {
    let window = json!({
        "schedule": {"start": "2025-12-31T23:30:00Z", "durationMinutes": 60,
            "recurrence": {"rrule": "FREQ=DAILY"}},
        "match": {"matchNames": [{"namespace": "shop", "name": "down"}]},
    });
    assert_snapshot!(
        "window",
        says(&[object("MaintenanceWindow", "nightly", &window), tcp("down")], &Value::Null)
    );
    let silence = json!({
        "expiresAt": "2026-01-01T01:00:00Z",
        "match": {"matchNames": [{"namespace": "shop", "name": "down"}]},
    });
    assert_snapshot!(
        "silence",
        says(&[object("Silence", "quiet", &silence), tcp("down")], &Value::Null)
    );
}

#[test]
fn only_the_settings_that_are_read_are_ready() {
    let settings = |name: &str| {
        let mut settings = object("KubeKumaSettings", name, &json!({}));
        settings["metadata"].as_object_mut().unwrap().shift_remove("namespace");
        says(&[settings], &Value::Null)
    };
    assert_snapshot!("settings", settings("kubekuma"));
    assert_snapshot!("settings_of_another_name", settings("other"));
}

#[test]
fn a_user_tells_whether_there_is_a_second_factor() {
    let user = |mfa: &Value| {
        let spec = json!({
            "username": "eve", "role": "viewer", "mfa": mfa,
            "passwordHashSecretRef": {"name": "eve", "key": "hash"},
        });
        let status = says(&[object("LocalUser", "eve", &spec)], &Value::Null);
        serde_json::from_str::<Value>(&status).unwrap()["mfaEnabled"].clone()
    };
    let secret = json!({"name": "eve", "key": "totp"});
    assert_eq!(user(&json!({"totpSecretRef": secret})), json!(true));
    assert_eq!(user(&json!({"mode": "disabled", "totpSecretRef": secret})), json!(false));
    assert_eq!(user(&json!({"mode": "required"})), json!(false));
}
