//! Engine states, push arrivals, objects, audit.

use std::sync::LazyLock;

use kuma_core::id::ObjectKey;
use kuma_core::ports::{AuditEvent, PushArrival, StateRow, StoredObject};
use kuma_core::time::{Timestamp, to_ms};
use sqlx::SqliteConnection;

use crate::sqlite::sql::{MultiInsert, json_ids};
use crate::text::{PUSH_MESSAGE, cut, json_map};

static STATE: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR REPLACE INTO engine_state (monitor, version, data)", 3, "")
});
static OBJECT: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT INTO object (kind, namespace, name, generation, labels, annotations, raw, digest,
            created, updated)",
        10,
        "ON CONFLICT (kind, namespace, name) DO UPDATE SET
            generation = excluded.generation, labels = excluded.labels,
            annotations = excluded.annotations, raw = excluded.raw,
            digest = excluded.digest, updated = excluded.updated,
            created = iif(deleted IS NULL, created, excluded.created), deleted = NULL",
    )
});
static AUDIT: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT INTO audit (at, resource_type, resource_key, event_type, actor, summary, details)",
        7,
        "",
    )
});

/// Inserts or replaces engine states; an empty blob removes one.
pub(super) async fn states(
    connection: &mut SqliteConnection,
    states: &[StateRow],
) -> sqlx::Result<()> {
    let gone = states.iter().filter(|state| state.blob.is_empty());
    let gone: Vec<i64> = gone.map(|state| state.monitor.0).collect();
    let kept: Vec<&StateRow> = states.iter().filter(|s| !s.blob.is_empty()).collect();
    STATE
        .run(connection, &kept, |query, state| {
            query.bind(state.monitor.0).bind(state.version).bind(state.blob.clone())
        })
        .await?;
    if !gone.is_empty() {
        sqlx::query("DELETE FROM engine_state WHERE monitor IN (SELECT value FROM json_each(?))")
            .bind(json_ids(gone))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Stores an arrival at the store's time.
pub(in crate::sqlite) async fn push(
    connection: &mut SqliteConnection,
    now: Timestamp,
    arrival: &PushArrival,
) -> sqlx::Result<PushArrival> {
    let message = cut(&arrival.message, PUSH_MESSAGE).to_owned();
    let latency =
        arrival.latency.map(|latency| i64::try_from(latency.as_micros()).unwrap_or(i64::MAX));
    let inserted = sqlx::query(
        "INSERT INTO push_inbox (monitor, at, up, message, latency) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(arrival.monitor.0)
    .bind(to_ms(now))
    .bind(arrival.up)
    .bind(message.clone())
    .bind(latency)
    .execute(connection)
    .await?;
    Ok(PushArrival {
        id: inserted.last_insert_rowid(),
        at: kuma_core::time::from_ms(to_ms(now)),
        message,
        ..arrival.clone()
    })
}

/// Removes arrivals that a decision has consumed.
pub(super) async fn consume_pushes(
    connection: &mut SqliteConnection,
    ids: &[i64],
) -> sqlx::Result<()> {
    if !ids.is_empty() {
        sqlx::query("DELETE FROM push_inbox WHERE id IN (SELECT value FROM json_each(?))")
            .bind(json_ids(ids.iter().copied()))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Inserts or replaces last valid objects.
pub(super) async fn objects(
    connection: &mut SqliteConnection,
    now: Timestamp,
    objects: &[StoredObject],
) -> sqlx::Result<()> {
    OBJECT
        .run(connection, objects, |query, object| {
            query
                .bind(object.key.kind.as_str())
                .bind(object.key.name.namespace.clone())
                .bind(object.key.name.name.clone())
                .bind(object.meta.generation)
                .bind(json_map(&object.meta.labels))
                .bind(json_map(&object.meta.annotations))
                .bind(object.raw.as_str().to_owned())
                .bind(object.digest.clone())
                .bind(to_ms(now))
                .bind(to_ms(now))
        })
        .await?;
    Ok(())
}

/// Marks objects as deleted.
pub(super) async fn delete_objects(
    connection: &mut SqliteConnection,
    now: Timestamp,
    keys: &[ObjectKey],
) -> sqlx::Result<()> {
    for key in keys {
        sqlx::query(
            "UPDATE object SET deleted = ?
             WHERE kind = ? AND namespace = ? AND name = ? AND deleted IS NULL",
        )
        .bind(to_ms(now))
        .bind(key.kind.as_str())
        .bind(key.name.namespace.clone())
        .bind(key.name.name.clone())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Appends audit events.
pub(super) async fn audit(
    connection: &mut SqliteConnection,
    events: &[AuditEvent],
) -> sqlx::Result<()> {
    AUDIT
        .run(connection, events, |query, event| {
            query
                .bind(to_ms(event.at))
                .bind(event.resource_type.clone())
                .bind(event.resource_key.clone())
                .bind(event.event_type.clone())
                .bind(event.actor.clone())
                .bind(event.summary.clone())
                .bind(event.details.as_ref().map(ToString::to_string))
        })
        .await?;
    Ok(())
}
