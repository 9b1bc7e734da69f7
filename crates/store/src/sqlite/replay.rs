//! The heartbeats of all monitors in the order of time, for who plays them again.

use kuma_core::ports::{Heartbeat, StoreError};
use kuma_core::time::Timestamp;

use super::error::store_error;
use super::{SqliteStore, read};

impl SqliteStore {
    /// Heartbeats of all monitors in `[from, to)`, in the order of time, then monitor: at most
    /// `limit`, those after `after` if it is given (the last one of the page before). Evidence is
    /// left out. A page costs time in proportion to its own length.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn heartbeats_of_all(
        &self,
        from: Timestamp,
        after: Option<&Heartbeat>,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<Heartbeat>, StoreError> {
        let read = read::heartbeats_of_all(&self.pool(), from, after, to, limit).await;
        read.map_err(|error| store_error(&error))
    }
}
