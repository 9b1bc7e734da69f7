//! A PostgreSQL database that several members share. In each, one task commits batches
//! ([`writer`]); a few connections do the rest.

mod apply;
mod connect;
mod error;
mod fence;
mod live;
mod membership;
mod outbox;
mod port;
mod read;
mod schema;
mod slots;
mod sql;
mod stats;
mod upkeep;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{Batch, CommitReport, Fence, StoreError, StoreResult};
use kuma_core::shard::MemberId;
use kuma_core::stats::Counter;
use kuma_core::time::Clock;
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::counters::Counters;
use crate::queue::lock;
use crate::url::PostgresUrl;
use connect::PATIENCE;
use error::{WorkError, closed, silent, store_error};
use live::Live;
use writer::{Job, Work, Writer};

/// How to open the store.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where the database is.
    pub url: PostgresUrl,
    /// Where the time of what is stored comes from. Who may act is decided by the server's clock.
    pub clock: Arc<dyn Clock>,
    /// Written into the database, so that an older program can say which version it needs.
    pub product_version: String,
    /// Who this process is, once per start: `<pod or host>/<something new>`. What stands before
    /// the last `/` is the same for its earlier lives.
    pub member: MemberId,
}

/// The store in a PostgreSQL database.
///
/// # Guarantees
/// What a durable commit has answered survives a crash of the server; what a routine commit has
/// answered survives a crash of this process, and one of the server if it was some hundred
/// milliseconds earlier. Batches are committed in the order in which `commit` was called. Nothing
/// is written for a shard by anybody but its owner by the server's clock. Every call answers within
/// some seconds, with [`StoreError::Unavailable`] while the server is away, and works again when it
/// is back.
pub struct PostgresStore {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    member: MemberId,
    /// None when opened to read only.
    queue: Option<mpsc::UnboundedSender<Job>>,
    live: Arc<Mutex<Live>>,
    names: Mutex<HashMap<ObjectName, MonitorId>>,
    counters: Arc<Counters>,
    bytes: Counter,
}

impl PostgresStore {
    /// Connects and brings the database to the newest layout. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server does not answer or refuses the user,
    /// [`StoreError::TooNew`] when a newer version wrote it and left nothing for this one,
    /// [`StoreError::Invalid`] when the database is another program's or cannot be used. No error
    /// shows the password.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let connect = connect_options(&options.url)?;
        let begun = async {
            let mut connection = connect::one(&connect).await?;
            let migrations = schema::MIGRATIONS;
            schema::migrate(&mut connection, migrations, &options.product_version).await?;
            let live = Live::load(&mut connection).await.map_err(|error| store_error(&error))?;
            Ok::<_, StoreError>((connection, live))
        };
        let (connection, live) = begun.await.map_err(|error| at(&options.url, error))?;
        let (queue, jobs) = mpsc::unbounded_channel();
        let store = Self {
            queue: Some(queue),
            live: Arc::new(Mutex::new(live)),
            ..Self::reader(&connect, options, false)
        };
        let writer = Writer {
            connection: Some(connection),
            options: connect,
            clock: store.clock.clone(),
            live: store.live.clone(),
            counters: store.counters.clone(),
        };
        tokio::spawn(writer.run(jobs));
        Ok(store)
    }

    /// Opens an existing database for questions only, beside whoever writes it.
    ///
    /// # Errors
    /// As [`PostgresStore::open`]. Everything that writes answers an error.
    pub async fn open_read_only(options: PostgresOptions) -> Result<Self, StoreError> {
        let connect = connect_options(&options.url)?;
        let url = options.url.clone();
        let begun = async {
            let mut connection = connect::one(&connect).await?;
            let found = schema::check_version(&mut connection).await?.version;
            let known = i64::try_from(schema::MIGRATIONS.len()).unwrap_or(i64::MAX);
            if found < known {
                return Err(StoreError::Invalid(format!(
                    "the database has schema {found}; start the program once to bring it to {known}"
                )));
            }
            Live::load(&mut connection).await.map_err(|error| store_error(&error))
        };
        let live = begun.await.map_err(|error| at(&url, error))?;
        let store = Self::reader(&connect, options, true);
        *lock(&store.live) = live;
        Ok(store)
    }

    fn reader(connect: &PgConnectOptions, options: PostgresOptions, read_only: bool) -> Self {
        Self {
            pool: connect::pool(connect.clone(), read_only),
            clock: options.clock,
            member: options.member,
            queue: None,
            live: Arc::default(),
            names: Mutex::default(),
            counters: Arc::default(),
            bytes: Counter::default(),
        }
    }

    /// Runs a question or a small transaction, no longer than may be.
    fn ask<'a, T, F>(work: F) -> StoreResult<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, WorkError>> + Send + 'a,
    {
        Self::ask_within(PATIENCE, work)
    }

    fn ask_within<'a, T, F>(patience: Duration, work: F) -> StoreResult<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, WorkError>> + Send + 'a,
    {
        Box::pin(async move {
            match timeout(patience, work).await {
                Ok(done) => done.map_err(StoreError::from),
                Err(_) => Err(silent()),
            }
        })
    }

    /// Hands a batch to the writer now; the future only waits for the answer.
    fn tell(&self, batch: Batch, fence: Fence) -> StoreResult<'static, CommitReport> {
        let rows = crate::queue::batch_rows(&batch);
        if self.queue.is_some() && !self.counters.admit(rows) {
            return refused(StoreError::Unavailable(
                "more waits to be written than may wait".to_owned(),
            ));
        }
        self.queue(Work::Commit(Box::new(batch), fence))
    }

    fn queue(&self, work: Work) -> StoreResult<'static, CommitReport> {
        let Some(queue) = &self.queue else {
            return refused(StoreError::Invalid("opened to read only".to_owned()));
        };
        let (reply, answer) = oneshot::channel();
        if queue.send(Job { work, reply }).is_err() {
            return refused(closed());
        }
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(closed())) })
    }
}

fn connect_options(url: &PostgresUrl) -> Result<PgConnectOptions, StoreError> {
    let options = url.options().map_err(|error| StoreError::Invalid(error.to_string()))?;
    Ok(connect::prepared(options))
}

/// An error of opening, with where the database is.
fn at(url: &PostgresUrl, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(format!("{url}: {text}")),
        StoreError::Invalid(text) => StoreError::Invalid(format!("{url}: {text}")),
        StoreError::Damaged(text) => StoreError::Damaged(format!("{url}: {text}")),
        other => other,
    }
}

fn refused<T: Send + 'static>(error: StoreError) -> StoreResult<'static, T> {
    Box::pin(std::future::ready(Err(error)))
}
