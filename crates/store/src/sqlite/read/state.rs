//! What the program starts from: engine states, last valid objects, unconsumed arrivals.

use std::time::Duration;

use kuma_core::id::{Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::object::{Meta, RawObject};
use kuma_core::ports::{PushArrival, StateRow, StoredObject};
use kuma_core::time::from_ms;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::sqlite::error::damaged;

/// See the port.
pub(in crate::sqlite) async fn load_states(pool: &SqlitePool) -> sqlx::Result<Vec<StateRow>> {
    let rows: Vec<(i64, u16, Vec<u8>)> =
        sqlx::query_as("SELECT monitor, version, data FROM engine_state").fetch_all(pool).await?;
    Ok(rows
        .into_iter()
        .map(|(monitor, version, blob)| StateRow { monitor: MonitorId(monitor), version, blob })
        .collect())
}

/// See the port. An object that no longer reads as JSON is skipped and logged: one bad row must
/// not keep the others from running.
pub(in crate::sqlite) async fn load_objects(pool: &SqlitePool) -> sqlx::Result<Vec<StoredObject>> {
    let rows = sqlx::query(
        "SELECT kind, namespace, name, generation, labels, annotations, raw, digest
         FROM object WHERE deleted IS NULL ORDER BY kind, namespace, name",
    )
    .fetch_all(pool)
    .await?;
    let mut objects = Vec::with_capacity(rows.len());
    for row in &rows {
        match object(row) {
            Ok(object) => objects.push(object),
            Err(error) => tracing::warn!(%error, "a stored object is skipped"),
        }
    }
    Ok(objects)
}

fn object(row: &SqliteRow) -> sqlx::Result<StoredObject> {
    let kind: &str = row.try_get("kind")?;
    let known = Kind::OURS.into_iter().chain([Kind::Secret, Kind::Namespace]);
    let kind = known
        .into_iter()
        .find(|known| known.as_str() == kind)
        .ok_or_else(|| damaged("kind", kind))?;
    let name =
        ObjectName::new(row.try_get::<&str, _>("namespace")?, row.try_get::<&str, _>("name")?);
    let json = |error: serde_json::Error| damaged("object", format!("{kind} {name}: {error}"));
    Ok(StoredObject {
        meta: Meta {
            labels: serde_json::from_str(row.try_get("labels")?).map_err(json)?,
            annotations: serde_json::from_str(row.try_get("annotations")?).map_err(json)?,
            generation: row.try_get("generation")?,
        },
        raw: RawObject::parse(row.try_get("raw")?).map_err(json)?,
        digest: row.try_get("digest")?,
        key: ObjectKey { kind, name },
    })
}

/// See the port.
pub(in crate::sqlite) async fn pending_pushes(pool: &SqlitePool) -> sqlx::Result<Vec<PushArrival>> {
    let rows: Vec<(i64, i64, i64, bool, String, Option<i64>)> =
        sqlx::query_as("SELECT id, monitor, at, up, message, latency FROM push_inbox ORDER BY id")
            .fetch_all(pool)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(id, monitor, at, up, message, latency)| PushArrival {
            id,
            monitor: MonitorId(monitor),
            at: from_ms(at),
            up,
            message,
            latency: latency
                .and_then(|latency| u64::try_from(latency).ok())
                .map(Duration::from_micros),
        })
        .collect())
}

/// Whether the file answers.
pub(in crate::sqlite) async fn ping(pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("SELECT 1 FROM meta LIMIT 1").execute(pool).await.map(drop)
}
