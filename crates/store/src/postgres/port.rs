//! The port, question by question.

use std::time::Duration;

use kuma_core::id::{IdMap, IncidentId, MonitorId, ObjectName};
use kuma_core::ports::{
    AuditEvent, AuditQuery, Batch, Claim, CommitReport, Delivery, DeliveryEnd, Fence, Heartbeat,
    Incident, IncidentQuery, LastResult, LatencyStep, PushArrival, Standing, StateRow, Store,
    StoreResult, StoredObject, UptimeSums,
};
use kuma_core::settings::RetentionSettings;
use kuma_core::shard::ShardSet;
use kuma_core::time::Timestamp;

use super::connect::UPKEEP_PATIENCE;
use super::writer::Work;
use super::{PostgresStore, apply, outbox, read, refused, upkeep};
use crate::queue::lock;

/// Runs a question and translates its error.
macro_rules! ask {
    ($query:expr) => {
        Self::ask(async move { Ok($query.await?) })
    };
}

impl Store for PostgresStore {
    fn intern<'a>(&'a self, names: &'a [ObjectName]) -> StoreResult<'a, Vec<MonitorId>> {
        Self::ask(async move {
            let known: Option<Vec<MonitorId>> = {
                let map = lock(&self.names);
                names.iter().map(|name| map.get(name).copied()).collect()
            };
            if let Some(ids) = known
                && !self.pool.is_closed()
            {
                return Ok(ids);
            }
            let ids = apply::intern(&self.pool, names).await?;
            let pairs = names.iter().cloned().zip(ids.iter().copied());
            lock(&self.names).extend(pairs);
            Ok(ids)
        })
    }

