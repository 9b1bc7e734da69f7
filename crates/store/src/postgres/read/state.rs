//! What a member starts from: engine states, last valid objects, unconsumed arrivals, names.

use std::time::Duration;

use kuma_core::id::{IdMap, Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::object::{Meta, RawObject};
use kuma_core::ports::{PushArrival, StateRow, StoredObject};
use kuma_core::shard::ShardSet;
use kuma_core::time::from_ms;
use sqlx::Row;
use sqlx::postgres::{PgPool, PgRow};

use crate::code::damaged;
use crate::postgres::fence::numbers;
use crate::postgres::sql::unsigned;

type Stored = (i64, i32, Vec<u8>);

fn state((monitor, version, blob): Stored) -> sqlx::Result<StateRow> {
    let version = unsigned("version of a state", i64::from(version))?;
    Ok(StateRow { monitor: MonitorId(monitor), version, blob })
}

/// See the port.
pub(in crate::postgres) async fn load_states(
    pool: &PgPool,
    of: ShardSet,
) -> sqlx::Result<Vec<StateRow>> {
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT monitor, version, data FROM engine_state
         WHERE shard = ANY($1) AND length(data) > 0 ORDER BY monitor",
    )
    .bind(numbers(of))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(state).collect()
}

/// See the port. The cursor is the oldest transaction that was under way when it was asked: what
/// older ones wrote is seen by the question that follows, and younger ones have larger numbers.
pub(in crate::postgres) async fn states_since(
    pool: &PgPool,
    cursor: i64,
) -> sqlx::Result<(Vec<StateRow>, i64)> {
    let mut connection = pool.acquire().await?;
    let next: i64 =
        sqlx::query_scalar("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            .fetch_one(&mut *connection)
            .await?;
    let rows: Vec<Stored> = sqlx::query_as(
        "SELECT monitor, version, data FROM engine_state WHERE changed >= $1 ORDER BY monitor",
    )
    .bind(cursor)
    .fetch_all(&mut *connection)
    .await?;
    let states: sqlx::Result<Vec<StateRow>> = rows.into_iter().map(state).collect();
    Ok((states?, next))
}

/// See the port. An object that no longer reads as JSON is skipped and logged: one bad row must
/// not keep the others from running.
pub(in crate::postgres) async fn load_objects(pool: &PgPool) -> sqlx::Result<Vec<StoredObject>> {
    let rows = sqlx::query(
        "SELECT kind, namespace, name, generation, labels, annotations, raw, digest
         FROM object WHERE deleted IS NULL
         ORDER BY kind COLLATE \"C\", namespace COLLATE \"C\", name COLLATE \"C\"",
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

fn object(row: &PgRow) -> sqlx::Result<StoredObject> {
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
pub(in crate::postgres) async fn pending_pushes(
    pool: &PgPool,
    of: ShardSet,
) -> sqlx::Result<Vec<PushArrival>> {
    let rows: Vec<(i64, i64, i64, bool, String, Option<i64>)> = sqlx::query_as(
        "SELECT id, monitor, at, up, message, latency FROM push_inbox
         WHERE shard = ANY($1) ORDER BY id",
    )
    .bind(numbers(of))
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

/// The public names of monitors.
pub(in crate::postgres) async fn names(pool: &PgPool) -> sqlx::Result<IdMap<ObjectName>> {
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT id, namespace, name FROM monitor").fetch_all(pool).await?;
    Ok(rows
        .into_iter()
        .map(|(id, namespace, name)| (MonitorId(id), ObjectName::new(namespace, name)))
        .collect())
}

/// Whether the database answers.
pub(in crate::postgres) async fn ping(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query("SELECT 1 FROM meta LIMIT 1").execute(pool).await.map(drop)
}
