//! Reading Uptime Kuma's SQLite file, which is never written to.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use kuma_import::uptime_kuma::history::{Beat, at_ms};
use kuma_import::uptime_kuma::{Dump, MORE_TABLES, Row, TABLES};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row as _, TypeInfo, ValueRef};

/// Most rows of one table of configuration.
const MAX_ROWS: usize = 100_000;
/// Beats read at once.
const PAGE: i64 = 10_000;

/// The open file.
pub(super) struct KumaDb {
    connection: SqliteConnection,
    shown: String,
}

impl KumaDb {
    /// Opens the file for reading.
    ///
    /// # Errors
    /// When it is not there or is not Uptime Kuma's.
    pub(super) async fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display().to_string();
        if !path.is_file() {
            bail!("there is no file {shown}; name Uptime Kuma's kuma.db");
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let connection =
            options.connect().await.with_context(|| format!("{shown} cannot be opened"))?;
        let mut db = Self { connection, shown };
        for table in ["monitor", "heartbeat"] {
            if !db.has(table).await? {
                bail!("{} is not Uptime Kuma's database: it has no table `{table}`", db.shown);
            }
        }
        Ok(db)
    }

    async fn has(&mut self, table: &str) -> anyhow::Result<bool> {
        let found = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
            .bind(table)
            .fetch_optional(&mut self.connection)
            .await;
        Ok(found.with_context(|| format!("{} is no SQLite database", self.shown))?.is_some())
    }

    /// Every table of configuration.
    pub(super) async fn dump(&mut self) -> anyhow::Result<Dump> {
        let mut tables = BTreeMap::new();
        for table in TABLES.into_iter().chain(MORE_TABLES) {
            if self.has(table).await? {
                tables.insert(table.to_owned(), self.rows(table).await?);
            }
        }
        Ok(Dump(tables))
    }

    /// The whole of a table, in the order of its rows.
    async fn rows(&mut self, table: &str) -> anyhow::Result<Vec<Row>> {
        // The names are ours.
        let question = format!("SELECT * FROM \"{table}\" ORDER BY rowid LIMIT {}", MAX_ROWS + 1);
        let rows = sqlx::query(AssertSqlSafe(question))
            .fetch_all(&mut self.connection)
            .await
            .with_context(|| format!("table `{table}` of {} cannot be read", self.shown))?;
        if rows.len() > MAX_ROWS {
            bail!("table `{table}` of {} has more than {MAX_ROWS} rows", self.shown);
        }
        Ok(rows.iter().map(row).collect())
    }

    /// Beats of a monitor after `after` (as the database writes times), oldest first.
    pub(super) async fn beats(
        &mut self,
        monitor: i64,
        after: &str,
    ) -> anyhow::Result<(Vec<Beat>, Option<String>)> {
        let rows = sqlx::query(
            "SELECT time, status, ping, msg FROM heartbeat \
             WHERE monitor_id = ? AND time > ? ORDER BY time LIMIT ?",
        )
        .bind(monitor)
        .bind(after)
        .bind(PAGE)
        .fetch_all(&mut self.connection)
        .await
        .with_context(|| format!("table `heartbeat` of {} cannot be read", self.shown))?;
        let rows: Vec<Row> = rows.iter().map(row).collect();
        let last = rows.last().and_then(|row| row.text("time").map(str::to_owned));
        let beats = rows.iter().filter_map(|row| {
            Some(Beat {
                at_ms: at_ms(row.text("time")?)?,
                status: row.int("status")?,
                ping_ms: row.float("ping"),
                message: row.text("msg").map(str::to_owned),
            })
        });
        Ok((beats.collect(), last))
    }

    /// Spans in which a monitor was checked, by the statistics of version 2, in order.
    pub(super) async fn covered(&mut self, monitor: i64) -> anyhow::Result<Vec<(i64, i64)>> {
        let mut spans = Vec::new();
        for (table, seconds) in [("stat_daily", 86_400), ("stat_hourly", 3600)] {
            if !self.has(table).await? {
                continue;
            }
            // The names are ours.
            let question = format!(
                "SELECT timestamp FROM {table} WHERE monitor_id = ? AND up + down > 0 \
                 ORDER BY timestamp LIMIT {MAX_ROWS}"
            );
            let rows = sqlx::query(AssertSqlSafe(question))
                .bind(monitor)
                .fetch_all(&mut self.connection)
                .await
                .with_context(|| format!("table `{table}` of {} cannot be read", self.shown))?;
            spans.extend(rows.iter().map(row).filter_map(|row| {
                let start = row.int("timestamp")? * 1000;
                Some((start, start + seconds * 1000))
            }));
        }
        spans.sort_unstable();
        Ok(spans)
    }
}

/// Whatever is in a row; columns that are neither number nor text are left out.
fn row(row: &SqliteRow) -> Row {
    let mut values = BTreeMap::new();
    for column in row.columns() {
        let place = column.ordinal();
        let Ok(raw) = row.try_get_raw(place) else { continue };
        let kind =
            if raw.is_null() { "NULL".to_owned() } else { raw.type_info().name().to_owned() };
        let value = match kind.as_str() {
            "NULL" => Some(Value::Null),
            "INTEGER" | "BOOLEAN" => row.try_get_unchecked::<i64, _>(place).ok().map(Value::from),
            "REAL" => row.try_get_unchecked::<f64, _>(place).ok().map(Value::from),
            "BLOB" => None,
            _ => row.try_get_unchecked::<String, _>(place).ok().map(Value::from),
        };
        if let Some(value) = value {
            values.insert(column.name().to_owned(), value);
        }
    }
    Row(values)
}
