//! The one task of a member that commits batches. Routine work lingers to share a transaction;
//! durable work flushes what is pending at once, and to the disk.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_core::id::MonitorId;
use kuma_core::ports::{Batch, CommitReport, Fence, StoreError};
use kuma_core::time::{Clock, Timestamp};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::connect::{self, PATIENCE};
use super::error::{WorkError, closed, silent};
use super::fence::{self, Rows};
use super::live::{Found, Live};
use super::{apply, slots};
use crate::counters::Counters;
use crate::queue::{DURABLE_LINGER, ROUTINE_LINGER, Waiting, batch_rows, gather, lock, same};

/// How often partitions that are missing are made before a transaction is given up.
const ATTEMPTS: u32 = 3;

/// Rows at which a transaction is full. More than in a file of our own: each costs several ways to the
/// server and back, and a COPY one that waits (see `apply::beats`).
const FULL_ROWS: usize = 4000;

/// What may be asked of the writer.
pub(super) enum Work {
    Commit(Box<Batch>, Fence),
    Close,
}

/// Work with the address of who waits for it.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Result<CommitReport, StoreError>>,
}

impl Job {
    fn is_durable(&self) -> bool {
        match &self.work {
            Work::Commit(batch, _) => batch.durable,
            Work::Close => true,
        }
    }
}

impl Waiting for Job {
    fn rows(&self) -> usize {
        match &self.work {
            Work::Commit(batch, _) => batch_rows(batch),
            Work::Close => 0,
        }
    }

    fn linger(&self) -> Duration {
        if self.is_durable() { DURABLE_LINGER } else { ROUTINE_LINGER }
    }
}

/// The writer's belongings.
pub(super) struct Writer {
    /// Made when needed, and anew after trouble.
    pub(super) connection: Option<PgConnection>,
    pub(super) options: PgConnectOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) live: Arc<Mutex<Live>>,
    pub(super) counters: Arc<Counters>,
}

/// What a transaction must remember until it is committed.
pub(super) struct Scope<'a> {
    /// As of the last commit.
    pub(super) live: &'a Mutex<Live>,
    /// Monitors heard of in this transaction.
    pub(super) heard: HashSet<MonitorId>,
    /// The newest heartbeats that this transaction writes.
    pub(super) tips: HashMap<MonitorId, (i64, u16)>,
    /// The wall clock.
    pub(super) now: Timestamp,
}

impl Scope<'_> {
    /// For a monitor that was taken over and not heard of since: until when what was heard before
    /// vouches for it.
    pub(super) fn unheard(&self, monitor: MonitorId) -> Option<i64> {
        let live = lock(self.live);
        (live.unheard.contains(&monitor) && !self.heard.contains(&monitor))
            .then(|| live.heard_until(monitor))
    }
}

