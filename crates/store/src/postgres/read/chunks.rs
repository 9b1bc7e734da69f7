//! Stored chunks, and what is said of one that cannot be read.

use kuma_core::time::from_ms;
use sqlx::PgConnection;

use crate::chunk::{self, Beat, ChunkError, SLOT_MS};
use crate::code::chunk_parts;

/// A row of `chunk`: id, how many heartbeats, data.
pub(super) type ChunkRow = (i64, i32, Vec<u8>);

/// The heartbeats of a chunk, as many as its row says.
pub(super) fn decode((id, beats, data): &ChunkRow) -> Result<Vec<Beat>, ChunkError> {
    let found = chunk::decode(*id, data)?;
    if usize::try_from(*beats) == Ok(found.len()) {
        Ok(found)
    } else {
        Err(ChunkError::Damaged("number of heartbeats"))
    }
}

/// Names a chunk that cannot be read: whose, of which two hours, why.
pub(super) async fn damage(connection: &mut PgConnection, id: i64, error: ChunkError) -> String {
    let (slot, monitor, _) = chunk_parts(id);
    let name: sqlx::Result<String> =
        sqlx::query_scalar("SELECT namespace || '/' || name FROM monitor WHERE id = $1")
            .bind(monitor)
            .fetch_one(connection)
            .await;
    let name = name.unwrap_or_else(|_| format!("number {monitor}"));
    let (from, to) = (from_ms(slot * SLOT_MS), from_ms((slot + 1) * SLOT_MS));
    format!("chunk {id}, the heartbeats of {name} from {from} to {to}: {error}")
}
