//! The public names of monitors, for those who look at a database without a catalog.

use kuma_core::id::{IdMap, MonitorId, ObjectName};
use sqlx::sqlite::SqlitePool;

/// See the port.
pub(super) async fn names(pool: &SqlitePool) -> sqlx::Result<IdMap<ObjectName>> {
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT id, namespace, name FROM monitor").fetch_all(pool).await?;
    Ok(rows
        .into_iter()
        .map(|(id, namespace, name)| (MonitorId(id), ObjectName::new(namespace, name)))
        .collect())
}
