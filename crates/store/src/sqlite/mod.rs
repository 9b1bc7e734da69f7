//! One SQLite file. One task writes ([`writer`]); a few read-only connections read.

mod apply;
mod check;
mod error;
mod fold;
mod hot;
mod live;
mod lock;
mod names;
mod open;
mod outbox;
mod port;
mod read;
mod replay;
mod retention;
mod schema;
mod seal;
mod sql;
mod stats;
mod work;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{StoreError, StoreResult};
use kuma_core::time::Clock;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{OnceCell, mpsc, oneshot};

use crate::counters::Counters;

pub use check::CheckReport;
use error::store_error;
use live::Live;
pub use replay::Replay;
use work::{Done, Work};
use writer::{Job, Writer};

/// How to open the store.
#[derive(Clone)]
pub struct SqliteOptions {
    /// The database file; made when missing, readable only by its owner.
    pub path: PathBuf,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Written into the file, so that an older program can say which version it needs.
    pub product_version: String,
}

/// The store in one SQLite file.
///
/// # Guarantees
/// What a durable commit has answered survives a crash of the machine; what a routine commit has
/// answered survives a crash of the process. Batches are committed in the order in which
/// `commit` was called. One process writes at a time.
pub struct SqliteStore {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    /// None when opened to read only.
    queue: Option<mpsc::UnboundedSender<Job>>,
    readers: RwLock<Readers>,
    live: Arc<Mutex<Live>>,
    /// For a reader, which loads what it needs of [`Live`] when first asked.
    loaded: OnceCell<()>,
    names: Arc<Mutex<HashMap<ObjectName, MonitorId>>>,
    counters: Arc<Counters>,
    /// The slot that is being sealed.
    sealing: tokio::sync::Mutex<Option<seal::Sealing>>,
}

/// The pool and the file that it was made for.
struct Readers {
    pool: SqlitePool,
    identity: Option<(u64, u64)>,
}

impl SqliteStore {
    /// Opens the file for writing, makes it when missing and brings it to the newest layout, with
    /// a backup beside it before the layout changes. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::TooNew`] when a newer
    /// version wrote it, [`StoreError::Unavailable`] when it cannot be made or opened,
    /// [`StoreError::Damaged`] with what to do about it when it cannot be read,
    /// [`StoreError::Invalid`] when it is another program's.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let lock = lock::Lock::take(&options.path)?;
        let now = options.clock.now().wall;
        let connection = open::writer(&options.path, &options.product_version, now).await?;
        Self::start(options, connection, lock).await
    }

    /// Begins to write through a connection.
    async fn start(
        options: SqliteOptions,
        mut connection: SqliteConnection,
        lock: lock::Lock,
    ) -> Result<Self, StoreError> {
        let loaded = load(&mut connection).await.map_err(|error| store_error(&error));
        let (live, names) = loaded.map_err(|error| open::advise(&options.path, error))?;
        let (queue, jobs) = mpsc::unbounded_channel();
        let store = Self {
            queue: Some(queue),
            live: Arc::new(Mutex::new(live)),
            loaded: OnceCell::new_with(Some(())),
            names: Arc::new(Mutex::new(names)),
            ..Self::reader(options.path, options.clock)
        };
        let writer = Writer {
            connection: Some(connection),
            identity: open::identity(&store.path),
            folded: store.clock.now().mono,
            fold: None,
            syncs: true,
            path: store.path.clone(),
            product_version: options.product_version,
            clock: store.clock.clone(),
            live: store.live.clone(),
            names: store.names.clone(),
            counters: store.counters.clone(),
            _lock: lock,
        };
        tokio::spawn(writer.run(jobs));
        Ok(store)
    }

    /// Opens an existing file for questions only, beside whoever writes it. `clock` bounds states
    /// that last until now.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], but never [`StoreError::Locked`]. Everything that writes answers
    /// [`StoreError::Invalid`].
    pub async fn open_read_only(path: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Unavailable(format!("{} does not exist", path.display())));
        }
        let store = Self::reader(path, clock);
        let mut connection = store.connection().await?;
        let known = i64::try_from(schema::MIGRATIONS.len()).unwrap_or(i64::MAX);
        let found = schema::check_version(&mut connection, known).await?;
        if found < known {
            return Err(StoreError::Invalid(format!(
                "the database has schema {found}; start the program once to bring it to {known}"
            )));
        }
        drop(connection);
        Ok(store)
    }

    fn reader(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            readers: RwLock::new(Readers {
                pool: open::readers(&path),
                identity: open::identity(&path),
            }),
            path,
            clock,
            queue: None,
            live: Arc::default(),
            loaded: OnceCell::new(),
            names: Arc::default(),
            counters: Arc::default(),
            sealing: tokio::sync::Mutex::default(),
        }
    }

    /// A consistent copy into a new file, while the store is in use.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the file exists.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        schema::vacuum_into(&mut connection, to).await
    }

    /// Rewrites the file without gaps. Nothing is written meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a reader; [`StoreError::Unavailable`] when the disk is full.
    pub async fn vacuum(&self) -> Result<(), StoreError> {
        self.ask(Work::Vacuum).await.map(drop)
    }

    /// Hands work to the writer now; the future only waits for the answer.
    fn ask(&self, work: Work) -> StoreResult<'static, Done> {
        let Some(queue) = &self.queue else {
            return refused(StoreError::Invalid("opened to read only".to_owned()));
        };
        let rows = work.rows();
        if !self.counters.admit(rows) {
            return refused(StoreError::Unavailable(
                "more waits to be written than may wait".to_owned(),
            ));
        }
        let (reply, answer) = oneshot::channel();
        if queue.send(Job { work, reply }).is_err() {
            return refused(closed());
        }
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(closed())) })
    }

    /// The pool, made anew when the file was replaced.
    fn pool(&self) -> SqlitePool {
        let found = open::identity(&self.path);
        let readers = self.readers.read().unwrap_or_else(PoisonError::into_inner);
        if readers.identity == found {
            return readers.pool.clone();
        }
        drop(readers);
        let mut readers = self.readers.write().unwrap_or_else(PoisonError::into_inner);
        if readers.identity != found {
            *readers = Readers { pool: open::readers(&self.path), identity: found };
        }
        readers.pool.clone()
    }

    async fn connection(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Sqlite>, StoreError> {
        let acquired = self.pool().acquire().await;
        acquired.map_err(|error| store_error(&error))
    }

    /// What is known beyond the file; a reader loads it when first asked.
    async fn live(&self) -> sqlx::Result<&Mutex<Live>> {
        let load = async {
            let mut connection = self.pool().acquire().await?;
            *writer::lock(&self.live) = Live::load(&mut connection).await?;
            Ok::<_, sqlx::Error>(())
        };
        self.loaded.get_or_try_init(|| load).await?;
        Ok(&self.live)
    }
}

