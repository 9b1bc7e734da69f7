//! What a process starts from: the last valid objects, the engine as it was, pushes that nobody has
//! looked at.

use std::collections::{BTreeMap, HashMap};

use kuma_core::catalog::Catalog;
use kuma_core::engine::{Engine, MonitorRecord};
use kuma_core::id::{MonitorId, ObjectKey};
use kuma_core::object::{Object, Origin};
use kuma_core::ports::{
    Batch, Heartbeat, Incident, IncidentQuery, Store, StoreError, StoredObject,
};
use kuma_core::shard::ShardSet;
use kuma_server::Live;
use tokio::sync::mpsc;
use tracing::warn;

use super::commit::Committer;
use super::engine_loop::Message;

/// The last valid version of every object, so that a broken file does not stop what ran before
/// the restart.
pub(super) fn last_valid(kept: Vec<StoredObject>) -> BTreeMap<ObjectKey, Object> {
    kept.into_iter().filter_map(object).map(|object| (object.key.clone(), object)).collect()
}

/// What the store kept of an object, if it is still valid.
pub(crate) fn object(kept: StoredObject) -> Option<Object> {
    let conversion = kuma_api::convert::convert(&kept.key, &kept.meta, &kept.raw.value());
    let Some(body) = conversion.body else {
        warn!(object = %kept.key, "the stored version is not valid any more");
        return None;
    };
    let StoredObject { key, meta, raw, .. } = kept;
    Some(Object { key, meta, origin: Origin::Store, raw, body })
}

/// Hands over pushes that the last process stored and did not look at. One that is older than what
/// is known of its monitor says nothing any more.
pub(super) async fn replay_pushes(
    store: &dyn Store,
    engine: &mpsc::UnboundedSender<Message>,
    committer: &Committer,
) -> anyhow::Result<()> {
    let pending = store.pending_pushes(ShardSet::ALL).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let last = store.last_results(ShardSet::ALL).await?;
    let last: HashMap<_, _> =
        last.iter().map(|result| (result.heartbeat.monitor, result.heartbeat.at)).collect();
    let mut stale = Vec::new();
    for arrival in pending {
        if last.get(&arrival.monitor).is_some_and(|at| *at > arrival.at) {
            stale.push(arrival.id);
        } else {
            // The loop has just been given the other end.
            let _ = engine.send(Message::Pushed(arrival));
        }
    }
    committer.commit(Batch { push_consumed: stale, durable: true, ..Batch::default() });
    Ok(())
}

/// The engine as it was when the last process ended, brought up to the newest results.
pub(super) async fn engine(
    store: &dyn Store,
    catalog: &Catalog,
    live: &Live,
) -> anyhow::Result<Engine> {
    let (mut engine, bad) = Engine::load(&store.load_states(ShardSet::ALL).await?);
    for (id, error) in bad {
        warn!(monitor = id.0, %error, "a stored state begins anew");
    }
    let last = store.last_results(ShardSet::ALL).await?;
    let beats: Vec<Heartbeat> = last.into_iter().map(|result| result.heartbeat).collect();
    let lost = beats.iter().map(|beat| beat.monitor).filter(|id| engine.record(*id).is_none());
    let found = newest_incidents(store, &lost.collect::<Vec<_>>()).await?;
    engine.recover_incidents(&found);
    engine.resume(catalog, &beats);
    for beat in &beats {
        let since = engine.record(beat.monitor).and_then(MonitorRecord::since);
        live.update(beat.monitor, |live| {
            live.state = beat.state;
            live.since = since;
        });
    }
    let open = IncidentQuery { open: Some(true), limit: 100_000, ..IncidentQuery::default() };
    for incident in store.incidents(open).await? {
        live.update(incident.monitor, |live| live.incident_since = Some(incident.started_at));
    }
    Ok(engine)
}

/// The newest incident of each of these monitors, whose states are lost.
pub(crate) async fn newest_incidents(
    store: &dyn Store,
    lost: &[MonitorId],
) -> Result<Vec<Incident>, StoreError> {
    let mut found = Vec::new();
    if lost.is_empty() {
        return Ok(found);
    }
    let names = store.names().await?;
    for name in lost.iter().filter_map(|id| names.get(id)) {
        let query =
            IncidentQuery { monitor: Some(name.clone()), limit: 1, ..IncidentQuery::default() };
        found.extend(store.incidents(query).await?);
    }
    Ok(found)
}
