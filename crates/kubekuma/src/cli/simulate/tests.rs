//! A folder and a history in, a report out; once from memory, once from a real file.

use std::path::Path;
use std::sync::Arc;

use kuma_core::engine;
use kuma_core::id::ObjectName;
use kuma_core::ports::{Batch, Fence, Heartbeat, Store};
use kuma_core::reason::Reason;
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, from_ms};
use kuma_store::{SqliteOptions, SqliteStore};

use super::*;
use crate::runtime::catalog::Surrogates;

const FOLDER: &str = r"
apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata: {name: router}
spec: {type: tcp, schedule: {intervalSeconds: 60}, target: {tcp: {host: 10.0.0.1, port: 1}}}
---
apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata: {name: shop, labels: {team: web}}
spec:
  type: tcp
  schedule: {intervalSeconds: 60}
  dependsOn: [{name: router}]
  target: {tcp: {host: 10.0.1.1, port: 1}}
---
apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata: {name: forgotten, namespace: elsewhere}
spec: {type: tcp, schedule: {intervalSeconds: 60}, target: {tcp: {host: 10.0.2.1, port: 1}}}
---
apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata: {name: young}
spec: {type: tcp, schedule: {intervalSeconds: 60}, target: {tcp: {host: 10.0.3.1, port: 1}}}
---
apiVersion: monitoring.kubekuma.io/v1
kind: NotificationProvider
metadata: {name: chat}
spec: {type: webhook, config: {webhook: {url: 'http://127.0.0.1:9/'}}}
---
apiVersion: monitoring.kubekuma.io/v1
kind: NotificationPolicy
metadata: {name: ops}
spec:
  match: {matchNamespaces: [kubekuma]}
  routing: {providers: [{ref: {name: chat}}]}
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), FOLDER).unwrap();
    folder
}

/// 2026-01-01T00:00:00Z and so many seconds.
fn at(second: i64) -> Timestamp {
    from_ms(1_767_225_600_000 + second * 1000)
}

fn name(namespace: &str, name: &str) -> ObjectName {
    ObjectName::new(namespace, name)
}

/// The router fails for three minutes and takes the shop with it; what nobody is told of fails
/// too.
fn history(router: i64, shop: i64, forgotten: i64) -> Vec<Heartbeat> {
    let mut beats = Vec::new();
    let mut beat = |monitor, second, reason: Option<Reason>, message: Option<&str>| {
        beats.push(Heartbeat {
            monitor: kuma_core::id::MonitorId(monitor),
            at: at(second),
            sequence: 0,
            state: if reason.is_some() { MonitorState::Down } else { MonitorState::Up },
            reason,
            latency_us: Some(1000),
            attempts: 1,
            message: message.map(Arc::from),
            evidence: None,
        });
    };
    let refused = Some(Reason::ConnectionRefused);
    for minute in 0..10 {
        let second = minute * 60;
        let down = (3..6).contains(&minute);
        let reason = refused.filter(|_| down);
        let said = |text| (minute == 0 || minute == 3 || minute == 6).then_some(text);
        beat(router, second, reason, said(if down { "nothing listens" } else { "connected" }));
        beat(shop, second + 10, reason, said(if down { "refused" } else { "connected" }));
        beat(forgotten, second + 20, reason, None);
    }
    beats
}

fn arguments(folder: &Path, database: &Path, hours: u32) -> Arguments {
    Arguments {
        config: folder.to_owned(),
        hours,
        output: OutputFormat::Table,
        database: Database::at(database),
    }
}

#[test]
fn the_report_says_who_is_told_who_is_not_and_why() {
    let folder = folder();
    let known = Surrogates::from([
        (name("kubekuma", "router"), kuma_core::id::MonitorId(7)),
        (name("kubekuma", "shop"), kuma_core::id::MonitorId(8)),
        (name("elsewhere", "forgotten"), kuma_core::id::MonitorId(9)),
    ]);
    let reviewed = review::load_with(&[folder.path().to_owned()], "kubekuma", &known);
    assert!(!reviewed.report.has_errors(), "{}", reviewed.report.render(false));
    let catalog = Arc::new(reviewed.catalog);
    let beats = history(7, 8, 9);
    let heard = Heard {
        results: 30,
        monitors: beats.iter().map(|beat| beat.monitor).collect(),
        first: Some(at(0)),
    };
    let replay = engine::replay(&catalog, &beats, at(600));
    let simulation = Simulation::new(&catalog, replay, &heard, at(600), 0);
    insta::assert_snapshot!(report::render(&simulation, false));
    let json = serde_json::to_value(&simulation).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["told"][0]).unwrap());
}

async fn database(path: &Path, beats: impl Fn(&[i64]) -> Vec<Heartbeat>) {
    let store = SqliteStore::open(SqliteOptions {
        path: path.to_owned(),
        clock: Arc::new(SystemClock::start()),
        product_version: "0.1.0".to_owned(),
    })
    .await
    .unwrap();
    // Something else came first, so that surrogates are not those of a count from one.
    let names = [
        name("old", "gone"),
        name("elsewhere", "forgotten"),
        name("kubekuma", "shop"),
        name("kubekuma", "router"),
    ];
    let ids: Vec<_> = store.intern(&names).await.unwrap().iter().map(|id| id.0).collect();
    let batch = Batch { heartbeats: beats(&ids), durable: true, ..Batch::default() };
    store.commit(batch, Fence::Exclusive).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_database_is_played_by_name_and_left_as_it_was() {
    let (folder, data) = (folder(), tempfile::tempdir().unwrap());
    let path = data.path().join("kubekuma.db");
    database(&path, |ids| history(ids[3], ids[2], ids[1])).await;
    let before = std::fs::read(&path).unwrap();
    let simulation =
        simulate("kubekuma", &arguments(folder.path(), &path, 24), at(3600)).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let json = serde_json::to_value(&simulation).unwrap();
    let told: Vec<_> = json["told"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (message["event"].as_str().unwrap(), message["monitor"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("down", "kubekuma/router"), ("up", "kubekuma/router")]);
    // The words of a result that repeats those before are found.
    assert_eq!(json["told"][0]["message"], "nothing listens");
    assert_eq!(json["results"], 30);
    assert_eq!(json["unrouted"], 1);
    assert_eq!(json["withoutHistory"], serde_json::json!(["kubekuma/young"]));
    // History ends there, and time with it.
    assert_eq!(json["until"], "2026-01-01T00:09:20Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_history_it_says_what_to_do() {
    let (folder, data) = (folder(), tempfile::tempdir().unwrap());
    let path = data.path().join("kubekuma.db");
    let missing = simulate("kubekuma", &arguments(folder.path(), &path, 24), at(0)).await;
    let why = missing.unwrap_err().to_string();
    assert!(why.contains("there is no database"), "{why}");
    database(&path, |_| Vec::new()).await;
    let empty = simulate("kubekuma", &arguments(folder.path(), &path, 24), at(0)).await;
    let why = empty.unwrap_err().to_string();
    assert!(why.contains("let `kubekuma serve` run for a while first"), "{why}");
    std::fs::remove_file(&path).unwrap();
    database(&path, |ids| history(ids[3], ids[2], ids[1])).await;
    let old = simulate("kubekuma", &arguments(folder.path(), &path, 1), at(86_400)).await;
    let why = old.unwrap_err().to_string();
    assert!(why.contains("--hours") && why.contains("2026-01-01T00:09:20Z"), "{why}");
}
