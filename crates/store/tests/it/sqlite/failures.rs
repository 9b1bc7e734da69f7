//! The disk, a lock, a vanished file: reported, survived, tried again.

use kuma_core::ports::{Batch, Fence, Heartbeat, StateRow, Store, StoreError};
use kuma_core::shard::ShardSet;
use kuma_core::stats::Stats;

use super::outsider;
use crate::support::{Bench, at, beat, name, open};

fn one(heartbeat: Heartbeat) -> Batch {
    Batch { heartbeats: vec![heartbeat], durable: true, ..Batch::default() }
}

#[tokio::test]
async fn a_locked_file_is_unavailable_and_works_again_when_it_is_free() {
    let bench = Bench::new().await;
    let web = bench.monitor("web").await;
    let mut other = outsider(&bench.path()).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let refused = bench.store.commit(one(beat(web, 1, 1)), Fence::Exclusive).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(bench.store.ping().await.is_err());
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    bench.commit(one(beat(web, 2, 1))).await;
    let found = bench.store.heartbeats(web, at(0), at(9), 9).await.unwrap();
    assert_eq!(found, [beat(web, 2, 1)], "nothing of the refused one");
    let last = bench.store.last_results(ShardSet::ALL).await.unwrap();
    assert_eq!(last[0].heartbeat, beat(web, 2, 1));
}

#[tokio::test]
async fn a_batch_that_cannot_be_written_does_not_take_the_ones_beside_it_along() {
    let bench = Bench::new().await;
    bench.store.close().await.unwrap();
    let store = open(&bench.folder, &bench.clock).await.unwrap();
    let web = store.intern(&[name("web")]).await.unwrap()[0];
    sqlx::query(
        "CREATE TRIGGER refuse BEFORE INSERT ON beat WHEN (new.id >> 22) % 2 = 0
                 BEGIN SELECT raise(ABORT, 'refused'); END",
    )
    .execute(&mut outsider(&bench.path()).await)
    .await
    .unwrap();
    let (even, odd) = tokio::join!(
        store.commit(one(beat(web, 2, 1)), Fence::Exclusive),
        store.commit(one(beat(web, 3, 1)), Fence::Exclusive)
    );
    assert!(even.is_err());
    odd.unwrap();
    let found = store.heartbeats(web, at(0), at(9), 9).await.unwrap();
    assert_eq!(found, [beat(web, 3, 1)]);
    let errors = store.samples().into_iter().find(|s| s.name == "store_errors");
    assert!(errors.unwrap().value >= 1.0);
}

#[tokio::test]
async fn a_removed_file_is_made_anew_and_surrogates_stay() {
    let bench = Bench::new().await;
    let (web, api) = (bench.monitor("web").await, bench.monitor("api").await);
    bench.commit(one(beat(web, 1, 1))).await;
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", bench.path().display());
        std::fs::remove_file(file).unwrap();
    }
    bench.commit(one(beat(api, 2, 1))).await;
    let found = bench.store.heartbeats(api, at(0), at(9), 9).await.unwrap();
    assert_eq!(found, [beat(api, 2, 1)]);
    let gone = bench.store.heartbeats(web, at(0), at(9), 9).await.unwrap();
    assert!(gone.is_empty());
    let mut other = outsider(&bench.path()).await;
    let names: Vec<(i64, String)> = sqlx::query_as("SELECT id, name FROM monitor ORDER BY id")
        .fetch_all(&mut other)
        .await
        .unwrap();
    assert_eq!(names, [(web.0, "web".to_owned()), (api.0, "api".to_owned())]);
}

#[tokio::test]
async fn more_than_may_wait_is_refused_at_once() {
    let bench = Bench::new().await;
    let web = bench.monitor("web").await;
    let state = |index: i64| StateRow {
        monitor: kuma_core::id::MonitorId(index),
        version: 1,
        blob: vec![1],
    };
    let mut other = outsider(&bench.path()).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let states = (0..90_000).map(state).collect();
        let batch = Batch { states, ..Batch::default() };
        waiting.push(bench.store.commit(batch, Fence::Exclusive));
    }
    let last = waiting.pop().unwrap().await;
    assert!(matches!(last, Err(StoreError::Unavailable(_))));
    for refused in waiting {
        assert!(refused.await.is_err(), "the file is locked");
    }
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    bench.commit(one(beat(web, 1, 1))).await;
}

#[tokio::test]
async fn the_numbers_tell_what_was_committed() {
    let bench = Bench::new().await;
    bench.store.close().await.unwrap();
    let store = open(&bench.folder, &bench.clock).await.unwrap();
    let web = store.intern(&[name("web")]).await.unwrap()[0];
    store.commit(one(beat(web, 1, 1)), Fence::Exclusive).await.unwrap();
    let value = |name: &str| {
        let samples = store.samples();
        samples.iter().find(|s| s.name == name).unwrap().value
    };
    assert!((value("store_rows") - 2.0).abs() < 0.1);
    assert!((value("store_batches") - 2.0).abs() < 0.1);
    assert!(value("store_size_bytes") > 4096.0);
    assert!(value("store_queue_depth").abs() < 0.1);
}

#[tokio::test]
async fn a_removed_file_takes_what_was_sealed_along_and_nothing_else() {
    let bench = Bench::new().await;
    let web = bench.monitor("web").await;
    let old: Vec<_> = (0..200).map(|n| beat(web, n * 60_000, 1)).collect();
    bench.commit(Batch { heartbeats: old.clone(), ..Batch::default() }).await;
    bench.upkeep(9 * 3_600_000, &kuma_core::settings::RetentionSettings::default()).await;
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{suffix}", bench.path().display())).unwrap();
    }
    // Of a slot that was sealed in the file that is gone.
    bench.commit(Batch { heartbeats: old[..50].to_vec(), ..Batch::default() }).await;
    for _ in 0..2 {
        let found = bench.store.heartbeats(web, at(0), at(99_999_999), 999).await.unwrap();
        assert_eq!(found, old[..50]);
        bench.upkeep(9 * 3_600_000, &kuma_core::settings::RetentionSettings::default()).await;
    }
}
