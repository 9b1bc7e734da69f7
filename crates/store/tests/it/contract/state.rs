//! What a restart begins with: engine states, objects, arrivals.

use std::time::Duration;

use kuma_core::id::{Kind, MonitorId, ObjectKey};
use kuma_core::object::{Meta, RawObject};
use kuma_core::ports::{Batch, PushArrival, StateRow, StoreError, StoredObject};
use kuma_core::shard::ShardSet;

use super::bench;
use crate::support::{at, name};

fn state(monitor: i64, blob: &[u8]) -> StateRow {
    StateRow { monitor: MonitorId(monitor), version: 3, blob: blob.to_vec() }
}

fn object(object: &str, digest: &str) -> StoredObject {
    StoredObject {
        key: ObjectKey { kind: Kind::Monitor, name: name(object) },
        meta: Meta {
            labels: [("team".to_owned(), "ü".to_owned())].into(),
            annotations: [("a/b".to_owned(), String::new())].into(),
            generation: 7,
        },
        raw: RawObject::new(
            &serde_json::json!({"apiVersion": "v1", "spec": {"z": 1, "a": [null, 0.5]}}),
        ),
        digest: digest.to_owned(),
    }
}

#[tokio::test]
async fn engine_states_are_replaced_and_survive() {
    let Some(mut bench) = bench().await else { return };
    let first = vec![state(1, b"a"), state(2, b"b"), state(3, &[0, 255])];
    let second = vec![state(1, b"c"), state(2, b"")];
    for states in [first, second] {
        bench.commit(Batch { states, durable: true, ..Batch::default() }).await;
    }
    bench.reopen().await;
    let found = bench.store.load_states(ShardSet::ALL).await.unwrap();
    assert_eq!(found, [state(1, b"c"), state(3, &[0, 255])]);
}

#[tokio::test]
async fn the_last_valid_version_of_each_object_survives_until_it_is_deleted() {
    let Some(mut bench) = bench().await else { return };
    let put = |objects: Vec<StoredObject>| Batch { objects, ..Batch::default() };
    bench.commit(put(vec![object("a", "1"), object("b", "1")])).await;
    bench.commit(put(vec![object("a", "2")])).await;
    bench.commit(Batch { objects_deleted: vec![object("b", "1").key], ..Batch::default() }).await;
    bench.reopen().await;
    let found = bench.store.load_objects().await.unwrap();
    assert_eq!(found, [object("a", "2")]);
    let raw = found[0].raw.value();
    let keys: Vec<_> = raw["spec"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["z", "a"], "as it was written");
    bench.commit(put(vec![object("b", "3")])).await;
    assert_eq!(bench.store.load_objects().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_arrival_gets_the_stores_time_and_waits_until_it_is_consumed() {
    let Some(mut bench) = bench().await else { return };
    bench.clock.set(777);
    let arrival = PushArrival {
        id: 0,
        monitor: MonitorId(4),
        at: at(-5),
        up: false,
        message: "ü".repeat(400),
        latency: Some(Duration::from_micros(1500)),
    };
    let stored = bench.store.push(arrival.clone()).await.unwrap();
    assert_eq!((stored.at, stored.id > 0), (at(777), true));
    assert_eq!(stored.message, "ü".repeat(256), "512 bytes of whole characters");
    let second = bench.store.push(arrival).await.unwrap();
    bench.reopen().await;
    let waiting = bench.store.pending_pushes(ShardSet::ALL).await.unwrap();
    assert_eq!(waiting, [stored.clone(), second.clone()]);
    bench
        .commit(Batch { push_consumed: vec![stored.id, 99], durable: true, ..Batch::default() })
        .await;
    assert_eq!(bench.store.pending_pushes(ShardSet::ALL).await.unwrap(), [second]);
}

#[tokio::test]
async fn a_closed_store_refuses_and_does_not_hang() {
    let Some(bench) = bench().await else { return };
    bench.store.close().await.unwrap();
    let refused = bench.store.intern(&[name("a")]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(bench.store.ping().await.is_err());
    assert!(bench.store.load_states(ShardSet::ALL).await.is_err());
}
