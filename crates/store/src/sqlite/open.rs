//! How connections to the file are made.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use kuma_core::ports::StoreError;
use kuma_core::time::Timestamp;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqliteConnection};

use super::error::store_error;
use super::schema::{self, APPLICATION_ID, MIGRATIONS};

/// How long the writer waits for another connection's lock before it says "unavailable".
const WRITER_PATIENCE: Duration = Duration::from_secs(1);
const READERS: u32 = 4;

/// Creates an empty file that only its owner may read; leaves an existing one alone unless
/// `must_be_new`.
pub(super) fn create_private(path: &Path, must_be_new: bool) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !must_be_new => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(StoreError::Invalid(format!("{} exists already", path.display())))
        }
        Err(error) => Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
    }
}

/// The one connection that writes, on a file brought to the newest layout.
pub(super) async fn writer(
    path: &Path,
    product_version: &str,
    now: Timestamp,
) -> Result<SqliteConnection, StoreError> {
    create_private(path, false)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WRITER_PATIENCE)
        .foreign_keys(true);
    let made = made(path, options, product_version, now).await;
    made.map_err(|error| advise(path, error))
}

async fn made(
    path: &Path,
    options: SqliteConnectOptions,
    product_version: &str,
    now: Timestamp,
) -> Result<SqliteConnection, StoreError> {
    let mut connection = connect(options.clone()).await?;
    // Never touch another program's file, not even its journal mode.
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = schema::check_version(&mut connection, known).await?;
    if found == 0 {
        drop(connection);
        let first = options.clone().pragma("application_id", APPLICATION_ID.to_string());
        connection = connect(first.journal_mode(SqliteJournalMode::Wal)).await?;
    }
    schema::migrate(&mut connection, path, MIGRATIONS, product_version, now).await?;
    Ok(connection)
}

/// What to do about a file that cannot be read: said with the error, with the newest backup found
/// beside it.
pub(super) fn advise(path: &Path, error: StoreError) -> StoreError {
    let StoreError::Damaged(text) = error else { return error };
    let shown = path.display();
    let backup = newest_backup(path).map_or_else(
        || "restore a backup made with `kubekuma db backup` under its name".to_owned(),
        |backup| format!("restore a backup under its name (the newest beside it is {backup})"),
    );
    StoreError::Damaged(format!(
        "{shown}: {text}; move the file and its -wal and -shm aside, then {backup}, or start \
         without one, with an empty history; configuration is not in it"
    ))
}

/// The youngest copy that was made before the layout changed.
fn newest_backup(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or_else(|| Path::new("."))).ok()?;
    let backups = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let file = entry.file_name().into_string().ok()?;
        let rest = file.strip_prefix(name)?;
        rest.strip_prefix(".v")?.strip_suffix(".bak")?;
        let modified = entry.metadata().ok()?.modified().ok()?;
        Some((modified, file))
    });
    backups.max().map(|(_, file)| file)
}

async fn connect(options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    options.connect().await.map_err(|error| store_error(&error))
}

/// A few connections that read.
pub(super) fn readers(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(Duration::from_secs(2));
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options)
}

/// The file's identity, to notice that it was removed or replaced.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}
