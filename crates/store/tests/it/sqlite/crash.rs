//! `kill -9`: what was answered is there, and the next process may open the file.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use kuma_core::event::EventKind;
use kuma_core::ports::{Batch, Fence, StateRow, Store};
use kuma_core::shard::ShardSet;

use crate::support::{Bench, at, beat, incident, name, open, row};

const FOLDER: &str = "KUMA_STORE_CRASH_FOLDER";
const COMMITS: usize = 40;

/// Not a test: the process that the test below kills. Commits until it dies and tells each answer.
#[tokio::test]
#[ignore = "run by what_was_answered_survives_kill_9"]
async fn the_process_to_kill() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let bench = Bench::new().await;
    let store = kuma_store::SqliteStore::open(kuma_store::SqliteOptions {
        path: std::path::Path::new(&folder).join("kubekuma.db"),
        clock: bench.clock.clone(),
        product_version: "0.1.0".to_owned(),
    })
    .await
    .unwrap();
    let web = store.intern(&[name("web")]).await.unwrap()[0];
    for index in 1.. {
        let batch = Batch {
            heartbeats: vec![beat(web, i64::from(index), 1)],
            incidents: vec![incident(web, index, i64::from(index))],
            outbox: vec![row(&format!("d{index}"), "web", "chat", EventKind::Down, 0)],
            states: vec![StateRow { monitor: web, version: 1, blob: index.to_le_bytes().to_vec() }],
            durable: true,
            ..Batch::default()
        };
        store.commit(batch, Fence::Exclusive).await.unwrap();
        println!("committed {index}");
    }
}

#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::crash::the_process_to_kill"])
        .args(["--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("committed ")?.parse::<u32>().ok();
    let mut last = 0;
    for line in lines.by_ref().map_while(Result::ok).filter_map(number) {
        last = line;
        if line as usize >= COMMITS {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.map_while(Result::ok).filter_map(number) {
        last = line;
    }
    assert!(last as usize >= COMMITS, "the child ended early at {last}");
    check(&bench, &folder, last).await;
}

async fn check(bench: &Bench, folder: &tempfile::TempDir, answered: u32) {
    let store = open(folder, &bench.clock).await.unwrap();
    let web = store.intern(&[name("web")]).await.unwrap()[0];
    let beats = store.heartbeats(web, at(0), at(99_999_999), u32::MAX).await;
    let stored = u32::try_from(beats.unwrap().len()).unwrap();
    // At most one batch was on its way.
    assert!(stored == answered || stored == answered + 1, "{stored} of {answered}");
    let incidents = store
        .incidents(kuma_core::ports::IncidentQuery {
            limit: u32::MAX,
            ..kuma_core::ports::IncidentQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(incidents.len(), stored as usize);
    let messages = store.deliveries(None, u32::MAX).await.unwrap();
    assert_eq!(messages.len(), stored as usize, "in the incident's transaction");
    let state = store.load_states(ShardSet::ALL).await.unwrap();
    assert_eq!(state[0].blob, stored.to_le_bytes());
    let last = store.last_results(ShardSet::ALL).await.unwrap();
    assert_eq!(last[0].heartbeat, beat(web, i64::from(stored), 1));
    let hour = std::time::Duration::from_secs(3600);
    let steps = store.latency(web, at(0), at(3_600_000), hour).await.unwrap();
    assert_eq!(steps[0].count, u64::from(stored), "each result counted once");
    store.close().await.unwrap();
}
