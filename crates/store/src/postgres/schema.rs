//! The layout's versions, and how a database comes to the newest one.
//!
//! Several members start at once and old and new ones run side by side during an upgrade. So one
//! migrates, under a lock, while the others wait; and a migration only adds ("expand") unless it
//! says that older programs cannot use what it leaves ("contract"), which comes a version later.

use kuma_core::ports::StoreError;
use kuma_core::reason::Reason;
use kuma_core::shard::SHARDS;
use sqlx::{Connection, PgConnection};

use super::error::store_error;

/// The advisory lock of those who migrate: "KKUM".
const LOCK: i64 = 0x4B4B_554D;

/// A step from one version of the layout to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    /// Statements.
    pub(super) sql: &'static str,
    /// Whether programs that do not know it can no longer use the database.
    pub(super) contracts: bool,
}

/// All of them; the position counted from 1 is the version.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { sql: include_str!("../../migrations/postgres/0001_tables.sql"), contracts: true },
    Migration { sql: include_str!("../../migrations/postgres/0002_views.sql"), contracts: true },
];

/// What a database says of its layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// Version, 0 for an empty database.
    pub(super) version: i64,
    /// The least version that a program must know to use it.
    usable_from: i64,
    /// Product version that brought it there.
    product: String,
}

impl Found {
    /// Whether a program that knows up to `known` may use it.
    fn expect_usable(self, known: i64) -> Result<Self, StoreError> {
        if self.usable_from > known {
            return Err(StoreError::TooNew { found: self.version, known, needs: self.product });
        }
        Ok(self)
    }
}

/// Brings a database to the newest layout.
///
/// # Errors
/// [`StoreError::TooNew`], [`StoreError::Invalid`] for another program's database or one that
/// cannot be used.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    migrations: &[Migration],
    product_version: &str,
) -> Result<(), StoreError> {
    let encoding: sqlx::Result<String> =
        sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut *connection).await;
    let encoding = encoding.map_err(|error| store_error(&error))?;
    if encoding != "UTF8" {
        return Err(StoreError::Invalid(format!(
            "the database has the encoding {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    let migrated = apply(connection, migrations, product_version).await;
    migrated.map_err(|error| match error {
        super::error::WorkError::Sql(error) if is_denied(&error) => StoreError::Invalid(format!(
            "{error}; the user of DATABASE_URL needs the right to create tables: make it the \
             owner of the database, or GRANT CREATE ON SCHEMA public"
        )),
        other => other.into(),
    })
}

fn is_denied(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("42501")
}

async fn apply(
    connection: &mut PgConnection,
    migrations: &[Migration],
    product_version: &str,
) -> Result<(), super::error::WorkError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let mut transaction = connection.begin().await?;
    // Others may migrate for as long as it takes.
    sqlx::raw_sql("SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = '10min'")
        .execute(&mut *transaction)
        .await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    let found = found(&mut transaction).await?.expect_usable(known)?;
    if found.version == 0 {
        sqlx::query("CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL)")
            .execute(&mut *transaction)
            .await?;
        set_meta(&mut transaction, "application", "kubekuma").await?;
        set_meta(&mut transaction, "shards", &SHARDS.to_string()).await?;
    }
    let done = usize::try_from(found.version).unwrap_or(usize::MAX);
    for (index, migration) in migrations.iter().enumerate().skip(done) {
        sqlx::raw_sql(migration.sql).execute(&mut *transaction).await?;
        let version = (index + 1).to_string();
        set_meta(&mut transaction, "schema_version", &version).await?;
        set_meta(&mut transaction, "product_version", product_version).await?;
        if migration.contracts {
            set_meta(&mut transaction, "usable_from", &version).await?;
        }
    }
    if found.version < known {
        tracing::info!(from = found.version, to = known, "the database has a new layout");
    }
    check_shards(&mut transaction).await?;
    seed(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// The version of the layout found.
///
/// # Errors
/// [`StoreError::Invalid`] when the tables are another program's.
pub(super) async fn check_version(connection: &mut PgConnection) -> Result<Found, StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = found(connection).await.map_err(StoreError::from)?;
    found.expect_usable(known)
}

async fn found(connection: &mut PgConnection) -> Result<Found, super::error::WorkError> {
    let (tables, meta): (i64, bool) = sqlx::query_as(
        "SELECT count(*), coalesce(bool_or(table_name = 'meta'), false)
         FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .fetch_one(&mut *connection)
    .await?;
    let foreign = || {
        StoreError::Invalid(
            "the database holds tables of another program; make one for KubeKuma alone".to_owned(),
        )
    };
    if tables == 0 {
        return Ok(Found::default());
    }
    if !meta {
        return Err(foreign().into());
    }
    let pairs: sqlx::Result<Vec<(String, String)>> =
        sqlx::query_as("SELECT key, value FROM meta").fetch_all(connection).await;
    let pairs = pairs.map_err(|_| foreign())?;
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    if value("application") != Some("kubekuma") {
        return Err(foreign().into());
    }
    let number = |name: &str| value(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Found {
        version: number("schema_version"),
        usable_from: number("usable_from"),
        product: value("product_version").unwrap_or_default().to_owned(),
    })
}

async fn set_meta(connection: &mut PgConnection, key: &str, value: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO meta (key, value) VALUES ($1, $2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(key)
    .bind(value)
    .execute(connection)
    .await
    .map(drop)
}

async fn check_shards(connection: &mut PgConnection) -> Result<(), super::error::WorkError> {
    let stored: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'shards'")
        .fetch_optional(connection)
        .await?;
    let stored = stored.unwrap_or_default();
    if stored == SHARDS.to_string() {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "the database spreads monitors over {stored} shards, this program over {SHARDS}"
    ))
    .into())
}

/// What every start makes sure of: the names of codes for the views, and that no engine state says
/// that it was written by a transaction that is still to come (a database restored elsewhere).
async fn seed(connection: &mut PgConnection) -> sqlx::Result<()> {
    let numbers: Vec<i32> = Reason::ALL.iter().map(|reason| i32::from(*reason as u16)).collect();
    let codes: Vec<String> = Reason::ALL.iter().map(|reason| reason.code().to_owned()).collect();
    sqlx::query(
        "INSERT INTO reason_code (number, code) SELECT * FROM unnest($1::integer[], $2::text[])
         ON CONFLICT (number) DO UPDATE SET code = excluded.code
         WHERE reason_code.code <> excluded.code",
    )
    .bind(numbers)
    .bind(codes)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE engine_state SET changed = pg_current_xact_id()::text::bigint
         WHERE changed > pg_current_xact_id()::text::bigint",
    )
    .execute(connection)
    .await?;
    Ok(())
}
