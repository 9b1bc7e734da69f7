//! The port, question by question.

use std::time::Duration;

use kuma_core::id::{IdMap, IncidentId, MonitorId, ObjectName};
use kuma_core::ports::{
    AuditEvent, AuditQuery, Batch, Claim, CommitReport, Delivery, DeliveryEnd, Fence, Heartbeat,
    Incident, IncidentQuery, LastResult, LatencyStep, PushArrival, Standing, StateRow, Store,
    StoreError, StoreResult, StoredObject, UptimeSums,
};
use kuma_core::settings::RetentionSettings;
use kuma_core::shard::ShardSet;
use kuma_core::time::Timestamp;

use super::error::store_error;
use super::work::{Done, Work, WorkError};
use super::writer::lock;
use super::{SqliteStore, names, outbox, read, refused, retention, seal};

/// Runs a query and translates its error.
macro_rules! ask {
    ($query:expr) => {
        Box::pin(async move { $query.await.map_err(|error| store_error(&error)) })
    };
}

/// Waits for the writer and takes the kind of answer that the question has.
macro_rules! tell {
    ($self:ident, $work:expr, $done:pat => $value:expr) => {{
        let answer = $self.ask($work);
        Box::pin(async move {
            match answer.await? {
                $done => Ok($value),
                other => Err(unexpected(&other)),
            }
        })
    }};
}

fn unexpected(done: &Done) -> StoreError {
    StoreError::Damaged(format!("the writer answered another question: {done:?}"))
}

impl Store for SqliteStore {
    fn intern<'a>(&'a self, names: &'a [ObjectName]) -> StoreResult<'a, Vec<MonitorId>> {
        Box::pin(async move {
            let known = |names: &[ObjectName]| -> Option<Vec<MonitorId>> {
                let map = lock(&self.names);
                names.iter().map(|name| map.get(name).copied()).collect()
            };
            if let Some(ids) = known(names) {
                return Ok(ids);
            }
            match self.ask(Work::Intern(names.to_vec())).await? {
                Done::Interned(ids) => {
                    let pairs = names.iter().cloned().zip(ids.iter().copied());
                    lock(&self.names).extend(pairs);
                    Ok(ids)
                }
                other => Err(unexpected(&other)),
            }
        })
    }

