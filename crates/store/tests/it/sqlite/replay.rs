//! The heartbeats of all monitors, page by page.

use kuma_core::ports::{Batch, Heartbeat};

use crate::support::{Bench, at, beat};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_heartbeats_come_once_and_in_order_whatever_the_page() {
    let bench = Bench::new().await;
    let (web, api) = (bench.monitor("web").await, bench.monitor("api").await);
    let mut beats: Vec<Heartbeat> = Vec::new();
    for ms in [0, 1000, 1000, 2000, 3000] {
        for monitor in [api, web] {
            let twice = beats.iter().filter(|b| b.monitor == monitor && b.at == at(ms)).count();
            let sequence = u16::try_from(twice).unwrap();
            beats.push(Heartbeat {
                sequence,
                message: (ms == 0).then(|| "hello".into()),
                ..beat(monitor, ms, 100)
            });
        }
    }
    bench.commit(Batch { heartbeats: beats.clone(), durable: true, ..Batch::default() }).await;
    bench.store.close().await.unwrap();
    let store =
        kuma_store::SqliteStore::open_read_only(bench.path(), bench.clock.clone()).await.unwrap();
    let mut expected: Vec<_> = beats.into_iter().filter(|b| b.at < at(3000)).collect();
    expected.sort_by_key(|b| (b.at, b.monitor, b.sequence));
    for limit in [1, 3, 100] {
        let mut replay = store.replay(at(0), at(3000));
        let mut seen: Vec<Heartbeat> = Vec::new();
        loop {
            let page = replay.next_page(limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limit);
            seen.extend(page);
        }
        assert_eq!(seen, expected, "pages of {limit}");
    }
}
