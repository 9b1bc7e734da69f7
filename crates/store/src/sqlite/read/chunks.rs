//! Stored chunks, and what is said of one that cannot be read.

use kuma_core::time::from_ms;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqliteConnection};

use crate::chunk::{self, Beat, ChunkError, SLOT_MS};
use crate::sqlite::hot::chunk_parts;

/// A row of `chunk`.
#[derive(Debug)]
pub(in crate::sqlite) struct ChunkRow {
    pub(in crate::sqlite) id: i64,
    pub(in crate::sqlite) beats: i64,
    pub(in crate::sqlite) data: Vec<u8>,
}

impl FromRow<'_, SqliteRow> for ChunkRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            beats: row.try_get("beats")?,
            data: row.try_get("data")?,
        })
    }
}

/// The heartbeats of a chunk, as many as its row says.
pub(in crate::sqlite) fn decode(row: &ChunkRow) -> Result<Vec<Beat>, ChunkError> {
    let beats = chunk::decode(row.id, &row.data)?;
    if usize::try_from(row.beats) == Ok(beats.len()) {
        Ok(beats)
    } else {
        Err(ChunkError::Damaged("number of heartbeats"))
    }
}

/// Names a chunk that cannot be read: whose, of which two hours, why.
pub(in crate::sqlite) async fn damage(
    connection: &mut SqliteConnection,
    id: i64,
    error: ChunkError,
) -> String {
    let (slot, monitor, _) = chunk_parts(id);
    let name: sqlx::Result<String> =
        sqlx::query_scalar("SELECT namespace || '/' || name FROM monitor WHERE id = ?")
            .bind(monitor)
            .fetch_one(connection)
            .await;
    let name = name.unwrap_or_else(|_| format!("number {monitor}"));
    let (from, to) = (from_ms(slot * SLOT_MS), from_ms((slot + 1) * SLOT_MS));
    format!("chunk {id}, the heartbeats of {name} from {from} to {to}: {error}")
}
