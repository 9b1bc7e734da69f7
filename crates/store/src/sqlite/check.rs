//! Looking for damage: SQLite's own check of the file, then every chunk.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use kuma_core::ports::StoreError;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::error::store_error;
use super::hot::chunk_parts;
use super::read::{ChunkRow, damage, decode};
use super::schema;

/// The most problems that are told.
const MOST: usize = 100;

/// What [`SqliteStore::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// SQLite's complaints and chunks that cannot be read; none for a sound file.
    pub problems: Vec<String>,
    /// Version of the layout.
    pub schema: i64,
    /// Product version that opened it last for writing.
    pub product_version: String,
    /// Chunks that were read.
    pub chunks: u64,
    /// Heartbeats in them.
    pub heartbeats: u64,
}

impl SqliteStore {
    /// SQLite's own check of the file's structure (`PRAGMA quick_check`), and whether every chunk
    /// can be read and none is missing.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        let mut connection = self.connection().await?;
        let schema = schema::check_version(&mut connection, i64::MAX).await?;
        let report = async {
            let lines: Vec<String> =
                sqlx::query_scalar("PRAGMA quick_check(100)").fetch_all(&mut *connection).await?;
            let product_version =
                sqlx::query_scalar("SELECT value FROM meta WHERE key = 'product_version'")
                    .fetch_one(&mut *connection)
                    .await?;
            let mut report = CheckReport {
                problems: lines.into_iter().filter(|line| line != "ok").collect(),
                schema,
                product_version,
                chunks: 0,
                heartbeats: 0,
            };
            chunks(&mut connection, &mut report).await?;
            report.problems.truncate(MOST);
            Ok(report)
        };
        report.await.map_err(|error: sqlx::Error| store_error(&error))
    }
}

async fn chunks(connection: &mut SqliteConnection, report: &mut CheckReport) -> sqlx::Result<()> {
    let mut snapshot = sqlx::Connection::begin(&mut *connection).await?;
    let sealed: Vec<(i64, i64)> =
        sqlx::query_as("SELECT slot, chunks FROM sealed WHERE state < 2 ORDER BY slot")
            .fetch_all(&mut *snapshot)
            .await?;
    let mut missing: BTreeMap<i64, i64> = sealed.into_iter().collect();
    let mut broken = Vec::new();
    {
        let mut rows = sqlx::query_as::<_, ChunkRow>(
            "SELECT c.id, c.beats, c.data FROM chunk c
             WHERE (SELECT state FROM sealed s WHERE s.slot = c.id >> 44) < 2 ORDER BY c.id",
        )
        .fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await? {
            report.chunks += 1;
            if let Some(left) = missing.get_mut(&chunk_parts(row.id).0) {
                *left -= 1;
            }
            match decode(&row) {
                Ok(beats) => report.heartbeats += beats.len() as u64,
                Err(error) if broken.len() < MOST => broken.push((row.id, error)),
                Err(_) => {}
            }
        }
    }
    for (id, error) in broken {
        report.problems.push(damage(&mut snapshot, id, error).await);
    }
    for (slot, left) in missing.into_iter().filter(|(_, left)| *left != 0) {
        report.problems.push(format!("slot {slot}: {left} of its chunks are missing"));
    }
    Ok(())
}