    fn commit(&self, batch: Batch, _fence: Fence) -> StoreResult<'_, CommitReport> {
        if batch.is_empty() && !batch.durable {
            return Box::pin(std::future::ready(Ok(CommitReport::default())));
        }
        tell!(self, Work::Commit(Box::new(batch)), Done::Committed(report) => report)
    }

    fn names(&self) -> StoreResult<'_, IdMap<ObjectName>> {
        ask!(names::names(&self.pool()))
    }

    fn load_states(&self, of: ShardSet) -> StoreResult<'_, Vec<StateRow>> {
        Box::pin(async move {
            let rows = read::load_states(&self.pool()).await;
            let mut rows = rows.map_err(|error| store_error(&error))?;
            rows.retain(|row| of.holds(row.monitor));
            Ok(rows)
        })
    }

    /// Nobody else writes to the file, so there is no need to be sparing: all of them, each time.
    fn states_since(&self, cursor: i64) -> StoreResult<'_, (Vec<StateRow>, i64)> {
        Box::pin(async move { Ok((self.load_states(ShardSet::ALL).await?, cursor)) })
    }

    fn load_objects(&self) -> StoreResult<'_, Vec<StoredObject>> {
        ask!(read::load_objects(&self.pool()))
    }

    fn last_results(&self, of: ShardSet) -> StoreResult<'_, Vec<LastResult>> {
        Box::pin(async move {
            let live = self.live().await.map_err(|error| store_error(&error))?;
            let mut last: Vec<LastResult> = lock(live)
                .last
                .values()
                .filter(|heartbeat| of.holds(heartbeat.monitor))
                .map(|heartbeat| LastResult {
                    monitor: heartbeat.monitor,
                    heartbeat: heartbeat.clone(),
                })
                .collect();
            last.sort_unstable_by_key(|last| last.monitor);
            Ok(last)
        })
    }

    fn incidents(&self, query: IncidentQuery) -> StoreResult<'_, Vec<Incident>> {
        ask!(read::incidents(&self.pool(), query))
    }

    fn heartbeats(
        &self,
        monitor: MonitorId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> StoreResult<'_, Vec<Heartbeat>> {
        Box::pin(async move {
            let answer = async {
                let tip = lock(self.live().await?).tips.get(&monitor).copied();
                read::heartbeats(&self.pool(), monitor, (from, to), limit, tip).await
            };
            answer.await.map_err(|error| store_error(&error))
        })
    }

    fn evidence(&self, monitor: MonitorId, at: Timestamp) -> StoreResult<'_, Option<String>> {
        ask!(read::evidence(&self.pool(), monitor, at))
    }

    fn uptime<'a>(
        &'a self,
        monitors: &'a [MonitorId],
        from: Timestamp,
        to: Timestamp,
    ) -> StoreResult<'a, Vec<UptimeSums>> {
        let now = self.clock.now().wall;
        Box::pin(async move {
            let answer = async {
                let live = self.live().await?;
                read::uptime(&self.pool(), live, monitors, (from, to), now).await
            };
            answer.await.map_err(|error| store_error(&error))
        })
    }

    fn latency(
        &self,
        monitor: MonitorId,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> StoreResult<'_, Vec<LatencyStep>> {
        Box::pin(async move {
            let answer = async {
                let live = self.live().await?;
                read::latency(&self.pool(), live, monitor, (from, to), step).await
            };
            answer.await.map_err(|error| match error {
                WorkError::Sql(error) => store_error(&error),
                WorkError::Store(error) => error,
            })
        })
    }

    fn push(&self, arrival: PushArrival) -> StoreResult<'_, PushArrival> {
        tell!(self, Work::Push(arrival), Done::Pushed(arrival) => arrival)
    }

    fn pending_pushes(&self, of: ShardSet) -> StoreResult<'_, Vec<PushArrival>> {
        Box::pin(async move {
            let arrivals = read::pending_pushes(&self.pool()).await;
            let mut arrivals = arrivals.map_err(|error| store_error(&error))?;
            arrivals.retain(|arrival| of.holds(arrival.monitor));
            Ok(arrivals)
        })
    }

    fn claim<'a>(
        &'a self,
        now: Timestamp,
        busy: &'a [ObjectName],
        limit: u32,
    ) -> StoreResult<'a, Vec<Claim>> {
        let busy = busy.to_vec();
        tell!(self, Work::Claim { now, busy, limit }, Done::Claimed(claims) => claims)
    }

    fn freeze<'a>(&'a self, key: &'a str, payload: &'a [u8]) -> StoreResult<'a, ()> {
        let (key, payload) = (key.to_owned(), payload.to_vec());
        tell!(self, Work::Freeze { key, payload }, Done::Nothing => ())
    }

    fn finish<'a>(
        &'a self,
        key: &'a str,
        end: DeliveryEnd,
        latency: Duration,
        now: Timestamp,
    ) -> StoreResult<'a, ()> {
        let work = Work::Finish { key: key.to_owned(), end, latency, now };
        tell!(self, work, Done::Nothing => ())
    }

    fn standing<'a>(
        &'a self,
        provider: &'a ObjectName,
        since: Timestamp,
    ) -> StoreResult<'a, Vec<Standing>> {
        ask!(outbox::standing(&self.pool(), provider, since))
    }

    fn recover_sending(&self, now: Timestamp) -> StoreResult<'_, u64> {
        tell!(self, Work::RecoverSending(now), Done::Count(count) => count)
    }

    fn requeue_dead<'a>(
        &'a self,
        provider: &'a ObjectName,
        now: Timestamp,
    ) -> StoreResult<'a, u64> {
        let provider = provider.clone();
        tell!(self, Work::RequeueDead { provider, now }, Done::Count(count) => count)
    }

    fn next_due(&self) -> StoreResult<'_, Option<Timestamp>> {
        ask!(read::next_due(&self.pool()))
    }

    fn provider_pauses(&self) -> StoreResult<'_, Vec<(ObjectName, Timestamp)>> {
        ask!(read::pauses(&self.pool()))
    }

    fn pause_provider<'a>(
        &'a self,
        provider: &'a ObjectName,
        until: Timestamp,
    ) -> StoreResult<'a, ()> {
        let provider = provider.clone();
        tell!(self, Work::PauseProvider { provider, until }, Done::Nothing => ())
    }

    fn deliveries(
        &self,
        incident: Option<IncidentId>,
        limit: u32,
    ) -> StoreResult<'_, Vec<Delivery>> {
        ask!(read::deliveries(&self.pool(), incident, limit))
    }

    fn outbox_backlog(&self, now: Timestamp) -> StoreResult<'_, (u64, Option<Duration>)> {
        ask!(read::backlog(&self.pool(), now))
    }

    fn audit(&self, query: AuditQuery) -> StoreResult<'_, Vec<AuditEvent>> {
        ask!(read::audit(&self.pool(), query))
    }

    fn retention_step(
        &self,
        now: Timestamp,
        retention: RetentionSettings,
    ) -> StoreResult<'_, bool> {
        Box::pin(async move {
            let keep_from = retention::raw_from(now, &retention);
            if seal::step(self, now, keep_from).await? {
                return Ok(true);
            }
            match self.ask(Work::Retention { now, retention }).await? {
                Done::More(more) => Ok(more),
                other => Err(unexpected(&other)),
            }
        })
    }

    fn ping(&self) -> StoreResult<'_, ()> {
        if self.queue.is_none() {
            return ask!(read::ping(&self.pool()));
        }
        // An empty durable batch: the writer opens a transaction, so a full disk or a lock shows.
        let batch = Batch { durable: true, ..Batch::default() };
        tell!(self, Work::Commit(Box::new(batch)), Done::Committed(_) => ())
    }

    fn close(&self) -> StoreResult<'_, ()> {
        if self.queue.as_ref().is_some_and(tokio::sync::mpsc::UnboundedSender::is_closed) {
            return refused(super::closed());
        }
        let pool = self.pool();
        let writer = self.queue.is_some().then(|| self.ask(Work::Close));
        Box::pin(async move {
            pool.close().await;
            match writer {
                Some(closed) => closed.await.map(drop),
                None => Ok(()),
            }
        })
    }
}
