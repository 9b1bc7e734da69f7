//! The one task that writes. Routine work lingers to share a transaction; durable work flushes
//! what is pending at once, and to the disk.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::StoreError;
use kuma_core::time::{Clock, Mono};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::error::{store_error, wants_reopen};
use super::fold::Fold;
use super::live::Live;
use super::lock::Lock;
use super::work::{Done, Scope, Work, WorkError, run};
use super::{apply, fold, open};
use crate::counters::Counters;
pub(super) use crate::queue::lock;
use crate::queue::{FULL_ROWS, Waiting, gather, same};

/// A late result must not make every transaction store sketches.
const FOLD_PAUSE: Duration = Duration::from_secs(60);
/// Pause between two small steps of storing sketches.
const FOLD_STEP_PAUSE: Duration = Duration::from_millis(5);

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Done, StoreError>>;

/// Work with the address of who waits for it.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reply: Reply,
}

impl Waiting for Job {
    fn rows(&self) -> usize {
        self.work.rows()
    }

    fn linger(&self) -> Duration {
        self.work.linger()
    }
}

/// The writer's belongings.
pub(super) struct Writer {
    pub(super) connection: Option<SqliteConnection>,
    /// Device and inode of the open file.
    pub(super) identity: Option<(u64, u64)>,
    /// When sketches were last stored.
    pub(super) folded: Mono,
    /// Storing sketches, while it is under way.
    pub(super) fold: Option<Fold>,
    /// Whether the connection syncs each commit to the disk.
    pub(super) syncs: bool,
    pub(super) path: PathBuf,
    pub(super) product_version: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) live: Arc<Mutex<Live>>,
    pub(super) names: Arc<Mutex<HashMap<ObjectName, MonitorId>>>,
    pub(super) counters: Arc<Counters>,
    /// Dropped last, after the file is closed.
    pub(super) _lock: Lock,
}

