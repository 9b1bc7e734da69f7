//! The layout's versions, and how a file comes to the newest one.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use kuma_core::ports::StoreError;
use kuma_core::reason::Reason;
use kuma_core::time::Timestamp;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::error::store_error;
use super::sql::MultiInsert;

/// "KKUM", so that `file` and we can tell whose database it is. Never changes.
pub(super) const APPLICATION_ID: i64 = 0x4B4B_554D;
/// How many shards monitors are spread over once several replicas share a store. Never changes
/// for a database.
const SHARDS: u32 = 64;

static REASON: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new("INSERT OR REPLACE INTO reason_code (number, code)", 2, ""));

/// A step from one version of the layout to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// Statements.
    pub(super) sql: &'static str,
}

/// All of them; the position counted from 1 is the version.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { sql: include_str!("../../migrations/0001_tables.sql") },
    Migration { sql: include_str!("../../migrations/0002_views.sql") },
    Migration { sql: include_str!("../../migrations/0003_chunks.sql") },
    Migration { sql: include_str!("../../migrations/0004_receipts.sql") },
];

/// Brings a file to the newest layout, with a backup first if it holds anything.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    migrations: &[Migration],
    product_version: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let found = check_version(connection, known).await?;
    if found == known {
        return seed(connection, product_version).await;
    }
    if found > 0 {
        let backup = backup_path(path, found, now);
        vacuum_into(connection, &backup).await?;
        tracing::info!(from = found, to = known, backup = %backup.display(), "migrating the database");
    }
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for (index, migration) in migrations.iter().enumerate().skip(done) {
        step(connection, migration, index + 1).await.map_err(|error| store_error(&error))?;
    }
    seed(connection, product_version).await
}

/// The version of the layout found, 0 for an empty file.
///
/// # Errors
/// [`StoreError::TooNew`] above `known`, [`StoreError::Invalid`] for another program's file.
pub(super) async fn check_version(
    connection: &mut SqliteConnection,
    known: i64,
) -> Result<i64, StoreError> {
    let (application, tables, version) =
        version(connection).await.map_err(|error| store_error(&error))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Invalid("the file is a database of another program".to_owned()));
    }
    let (found, needs) = version.unwrap_or((0, String::new()));
    if found > known {
        return Err(StoreError::TooNew { found, known, needs });
    }
    Ok(found)
}

async fn version(
    connection: &mut SqliteConnection,
) -> sqlx::Result<(i64, i64, Option<(i64, String)>)> {
    let application: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await?;
    if tables == 0 || application != APPLICATION_ID {
        return Ok((application, tables, None));
    }
    let found = sqlx::query_as(
        "SELECT CAST(value AS INTEGER),
                ifnull((SELECT value FROM meta WHERE key = 'product_version'), '')
         FROM meta WHERE key = 'schema_version'",
    )
    .fetch_optional(&mut *connection)
    .await?;
    Ok((application, tables, found))
}

async fn step(
    connection: &mut SqliteConnection,
    migration: &Migration,
    version: usize,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(migration.sql).execute(&mut *transaction).await?;
    set_meta(&mut transaction, "schema_version", &version.to_string()).await?;
    transaction.commit().await
}

/// What every start makes sure of: constants, and the names of codes for the views.
async fn seed(connection: &mut SqliteConnection, product_version: &str) -> Result<(), StoreError> {
    let seed = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT OR IGNORE INTO meta (key, value) VALUES ('shards', ?)")
            .bind(SHARDS.to_string())
            .execute(&mut *transaction)
            .await?;
        set_meta(&mut transaction, "product_version", product_version).await?;
        REASON
            .run(&mut transaction, Reason::ALL, |query, reason| {
                query.bind(*reason as u16).bind(reason.code())
            })
            .await?;
        transaction.commit().await
    };
    seed.await.map_err(|error| store_error(&error))
}

/// Sets a value of the meta table.
pub(super) async fn set_meta(
    connection: &mut SqliteConnection,
    key: &str,
    value: &str,
) -> sqlx::Result<()> {
    sqlx::query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
        .bind(key)
        .bind(value)
        .execute(connection)
        .await?;
    Ok(())
}

/// A consistent copy of the database into a new file that only its owner may read.
pub(super) async fn vacuum_into(
    connection: &mut SqliteConnection,
    to: &Path,
) -> Result<(), StoreError> {
    super::open::create_private(to, true)?;
    let text =
        to.to_str().ok_or_else(|| StoreError::Invalid(format!("{} is not UTF-8", to.display())))?;
    let sql = format!("VACUUM INTO '{}'", text.replace('\'', "''"));
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map_err(|error| store_error(&error))?;
    Ok(())
}

fn backup_path(path: &Path, version: i64, now: Timestamp) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".v{version}.{}.bak", now.as_millisecond()));
    name.into()
}

