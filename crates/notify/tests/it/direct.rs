//! Delivery past a store that is down.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kuma_core::event::EventKind;

use crate::bench::{Bench, hook};
use crate::http_server::{HttpServer, Reaction};
use crate::kit::{name, policy, row, until};
use crate::memory_store::Status;

#[tokio::test]
async fn rows_are_sent_once_and_their_results_recorded_when_the_store_is_back() {
    let server = HttpServer::start(|_| Ok(())).await;
    let mut bench = Bench::new(vec![hook("a", &server.url("/"))], Vec::new());
    bench.store.down.store(true, Ordering::SeqCst);
    bench.start();
    let down = row("api", "a", EventKind::Down);
    let up = row("api", "a", EventKind::Up);
    bench.worker.deliver_direct(vec![down.clone(), up.clone()]).await;
    bench.worker.deliver_direct(vec![down.clone()]).await;
    let events: Vec<_> = server.received().iter().map(|r| r.json()["event"].clone()).collect();
    assert_eq!(events, ["down", "up"]);

    bench.store.down.store(false, Ordering::SeqCst);
    for stored in [down, up] {
        let key = bench.enqueue(stored);
        bench.becomes(&key, Status::Sent).await;
    }
    assert_eq!(server.received().len(), 2, "nothing is sent again");
}

#[tokio::test]
async fn a_dead_row_falls_back_directly() {
    let gone = HttpServer::start(|_| Ok(())).await;
    let other = HttpServer::start(|_| Ok(())).await;
    gone.always(Reaction::status(410));
    let providers = vec![hook("gone", &gone.url("/")), hook("other", &other.url("/"))];
    let bench = Bench::new(providers, vec![policy("ops", &["other"])]);
    bench.store.down.store(true, Ordering::SeqCst);
    let mut row = row("api", "gone", EventKind::Down);
    row.policy = Some(name("ops"));
    bench.worker.deliver_direct(vec![row]).await;
    assert_eq!((gone.received().len(), other.received().len()), (1, 1));
}

#[tokio::test]
async fn a_later_row_of_a_stream_waits_for_the_earlier_one() {
    let server = HttpServer::start(|_| Ok(())).await;
    server.next(Reaction::Hang);
    let bench = Arc::new(Bench::new(vec![hook("a", &server.url("/"))], Vec::new()));
    let (first, second) = (Arc::clone(&bench), Arc::clone(&bench));
    let down = tokio::spawn(async move {
        let row = row("api", "a", EventKind::Down);
        first.worker.deliver_direct(vec![row]).await;
    });
    until("the down is being sent", || server.received().len() == 1).await;
    let up = tokio::spawn(async move {
        let row = row("api", "a", EventKind::Up);
        second.worker.deliver_direct(vec![row]).await;
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.received().len(), 1, "the up waits");
    down.abort();
    up.await.unwrap();
    assert_eq!(server.received()[1].json()["event"], "up");
}
