//! Engine states, push arrivals, objects, audit.

use std::collections::BTreeMap;

use kuma_core::id::{MonitorId, ObjectKey};
use kuma_core::ports::{AuditEvent, PushArrival, StateRow, StoredObject};
use kuma_core::shard::{Shard, ShardSet};
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;

use crate::postgres::fence::numbers;
use crate::postgres::sql::{clean, clean_json};
use crate::text::{PUSH_MESSAGE, cut, json_map};

/// Inserts or replaces engine states. An empty blob stays as the sign that there is none.
pub(super) async fn states(
    connection: &mut PgConnection,
    states: &BTreeMap<MonitorId, &StateRow>,
) -> sqlx::Result<()> {
    if states.is_empty() {
        return Ok(());
    }
    let rows: Vec<&StateRow> = states.values().copied().collect();
    let shard = |row: &&StateRow| i16::from(Shard::of(row.monitor).number());
    sqlx::query(
        "INSERT INTO engine_state (monitor, shard, version, data, changed)
         SELECT *, pg_current_xact_id()::text::bigint
         FROM unnest($1::bigint[], $2::smallint[], $3::integer[], $4::bytea[])
         ON CONFLICT (monitor) DO UPDATE SET
           version = excluded.version, data = excluded.data, changed = excluded.changed",
    )
    .bind(rows.iter().map(|row| row.monitor.0).collect::<Vec<_>>())
    .bind(rows.iter().map(shard).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| i32::from(row.version)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.blob.clone()).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores an arrival at the store's time.
pub(in crate::postgres) async fn push(
    pool: &PgPool,
    now: Timestamp,
    arrival: &PushArrival,
) -> sqlx::Result<PushArrival> {
    let message = clean(cut(&arrival.message, PUSH_MESSAGE));
    let latency = arrival.latency.map(|it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX));
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO push_inbox (monitor, shard, at, up, message, latency)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(arrival.monitor.0)
    .bind(i16::from(Shard::of(arrival.monitor).number()))
    .bind(to_ms(now))
    .bind(arrival.up)
    .bind(message.clone())
    .bind(latency)
    .fetch_one(pool)
    .await?;
    Ok(PushArrival { id, at: from_ms(to_ms(now)), message, ..arrival.clone() })
}

/// Removes arrivals that a decision has consumed, of shards whose decisions count.
pub(super) async fn consume_pushes(
    connection: &mut PgConnection,
    consumed: &[(&[i64], ShardSet)],
) -> sqlx::Result<()> {
    for (ids, shards) in consumed {
        sqlx::query("DELETE FROM push_inbox WHERE id = ANY($1) AND shard = ANY($2)")
            .bind(ids.to_vec())
            .bind(numbers(*shards))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Inserts or replaces last valid objects.
pub(super) async fn objects(
    connection: &mut PgConnection,
    now: Timestamp,
    objects: &BTreeMap<&ObjectKey, &StoredObject>,
) -> sqlx::Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    let rows: Vec<&StoredObject> = objects.values().copied().collect();
    sqlx::query(
        "INSERT INTO object (kind, namespace, name, generation, labels, annotations, raw, digest,
            created, updated)
         SELECT *, $9::bigint, $9::bigint
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[],
                     $7::text[], $8::text[])
         ON CONFLICT (kind, namespace, name) DO UPDATE SET
            generation = excluded.generation, labels = excluded.labels,
            annotations = excluded.annotations, raw = excluded.raw,
            digest = excluded.digest, updated = excluded.updated,
            created = CASE WHEN object.deleted IS NULL THEN object.created ELSE excluded.created END,
            deleted = NULL",
    )
    .bind(rows.iter().map(|row| row.key.kind.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean(&row.key.name.namespace)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean(&row.key.name.name)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.meta.generation).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean_json(&json_map(&row.meta.labels))).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean_json(&json_map(&row.meta.annotations))).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean_json(row.raw.as_str())).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean(&row.digest)).collect::<Vec<_>>())
    .bind(to_ms(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks objects as deleted.
pub(super) async fn delete_objects(
    connection: &mut PgConnection,
    now: Timestamp,
    deleted: &BTreeMap<&ObjectKey, bool>,
) -> sqlx::Result<()> {
    let keys: Vec<&ObjectKey> =
        deleted.iter().filter(|(_, deleted)| **deleted).map(|(key, _)| *key).collect();
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE object o SET deleted = $4
         FROM unnest($1::text[], $2::text[], $3::text[]) AS d (kind, namespace, name)
         WHERE o.kind = d.kind AND o.namespace = d.namespace AND o.name = d.name
           AND o.deleted IS NULL",
    )
    .bind(keys.iter().map(|key| key.kind.as_str()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| clean(&key.name.namespace)).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| clean(&key.name.name)).collect::<Vec<_>>())
    .bind(to_ms(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Appends audit events.
pub(super) async fn audit(
    connection: &mut PgConnection,
    events: &[&AuditEvent],
) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let text = |text: &Option<String>| text.as_deref().map(clean);
    let details = |event: &AuditEvent| event.details.as_ref().map(|it| clean_json(&it.to_string()));
    sqlx::query(
        "INSERT INTO audit (at, resource_type, resource_key, event_type, actor, summary, details)
         SELECT a.at, a.type, a.key, a.event, a.actor, a.summary, a.details
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[]) WITH ORDINALITY
           AS a (at, type, key, event, actor, summary, details, place)
         ORDER BY a.place",
    )
    .bind(events.iter().map(|event| to_ms(event.at)).collect::<Vec<_>>())
    .bind(events.iter().map(|event| clean(&event.resource_type)).collect::<Vec<_>>())
    .bind(events.iter().map(|event| clean(&event.resource_key)).collect::<Vec<_>>())
    .bind(events.iter().map(|event| clean(&event.event_type)).collect::<Vec<_>>())
    .bind(events.iter().map(|event| text(&event.actor)).collect::<Vec<_>>())
    .bind(events.iter().map(|event| text(&event.summary)).collect::<Vec<_>>())
    .bind(events.iter().map(|event| details(event)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