impl Writer {
    /// Works until the queue ends or somebody asks to close.
    pub(super) async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Job>) {
        while let Some(first) = self.next(&mut queue).await {
            let mut jobs = gather(&mut queue, first, FULL_ROWS).await;
            self.counters.took(rows_of(&jobs));
            let close = jobs
                .iter()
                .position(|job| matches!(job.work, Work::Close))
                .map(|at| jobs.remove(at));
            self.flush(jobs).await;
            self.fold_if_due().await;
            if let Some(close) = close {
                queue.close();
                let rest: Vec<Job> = std::iter::from_fn(|| queue.try_recv().ok()).collect();
                self.counters.took(rows_of(&rest));
                self.flush(rest).await;
                let closed = self.finish().await;
                drop(self);
                let _ = close.reply.send(closed.map(|()| Done::Nothing));
                return;
            }
        }
        let _ = self.finish().await;
    }

    /// The next job; between jobs, what is being folded goes on.
    async fn next(&mut self, queue: &mut mpsc::UnboundedReceiver<Job>) -> Option<Job> {
        while self.fold.is_some() {
            if let Ok(job) = timeout(FOLD_STEP_PAUSE, queue.recv()).await {
                return job;
            }
            self.fold_step().await;
        }
        queue.recv().await
    }

    /// Commits jobs together; if one of them cannot be done, each alone, so that it ends nobody
    /// else's.
    async fn flush(&mut self, mut jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        if let Some(at) = jobs.iter().position(|job| matches!(job.work, Work::Vacuum)) {
            let vacuum = jobs.remove(at);
            Box::pin(self.flush(jobs)).await;
            let done = self.vacuum().await;
            let _ = vacuum.reply.send(done);
            return;
        }
        match self.attempt(&jobs).await {
            Ok(done) => answer(jobs, done),
            Err(Failure::One(_)) if jobs.len() > 1 => {
                for job in jobs {
                    match self.attempt(std::slice::from_ref(&job)).await {
                        Ok(done) => answer(vec![job], done),
                        Err(failure) => refuse(vec![job], &failure),
                    }
                }
            }
            Err(failure) => refuse(jobs, &failure),
        }
    }

    /// One transaction. Nothing of it remains if it fails.
    async fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Done>, Failure> {
        let started = self.clock.now();
        let result = self.transaction(jobs).await;
        let took = self.clock.now().mono.since(started.mono);
        match &result {
            Ok(_) => {
                let rows = rows_of(jobs);
                self.counters.committed(rows, took);
            }
            Err(failure) => {
                self.counters.errors.inc();
                tracing::debug!(error = %failure.error(), "the store did not commit");
            }
        }
        result
    }

    async fn transaction(&mut self, jobs: &[Job]) -> Result<Vec<Done>, Failure> {
        self.ensure_open().await.map_err(Failure::All)?;
        let Some(mut connection) = self.connection.take() else {
            return Err(Failure::All(StoreError::Unavailable("closed".to_owned())));
        };
        let durable = jobs.iter().any(|job| job.work.is_durable());
        let result = self.within(&mut connection, jobs, durable).await;
        match result {
            Ok(done) => {
                self.connection = Some(connection);
                Ok(done)
            }
            Err(error) => {
                let rolled_back = sqlx::query("ROLLBACK").execute(&mut connection).await;
                let gone = matches!(&error, WorkError::Sql(error) if wants_reopen(error));
                // A failed ROLLBACK is normal when SQLite has already undone the transaction.
                if !gone && (rolled_back.is_ok() || self.is_idle(&mut connection).await) {
                    self.connection = Some(connection);
                }
                Err(Failure::from(error))
            }
        }
    }

    async fn is_idle(&self, connection: &mut SqliteConnection) -> bool {
        sqlx::query("BEGIN").execute(&mut *connection).await.is_ok()
            && sqlx::query("COMMIT").execute(connection).await.is_ok()
    }

    async fn within(
        &mut self,
        connection: &mut SqliteConnection,
        jobs: &[Job],
        durable: bool,
    ) -> Result<Vec<Done>, WorkError> {
        if self.syncs != durable {
            let level = if durable { "FULL" } else { "NORMAL" };
            let pragma = AssertSqlSafe(format!("PRAGMA synchronous = {level}"));
            sqlx::query(pragma).execute(&mut *connection).await?;
            self.syncs = durable;
        }
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        let mut scope = Scope {
            live: &self.live,
            heard: HashSet::new(),
            tips: HashMap::new(),
            open: HashMap::new(),
            now: self.clock.now().wall,
        };
        apply::heartbeats(connection, &mut scope, jobs).await?;
        let mut done = Vec::with_capacity(jobs.len());
        for job in jobs {
            done.push(run(connection, &mut scope, &job.work).await?);
        }
        let Scope { heard, tips, open, .. } = scope;
        let moves = u64::from(!open.is_empty());
        lock(&self.live).moves += moves;
        let committed = sqlx::query("COMMIT").execute(connection).await;
        let mut live = lock(&self.live);
        live.moves += moves;
        committed?;
        live.open.extend(open);
        live.tips.extend(tips);
        for monitor in heard {
            live.unheard.remove(&monitor);
        }
        for beat in apply::beats_of(jobs) {
            live.see(beat);
        }
        Ok(done)
    }

    /// Opens the file again after an error, or after somebody removed it.
    async fn ensure_open(&mut self) -> Result<(), StoreError> {
        let found = open::identity(&self.path);
        if self.connection.is_some() && found == self.identity {
            return Ok(());
        }
        let moved = found != self.identity;
        self.connection = None;
        tracing::warn!(path = %self.path.display(), "opening the database again");
        let now = self.clock.now().wall;
        let mut connection = open::writer(&self.path, &self.product_version, now).await?;
        if moved {
            let names = lock(&self.names).clone();
            apply::restore_names(&mut connection, &names)
                .await
                .map_err(|error| store_error(&error))?;
            let mut found = Live::default();
            let loaded = async {
                found.load_closed(&mut connection).await?;
                found.load_open(&mut connection).await
            };
            loaded.await.map_err(|error| store_error(&error))?;
            let mut live = lock(&self.live);
            live.closed = found.closed;
            live.open = found.open;
            live.tips.clear();
        }
        self.identity = open::identity(&self.path);
        self.syncs = true;
        self.connection = Some(connection);
        Ok(())
    }

    /// Begins to store the sketches of hours that are over, or goes on.
    async fn fold_if_due(&mut self) {
        if self.fold.is_some() {
            return self.fold_step().await;
        }
        let now = self.clock.now();
        if now.mono.since(self.folded) < FOLD_PAUSE {
            return;
        }
        let Some(until) = fold::due(&lock(&self.live), now.wall) else {
            return;
        };
        self.folded = now.mono;
        if let Some(connection) = &mut self.connection {
            match Fold::begin(connection, &self.live, until).await {
                Ok(fold) => self.fold = Some(fold),
                Err(error) => self.not_folded(&error),
            }
        }
    }

    async fn fold_step(&mut self) {
        let Some(mut fold) = self.fold.take() else { return };
        let Some(connection) = &mut self.connection else { return };
        match fold.step(connection, &self.live).await {
            Ok(true) => self.fold = Some(fold),
            Ok(false) => {}
            Err(error) => {
                let _ = sqlx::query("ROLLBACK").execute(connection).await;
                self.not_folded(&error);
            }
        }
    }

    fn not_folded(&self, error: &sqlx::Error) {
        self.counters.errors.inc();
        tracing::warn!(%error, "latency sketches are not stored yet");
    }

    async fn vacuum(&mut self) -> Result<Done, StoreError> {
        self.ensure_open().await?;
        if let Some(connection) = &mut self.connection {
            sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
                .execute(connection)
                .await
                .map_err(|error| store_error(&error))?;
        }
        Ok(Done::Nothing)
    }

    /// Stores what is only in memory and closes the file.
    async fn finish(&mut self) -> Result<(), StoreError> {
        let Some(mut connection) = self.connection.take() else {
            return Ok(());
        };
        let until = fold::everything(&lock(&self.live));
        let closed = async {
            let mut fold = Fold::begin(&mut connection, &self.live, until).await?;
            while fold.step(&mut connection, &self.live).await? {}
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
            connection.close().await
        };
        closed.await.map_err(|error| store_error(&error))
    }
}

/// Why a transaction failed.
enum Failure {
    /// One job's fault: the others may be tried alone.
    One(StoreError),
    /// The database's: nothing can be written now.
    All(StoreError),
}

impl Failure {
    fn error(&self) -> &StoreError {
        match self {
            Self::One(error) | Self::All(error) => error,
        }
    }
}

impl From<WorkError> for Failure {
    fn from(error: WorkError) -> Self {
        let error = match error {
            WorkError::Sql(error) => store_error(&error),
            WorkError::Store(error) => error,
        };
        match error {
            StoreError::Unavailable(_) => Self::All(error),
            _ => Self::One(error),
        }
    }
}

fn rows_of(jobs: &[Job]) -> usize {
    jobs.iter().map(|job| job.work.rows()).sum()
}

fn answer(jobs: Vec<Job>, done: Vec<Done>) {
    for (job, done) in jobs.into_iter().zip(done) {
        // Who no longer waits does not mind.
        let _ = job.reply.send(Ok(done));
    }
}

fn refuse(jobs: Vec<Job>, failure: &Failure) {
    for job in jobs {
        let _ = job.reply.send(Err(same(failure.error())));
    }
}
