//! Heartbeats into our own database, monitor after monitor.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context;
use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{Batch, Fence, IncidentQuery, Store};
use kuma_core::shard::ShardSet;
use kuma_core::time::Timestamp;
use kuma_import::uptime_kuma::Known;
use kuma_import::uptime_kuma::history::Replay;
use kuma_store::{SqliteOptions, SqliteStore};

use super::kuma_db::KumaDb;
use crate::cli::store::Database;
use crate::clock::SystemClock;

/// Results written at once.
const BATCH: usize = 1_000;

/// Brings the history of these monitors over and says what was brought.
pub(super) async fn carry(
    source: &mut KumaDb,
    database: &Database,
    monitors: &[Known],
) -> anyhow::Result<String> {
    let path = database.path()?;
    let shown = path.display().to_string();
    let store = SqliteStore::open(SqliteOptions {
        path,
        clock: Arc::new(SystemClock::start()),
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
    .await
    .with_context(|| format!("the database {shown} cannot be opened; is `serve` running?"))?;
    let carried = carry_into(source, &store, monitors).await;
    store.close().await?;
    let told = carried?;
    let mut text = format!(
        "{} results and {} incidents of {} monitors were added to {shown}.\n",
        told.results,
        told.incidents,
        monitors.len()
    );
    // Writing into a string does not fail.
    if told.open > 0 {
        let _ = writeln!(
            text,
            "{} incidents were still open; they end with the last result. If the target is still \
             down, a new one opens.",
            told.open
        );
    }
    if told.older > 0 {
        let _ = writeln!(
            text,
            "{} results are not newer than what the database has of their monitors and were left \
             alone.",
            told.older
        );
    }
    Ok(text)
}

#[derive(Debug, Default)]
struct Told {
    results: usize,
    incidents: usize,
    open: usize,
    older: usize,
}

async fn carry_into(
    source: &mut KumaDb,
    store: &SqliteStore,
    monitors: &[Known],
) -> anyhow::Result<Told> {
    let names: Vec<ObjectName> = monitors.iter().map(|known| known.name.clone()).collect();
    let ids = store.intern(&names).await?;
    let newest: HashMap<MonitorId, Timestamp> = store
        .last_results(ShardSet::ALL)
        .await?
        .into_iter()
        .map(|last| (last.monitor, last.heartbeat.at))
        .collect();
    let mut told = Told::default();
    for (known, id) in monitors.iter().zip(ids) {
        let query = IncidentQuery {
            monitor: Some(known.name.clone()),
            limit: 1,
            ..IncidentQuery::default()
        };
        let so_far = store.incidents(query).await?.first().map_or(0, |it| it.id.sequence());
        let after = newest.get(&id).copied();
        let mut replay = Replay::new(id, known.name.clone(), known.interval, after, so_far);
        replay.cover(source.covered(known.id).await?);
        one(source, store, known, &mut replay, &mut told).await?;
    }
    Ok(told)
}

async fn one(
    source: &mut KumaDb,
    store: &SqliteStore,
    known: &Known,
    replay: &mut Replay,
    told: &mut Told,
) -> anyhow::Result<()> {
    let mut from = String::new();
    let mut batch = Batch::default();
    loop {
        let (beats, last) = source.beats(known.id, &from).await?;
        let Some(last) = last else { break };
        for beat in &beats {
            if replay.feed(beat, &mut batch) {
                told.results += 1;
            } else {
                told.older += 1;
            }
            if batch.heartbeats.len() >= BATCH {
                told.incidents += batch.incidents.len();
                write(store, std::mem::take(&mut batch)).await?;
            }
        }
        from = last;
    }
    told.open += usize::from(replay.finish(&mut batch));
    told.incidents += batch.incidents.len();
    write(store, batch).await
}

async fn write(store: &SqliteStore, mut batch: Batch) -> anyhow::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    batch.durable = true;
    store.commit(batch, Fence::Exclusive).await.context("history cannot be written")?;
    Ok(())
}