#[cfg(test)]
mod tests {
    use kuma_core::time::from_ms;
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    #[tokio::test]
    async fn a_file_with_content_is_backed_up_before_its_layout_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubekuma.db");
        let mut connection = super::super::open::writer(&path, "0.1.0", from_ms(0)).await.unwrap();
        sqlx::query("INSERT INTO monitor (namespace, name) VALUES ('shop', 'web')")
            .execute(&mut connection)
            .await
            .unwrap();
        let mut longer = MIGRATIONS.to_vec();
        longer.push(Migration {
            sql: "ALTER TABLE monitor ADD COLUMN extra TEXT; DELETE FROM monitor;",
        });
        migrate(&mut connection, &path, &longer, "0.2.0", from_ms(7)).await.unwrap();
        let known = i64::try_from(longer.len()).unwrap();
        assert_eq!(check_version(&mut connection, known).await.unwrap(), known);
        let backup = backup_path(&path, known - 1, from_ms(7));
        let mut backup = SqliteConnectOptions::new().filename(backup).connect().await.unwrap();
        let kept: String =
            sqlx::query_scalar("SELECT name FROM monitor").fetch_one(&mut backup).await.unwrap();
        assert_eq!(kept, "web");
    }

    /// What version 2 wrote: two monitors, one of them with a failure and two results in one
    /// millisecond.
    const OF_VERSION_2: &str = "
        INSERT INTO meta VALUES ('folded_until', '1767225650000');
        INSERT INTO monitor (id, namespace, name) VALUES (1, 'shop', 'web'), (2, 'shop', 'api');
        INSERT INTO beat (at, monitor, ordinal, state, reason, latency) VALUES
          (1767225600000, 1, 1, 1, NULL, 20000), (1767225601000, 2, 1, 1, NULL, 9),
          (1767225660000, 1, 3, 3, 1, NULL), (1767225660000, 1, 257, 1, NULL, 7),
          (1767225720000, 1, 0, 2, NULL, 4294967295);
        INSERT INTO evidence VALUES (1767225660000, 1, 3, 'no answer', '{}');
        INSERT INTO beat_last VALUES (1, 1767225600000, 1, 1, NULL, 20000, 'fine'),
          (2, 1767225601000, 1, 1, NULL, 9, NULL);";

    #[tokio::test]
    async fn the_rows_of_version_2_read_as_before() {
        use std::sync::Arc;

        use kuma_core::id::MonitorId;
        use kuma_core::ports::Store;
        use kuma_core::reason::Reason;
        use kuma_core::state::MonitorState;
        use kuma_core::time::{Clock, Mono, Now};

        struct Then;
        impl Clock for Then {
            fn now(&self) -> Now {
                Now { mono: Mono(0), wall: from_ms(1_767_225_800_000) }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubekuma.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .pragma("application_id", APPLICATION_ID.to_string());
        let mut old = options.connect().await.unwrap();
        migrate(&mut old, &path, &MIGRATIONS[..2], "0.1.0", from_ms(0)).await.unwrap();
        sqlx::raw_sql(OF_VERSION_2).execute(&mut old).await.unwrap();
        old.close().await.unwrap();
        let store = crate::SqliteStore::open(crate::SqliteOptions {
            path: path.clone(),
            clock: Arc::new(Then),
            product_version: "0.2.0".to_owned(),
        })
        .await
        .unwrap();
        let all = store.heartbeats(MonitorId(1), from_ms(0), from_ms(i64::MAX), 99).await.unwrap();
        let told = all.iter().map(|b| (b.at.as_millisecond() - 1_767_225_600_000, b.sequence));
        assert_eq!(told.collect::<Vec<_>>(), [(0, 0), (60_000, 0), (60_000, 1), (120_000, 0)]);
        assert_eq!(all[0].latency_us, Some(20_000));
        let failed = &all[1];
        assert_eq!((failed.state, failed.reason), (MonitorState::Down, Some(Reason::Timeout)));
        assert_eq!((failed.attempts, failed.message.as_deref()), (3, Some("no answer")));
        assert_eq!((all[2].attempts, all[2].latency_us), (1, Some(7)));
        assert_eq!((all[3].attempts, all[3].state), (0, MonitorState::Degraded));
        let last = store.last_results(kuma_core::shard::ShardSet::ALL).await.unwrap();
        assert_eq!((&last[0].heartbeat, last.len()), (&all[3], 2));
        let other = store.heartbeats(MonitorId(2), from_ms(0), from_ms(i64::MAX), 99).await;
        assert_eq!(other.unwrap().len(), 1);
        assert!(backup_path(&path, 2, from_ms(1_767_225_800_000)).exists());
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_the_version_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubekuma.db");
        let mut connection = super::super::open::writer(&path, "0.1.0", from_ms(0)).await.unwrap();
        let mut broken = MIGRATIONS.to_vec();
        broken.push(Migration { sql: "DELETE FROM meta; CREATE TABLE monitor (a);" });
        let failed = migrate(&mut connection, &path, &broken, "0.2.0", from_ms(7)).await;
        assert!(failed.is_err());
        let known = i64::try_from(MIGRATIONS.len()).unwrap();
        assert_eq!(check_version(&mut connection, known).await.unwrap(), known);
    }
}
