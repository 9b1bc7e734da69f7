//! Chunks in the file: what is where, what a broken one does, what a crash leaves.

use kuma_core::id::MonitorId;
use kuma_core::ports::{Batch, Heartbeat, Store, StoreError};
use kuma_core::settings::RetentionSettings;
use kuma_store::SqliteStore;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::outsider;
use crate::support::{Bench, HOUR, at, beat};

const MINUTE: i64 = 60_000;

async fn count(connection: &mut SqliteConnection, what: &str) -> i64 {
    let sql = AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Eight hours of results, one a minute.
fn hours(monitor: MonitorId) -> Vec<Heartbeat> {
    (0..480).map(|n| beat(monitor, n * MINUTE + monitor.0, 20_000)).collect()
}

async fn filled() -> (Bench, MonitorId, MonitorId) {
    let bench = Bench::new().await;
    let (web, api) = (bench.monitor("web").await, bench.monitor("api").await);
    let heartbeats = [hours(web), hours(api)].concat();
    bench.commit(Batch { heartbeats, durable: true, ..Batch::default() }).await;
    (bench, web, api)
}

async fn all(store: &dyn Store, monitor: MonitorId) -> Result<Vec<Heartbeat>, StoreError> {
    store.heartbeats(monitor, at(0), at(24 * HOUR), 9999).await
}

#[tokio::test]
async fn sealed_rows_leave_the_hot_table_and_the_view_says_where_they_are() {
    let (bench, ..) = filled().await;
    let mut other = outsider(&bench.path()).await;
    assert_eq!(count(&mut other, "heartbeats").await, 960);
    bench.upkeep(8 * HOUR, &RetentionSettings::default()).await;
    assert_eq!(count(&mut other, "beat").await, 240, "the last two hours");
    assert_eq!(count(&mut other, "heartbeats").await, 240);
    let (chunks, beats, bytes): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), sum(heartbeats), sum(bytes) FROM heartbeat_chunks
         WHERE monitor_id IN ('shop/web', 'shop/api')",
    )
    .fetch_one(&mut other)
    .await
    .unwrap();
    assert_eq!((chunks, beats), (6, 720));
    assert!(bytes < 720 * 3, "{bytes} bytes");
    let (from, to): (String, String) =
        sqlx::query_as("SELECT starts_at, ends_at FROM heartbeat_chunks ORDER BY id LIMIT 1")
            .fetch_one(&mut other)
            .await
            .unwrap();
    assert_eq!(from, "2026-01-01 00:00:00.000");
    assert_eq!(to, "2026-01-01 02:00:00.000");
    bench.store.close().await.unwrap();
    let reader = SqliteStore::open_read_only(bench.path(), bench.clock.clone()).await.unwrap();
    let report = reader.check().await.unwrap();
    assert_eq!((report.problems, report.chunks, report.heartbeats), (vec![], 6, 720));
}

#[tokio::test]
async fn a_broken_chunk_is_named_and_takes_nobody_else_along() {
    let (bench, web, api) = filled().await;
    bench.upkeep(8 * HOUR, &RetentionSettings::default()).await;
    let mut other = outsider(&bench.path()).await;
    let broken: i64 = sqlx::query_scalar(
        "UPDATE chunk SET data = CAST(substr(data, 1, 20) || x'ff' || substr(data, 22) AS BLOB)
         WHERE id = (SELECT id FROM heartbeat_chunks WHERE monitor_name = 'web'
                     ORDER BY id LIMIT 1 OFFSET 1) RETURNING id",
    )
    .fetch_one(&mut other)
    .await
    .unwrap();
    let Err(StoreError::Damaged(text)) = all(&*bench.store, web).await else {
        panic!("read through a broken chunk");
    };
    let named = format!("chunk {broken}, the heartbeats of shop/web from 2026-01-01T02:00:00Z");
    assert!(text.contains(&named) && text.contains("checksum"), "{text}");
    assert_eq!(all(&*bench.store, api).await.unwrap(), hours(api));
    let around = bench.store.heartbeats(web, at(4 * HOUR), at(9 * HOUR), 999).await.unwrap();
    assert_eq!(around, hours(web)[240..]);
    bench.store.close().await.unwrap();
    let reader = SqliteStore::open_read_only(bench.path(), bench.clock.clone()).await.unwrap();
    let problems = reader.check().await.unwrap().problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains(&named), "{problems:?}");
    let mut replay = reader.replay(at(0), at(24 * HOUR));
    let played = replay.next_page(9999).await.unwrap().len();
    let mut rest = 0;
    while let page = replay.next_page(9999).await.unwrap()
        && !page.is_empty()
    {
        rest += page.len();
    }
    assert_eq!(played + rest, 960 - 120);
    assert_eq!(replay.damaged(), problems);
    sqlx::query("DELETE FROM chunk WHERE id = ?").bind(broken).execute(&mut other).await.unwrap();
    let problems = reader.check().await.unwrap().problems;
    assert!(problems[0].contains("1 of its chunks are missing"), "{problems:?}");
}

#[tokio::test]
async fn sealing_goes_on_after_a_stop_at_any_step() {
    for steps in 0..12 {
        let (mut bench, web, api) = filled().await;
        bench.clock.set(8 * HOUR);
        for _ in 0..steps {
            bench.store.retention_step(at(8 * HOUR), RetentionSettings::default()).await.unwrap();
        }
        bench.reopen().await;
        for _ in 0..2 {
            assert_eq!(all(&*bench.store, web).await.unwrap(), hours(web), "{steps} steps");
            assert_eq!(all(&*bench.store, api).await.unwrap(), hours(api), "{steps} steps");
            bench.upkeep(8 * HOUR, &RetentionSettings::default()).await;
        }
        assert_eq!(count(&mut outsider(&bench.path()).await, "chunk").await, 6);
    }
}

#[tokio::test]
async fn results_that_come_while_their_slot_is_being_sealed_are_kept() {
    let (bench, web, _) = filled().await;
    bench.clock.set(3 * HOUR);
    let mut expected = hours(web);
    for n in 0.. {
        let more = bench.store.retention_step(at(3 * HOUR), RetentionSettings::default());
        let more = more.await.unwrap();
        let late = beat(web, n * MINUTE + 30_000, 7);
        expected.push(late.clone());
        bench.commit(Batch { heartbeats: vec![late], ..Batch::default() }).await;
        if !more {
            break;
        }
    }
    expected.sort_by_key(|beat| beat.at);
    assert_eq!(all(&*bench.store, web).await.unwrap(), expected);
}

#[tokio::test]
async fn backups_and_vacuums_take_chunks_along() {
    let (mut bench, web, _) = filled().await;
    bench.upkeep(8 * HOUR, &RetentionSettings::default()).await;
    bench.store.close().await.unwrap();
    let store = crate::support::open(&bench.folder, &bench.clock).await.unwrap();
    store.vacuum().await.unwrap();
    let copy = bench.folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    assert_eq!(all(&store, web).await.unwrap(), hours(web));
    store.close().await.unwrap();
    let reader = SqliteStore::open_read_only(copy, bench.clock.clone()).await.unwrap();
    assert_eq!(all(&reader, web).await.unwrap(), hours(web));
    assert_eq!(reader.check().await.unwrap().problems, Vec::<String>::new());
    bench.store = std::sync::Arc::new(reader);
}
