//! The public names of monitors, for commands that read a database without a catalog.

use std::collections::HashMap;

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::StoreError;

use super::SqliteStore;
use super::error::store_error;

impl SqliteStore {
    /// Every monitor that was ever seen, by its surrogate.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn names(&self) -> Result<HashMap<MonitorId, ObjectName>, StoreError> {
        let mut connection = self.connection().await?;
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT id, namespace, name FROM monitor")
                .fetch_all(&mut *connection)
                .await
                .map_err(|error| store_error(&error))?;
        Ok(rows
            .into_iter()
            .map(|(id, namespace, name)| (MonitorId(id), ObjectName::new(namespace, name)))
            .collect())
    }
}