impl Writer {
    /// Works until the queue ends or somebody asks to close.
    pub(super) async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Job>) {
        while let Some(first) = queue.recv().await {
            let mut jobs = gather(&mut queue, first, FULL_ROWS).await;
            self.counters.took(rows_of(&jobs));
            let close = jobs.iter().position(|job| matches!(job.work, Work::Close));
            let close = close.map(|at| jobs.remove(at));
            self.flush(jobs).await;
            if let Some(close) = close {
                queue.close();
                let rest: Vec<Job> = std::iter::from_fn(|| queue.try_recv().ok()).collect();
                self.counters.took(rows_of(&rest));
                self.flush(rest).await;
                self.finish().await;
                let _ = close.reply.send(Ok(CommitReport::default()));
                return;
            }
        }
        self.finish().await;
    }

    /// Says goodbye to the server, if it listens.
    async fn finish(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = timeout(Duration::from_secs(1), connection.close()).await;
        }
    }

    /// Commits jobs together; if one of them cannot be done, each alone, so that it ends nobody
    /// else's.
    async fn flush(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        match self.attempt(&jobs).await {
            Ok(done) => answer(jobs, done),
            Err(StoreError::Unavailable(why)) => refuse(jobs, &StoreError::Unavailable(why)),
            Err(_) if jobs.len() > 1 => {
                for job in jobs {
                    match self.attempt(std::slice::from_ref(&job)).await {
                        Ok(done) => answer(vec![job], done),
                        Err(error) => refuse(vec![job], &error),
                    }
                }
            }
            Err(error) => refuse(jobs, &error),
        }
    }

    /// One transaction. Nothing of it remains if it fails.
    async fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<CommitReport>, StoreError> {
        let started = self.clock.mono();
        let mut result = Err(closed());
        for _ in 0..ATTEMPTS {
            result = match self.transaction(jobs).await {
                Err(WorkError::Slots(missing)) => match self.make(&missing).await {
                    Ok(()) => Err(WorkError::Slots(missing).into()),
                    Err(error) => Err(error),
                },
                other => other.map_err(StoreError::from),
            };
            // Only partitions that are there now make another attempt worth it.
            if !matches!(&result, Err(StoreError::Unavailable(why)) if why.contains("no partition"))
            {
                break;
            }
        }
        match &result {
            Ok(done) => {
                let took = self.clock.mono().since(started);
                self.counters.committed(rows_of(jobs), took);
                self.counters.refused.add(done.iter().map(|report| report.refused).sum());
            }
            Err(error) => {
                self.counters.errors.inc();
                tracing::debug!(%error, "the store did not commit");
            }
        }
        result
    }

    async fn transaction(&mut self, jobs: &[Job]) -> Result<Vec<CommitReport>, WorkError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect::one(&self.options).await?,
        };
        let within = timeout(PATIENCE, self.within(&mut connection, jobs)).await;
        let result = within.unwrap_or_else(|_| Err(silent().into()));
        match &result {
            Ok(_) => self.connection = Some(connection),
            Err(error) => {
                // The answer to a COMMIT may be what was lost.
                lock(&self.live).doubtful = true;
                let gone = match error {
                    WorkError::Sql(error) => !matches!(error, sqlx::Error::Database(_)),
                    WorkError::Store(error) => matches!(error, StoreError::Unavailable(_)),
                    WorkError::Slots(_) => false,
                };
                let undo = sqlx::query("ROLLBACK").execute(&mut connection);
                if !gone && matches!(timeout(PATIENCE, undo).await, Ok(Ok(_))) {
                    self.connection = Some(connection);
                }
            }
        }
        result
    }

    async fn within(
        &self,
        connection: &mut PgConnection,
        jobs: &[Job],
    ) -> Result<Vec<CommitReport>, WorkError> {
        let durable = jobs.iter().any(Job::is_durable);
        let begin = if durable { "BEGIN" } else { "BEGIN; SET LOCAL synchronous_commit = off" };
        sqlx::raw_sql(begin).execute(&mut *connection).await?;
        let batches: Vec<(&Batch, &Fence)> = jobs
            .iter()
            .filter_map(|job| match &job.work {
                Work::Commit(batch, fence) => Some((&**batch, fence)),
                Work::Close => None,
            })
            .collect();
        let rights = fence::check(connection, &batches).await?;
        self.take_over(connection, &batches).await?;
        let mut rows = Rows::default();
        let mut reports = Vec::with_capacity(jobs.len());
        for ((batch, _), right) in batches.iter().zip(rights) {
            let refused = rows.take(batch, right);
            let written = (batch_rows(batch) as u64).saturating_sub(refused);
            reports.push(CommitReport { rows: written, refused });
        }
        let mut scope = Scope {
            live: &self.live,
            heard: HashSet::new(),
            tips: HashMap::new(),
            now: self.clock.now().wall,
        };
        apply::all(connection, &mut scope, &rows).await?;
        let Scope { heard, tips, .. } = scope;
        sqlx::query("COMMIT").execute(connection).await?;
        let mut live = lock(&self.live);
        live.tips.extend(tips);
        for monitor in heard {
            live.unheard.remove(&monitor);
        }
        Ok(reports)
    }

    /// Learns what the members before wrote about shards that are ours now; and, after an answer
    /// that was lost, what we wrote ourselves. The locks of the fence are held: what is read stays.
    async fn take_over(
        &self,
        connection: &mut PgConnection,
        batches: &[(&Batch, &Fence)],
    ) -> sqlx::Result<()> {
        let mut read = None;
        for (_, fence) in batches {
            let Fence::Held(held) = fence else { continue };
            let new = lock(&self.live).taken_over(held);
            if !new.is_empty() {
                let found = Found::read(connection, new).await?;
                lock(&self.live).take_over(held, &found);
                read = Some(());
            }
        }
        let doubtful = lock(&self.live).doubtful;
        if doubtful {
            if read.is_none() {
                let found = Found::read(connection, kuma_core::shard::ShardSet::NONE).await?;
                lock(&self.live).take_over(&kuma_core::shard::Held::default(), &found);
            }
            lock(&self.live).doubtful = false;
        }
        Ok(())
    }

    /// Makes partitions.
    async fn make(&mut self, missing: &[i64]) -> Result<(), StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect::one(&self.options).await?,
        };
        let made = timeout(PATIENCE, slots::make(&mut connection, missing)).await;
        match made {
            Ok(Ok(())) => {
                self.connection = Some(connection);
                Ok(())
            }
            Ok(Err(error)) => Err(WorkError::Sql(error).into()),
            Err(_) => Err(silent()),
        }
    }
}

fn rows_of(jobs: &[Job]) -> usize {
    jobs.iter().map(Waiting::rows).sum()
}

fn answer(jobs: Vec<Job>, done: Vec<CommitReport>) {
    for (job, done) in jobs.into_iter().zip(done) {
        // Who no longer waits does not mind.
        let _ = job.reply.send(Ok(done));
    }
}

fn refuse(jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        let _ = job.reply.send(Err(same(error)));
    }
}
