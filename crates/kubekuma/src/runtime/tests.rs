//! What a start makes of what was stored.

use std::sync::Arc;

use kuma_core::catalog::Catalog;
use kuma_core::id::{IncidentId, ObjectName};
use kuma_core::ports::{Batch, Fence, Heartbeat, Incident, StateRow};
use kuma_core::reason::Reason;
use kuma_core::state::MonitorState;
use kuma_core::time::from_ms;

use kuma_store::{SqliteOptions, SqliteStore};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_whose_state_cannot_be_read_keeps_its_open_incident() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions {
        path: folder.path().join("kubekuma.db"),
        clock: Arc::new(SystemClock::start()),
        product_version: "0.1.0".to_owned(),
    })
    .await
    .unwrap();
    let name = ObjectName::new("shop", "web");
    let monitor = store.intern(std::slice::from_ref(&name)).await.unwrap()[0];
    let at = from_ms(1_767_225_600_000);
    let incident = |sequence, ended_at| Incident {
        id: IncidentId::new(monitor, sequence),
        monitor,
        monitor_name: name.clone(),
        started_at: at,
        ended_at,
        reason: Some(Reason::ConnectionRefused),
        message: None,
        closed_reason: None,
        suppressed: false,
        suppress_reason: None,
        acknowledged: None,
        toggles: Vec::new(),
    };
    let beat = Heartbeat {
        monitor,
        at,
        sequence: 0,
        state: MonitorState::Down,
        reason: Some(Reason::ConnectionRefused),
        latency_us: None,
        attempts: 1,
        message: None,
        evidence: None,
    };
    let batch = Batch {
        heartbeats: vec![beat],
        incidents: vec![incident(1, Some(at)), incident(2, None)],
        states: vec![StateRow { monitor, version: 1, blob: b"?".to_vec() }],
        durable: true,
        ..Batch::default()
    };
    store.commit(batch, Fence::Exclusive).await.unwrap();
    let engine = load::engine(&store, &Catalog::default(), &Live::default()).await.unwrap();
    let open = engine.record(monitor).and_then(|record| record.verdict.open_incident(monitor));
    assert_eq!(open, Some(IncidentId::new(monitor, 2)));
    store.close().await.unwrap();
}