    fn names(&self) -> StoreResult<'_, IdMap<ObjectName>> {
        ask!(read::names(&self.pool))
    }

    fn commit(&self, batch: Batch, fence: Fence) -> StoreResult<'_, CommitReport> {
        if batch.is_empty() && !batch.durable {
            return Box::pin(std::future::ready(Ok(CommitReport::default())));
        }
        self.tell(batch, fence)
    }

    fn load_states(&self, of: ShardSet) -> StoreResult<'_, Vec<StateRow>> {
        ask!(read::load_states(&self.pool, of))
    }

    fn states_since(&self, cursor: i64) -> StoreResult<'_, (Vec<StateRow>, i64)> {
        ask!(read::states_since(&self.pool, cursor))
    }

    fn load_objects(&self) -> StoreResult<'_, Vec<StoredObject>> {
        ask!(read::load_objects(&self.pool))
    }

    fn last_results(&self, of: ShardSet) -> StoreResult<'_, Vec<LastResult>> {
        ask!(read::last_results(&self.pool, of))
    }

    fn incidents(&self, query: IncidentQuery) -> StoreResult<'_, Vec<Incident>> {
        ask!(read::incidents(&self.pool, query))
    }

    fn heartbeats(
        &self,
        monitor: MonitorId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> StoreResult<'_, Vec<Heartbeat>> {
        ask!(read::heartbeats(&self.pool, monitor, (from, to), limit))
    }

    fn evidence(&self, monitor: MonitorId, at: Timestamp) -> StoreResult<'_, Option<String>> {
        ask!(read::evidence(&self.pool, monitor, at))
    }

    fn uptime<'a>(
        &'a self,
        monitors: &'a [MonitorId],
        from: Timestamp,
        to: Timestamp,
    ) -> StoreResult<'a, Vec<UptimeSums>> {
        let now = self.clock.now().wall;
        ask!(read::uptime(&self.pool, &self.live, monitors, (from, to), now))
    }

    fn latency(
        &self,
        monitor: MonitorId,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> StoreResult<'_, Vec<LatencyStep>> {
        Self::ask(read::latency(&self.pool, monitor, (from, to), step))
    }

    fn push(&self, arrival: PushArrival) -> StoreResult<'_, PushArrival> {
        let now = self.clock.now().wall;
        Self::ask(async move { Ok(apply::push(&self.pool, now, &arrival).await?) })
    }

    fn pending_pushes(&self, of: ShardSet) -> StoreResult<'_, Vec<PushArrival>> {
        ask!(read::pending_pushes(&self.pool, of))
    }

    fn claim<'a>(
        &'a self,
        now: Timestamp,
        busy: &'a [ObjectName],
        limit: u32,
    ) -> StoreResult<'a, Vec<Claim>> {
        ask!(outbox::claim(&self.pool, &self.member, now, busy, limit))
    }

    fn freeze<'a>(&'a self, key: &'a str, payload: &'a [u8]) -> StoreResult<'a, ()> {
        Self::ask(outbox::freeze(&self.pool, &self.member, key, payload))
    }

    fn finish<'a>(
        &'a self,
        key: &'a str,
        end: DeliveryEnd,
        latency: Duration,
        now: Timestamp,
    ) -> StoreResult<'a, ()> {
        Self::ask(
            async move { outbox::finish(&self.pool, &self.member, key, &end, latency, now).await },
        )
    }

    fn standing<'a>(
        &'a self,
        provider: &'a ObjectName,
        since: Timestamp,
    ) -> StoreResult<'a, Vec<Standing>> {
        ask!(outbox::standing(&self.pool, provider, since))
    }

    fn recover_sending(&self, now: Timestamp) -> StoreResult<'_, u64> {
        ask!(outbox::recover(&self.pool, &self.member, now))
    }

    fn requeue_dead<'a>(
        &'a self,
        provider: &'a ObjectName,
        now: Timestamp,
    ) -> StoreResult<'a, u64> {
        ask!(outbox::requeue_dead(&self.pool, provider, now))
    }

    fn next_due(&self) -> StoreResult<'_, Option<Timestamp>> {
        ask!(read::next_due(&self.pool))
    }

    fn provider_pauses(&self) -> StoreResult<'_, Vec<(ObjectName, Timestamp)>> {
        ask!(read::pauses(&self.pool))
    }

    fn pause_provider<'a>(
        &'a self,
        provider: &'a ObjectName,
        until: Timestamp,
    ) -> StoreResult<'a, ()> {
        ask!(outbox::pause(&self.pool, provider, until))
    }

    fn deliveries(
        &self,
        incident: Option<IncidentId>,
        limit: u32,
    ) -> StoreResult<'_, Vec<Delivery>> {
        ask!(read::deliveries(&self.pool, incident, limit))
    }

    fn outbox_backlog(&self, now: Timestamp) -> StoreResult<'_, (u64, Option<Duration>)> {
        ask!(read::backlog(&self.pool, now))
    }

    fn audit(&self, query: AuditQuery) -> StoreResult<'_, Vec<AuditEvent>> {
        ask!(read::audit(&self.pool, query))
    }

    fn retention_step(
        &self,
        now: Timestamp,
        retention: RetentionSettings,
    ) -> StoreResult<'_, bool> {
        Self::ask_within(UPKEEP_PATIENCE, async move {
            upkeep::step(&self.pool, &self.bytes, now, &retention).await
        })
    }

    fn ping(&self) -> StoreResult<'_, ()> {
        if self.queue.is_none() {
            return ask!(read::ping(&self.pool));
        }
        // An empty durable batch: the writer opens a transaction, after all that waits.
        let batch = Batch { durable: true, ..Batch::default() };
        let answer = self.tell(batch, Fence::Exclusive);
        Box::pin(async move { answer.await.map(drop) })
    }

    fn close(&self) -> StoreResult<'_, ()> {
        if self.queue.as_ref().is_some_and(tokio::sync::mpsc::UnboundedSender::is_closed) {
            return refused(super::closed());
        }
        let writer = self.queue.is_some().then(|| self.queue(Work::Close));
        Box::pin(async move {
            let closed = match writer {
                Some(closed) => closed.await.map(drop),
                None => Ok(()),
            };
            // Whoever still asks is not waited for.
            let _ = tokio::time::timeout(Duration::from_secs(2), self.pool.close()).await;
            closed
        })
    }
}