type Names = HashMap<ObjectName, MonitorId>;

async fn load(connection: &mut SqliteConnection) -> sqlx::Result<(Live, Names)> {
    let live = Live::load(connection).await?;
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT id, namespace, name FROM monitor").fetch_all(connection).await?;
    let names = rows
        .into_iter()
        .map(|(id, namespace, name)| (ObjectName::new(namespace, name), MonitorId(id)));
    Ok((live, names.collect()))
}

fn refused<T: Send + 'static>(error: StoreError) -> StoreResult<'static, T> {
    Box::pin(std::future::ready(Err(error)))
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use kuma_core::ports::{AuditEvent, AuditQuery, Batch, Fence, Store};
    use kuma_core::time::{Mono, Now, from_ms};
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    struct Then;
    impl Clock for Then {
        fn now(&self) -> Now {
            Now { mono: Mono(0), wall: from_ms(1_767_225_600_000) }
        }
    }

    /// A kilobyte to be written.
    fn kilobyte(ms: i64) -> Batch {
        let event = AuditEvent {
            at: from_ms(ms),
            resource_type: "Monitor".to_owned(),
            resource_key: "shop/web".to_owned(),
            event_type: "applied".to_owned(),
            actor: None,
            summary: Some("x".repeat(1000)),
            details: None,
        };
        Batch { audit: vec![event], durable: true, ..Batch::default() }
    }

    #[tokio::test]
    async fn a_full_disk_is_unavailable_and_over_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubekuma.db");
        let options = SqliteOptions {
            path: path.clone(),
            clock: Arc::new(Then),
            product_version: "0.1.0".to_owned(),
        };
        let lock = lock::Lock::take(&path).unwrap();
        let mut connection = open::writer(&path, "0.1.0", from_ms(0)).await.unwrap();
        // SQLite answers the same (SQLITE_FULL) when the file system has no room.
        sqlx::query("PRAGMA max_page_count = 120").execute(&mut connection).await.unwrap();
        let store = SqliteStore::start(options, connection, lock).await.unwrap();
        let mut written = 0;
        let refused = loop {
            match store.commit(kilobyte(written), Fence::Exclusive).await {
                Ok(_) => written += 1,
                Err(refused) => break refused,
            }
            assert!(written < 1000, "the limit holds");
        };
        let text = refused.to_string();
        assert!(matches!(refused, StoreError::Unavailable(_)) && text.contains("full"), "{text}");
        let query = || AuditQuery { limit: 9999, ..AuditQuery::default() };
        let found = store.audit(query()).await.unwrap();
        assert_eq!(i64::try_from(found.len()).unwrap(), written, "what was answered can be read");
        let again = store.commit(kilobyte(written), Fence::Exclusive).await;
        assert!(matches!(again, Err(StoreError::Unavailable(_))));
        let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        sqlx::query("DELETE FROM audit WHERE at < 1000").execute(&mut other).await.unwrap();
        store.commit(kilobyte(5000), Fence::Exclusive).await.unwrap();
        store.ping().await.unwrap();
        assert_eq!(store.audit(query()).await.unwrap().len(), 1);
        store.close().await.unwrap();
    }
}
