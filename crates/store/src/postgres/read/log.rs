//! The delivery log, what waits, audit.

use std::time::Duration;

use kuma_core::id::{IncidentId, ObjectName};
use kuma_core::ports::{AuditEvent, AuditQuery, Delivery};
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{Postgres, QueryBuilder, Row};

use crate::code::damaged;
use crate::message::Status;
use crate::postgres::sql::{clean, unsigned};

/// See the port.
pub(in crate::postgres) async fn deliveries(
    pool: &PgPool,
    incident: Option<IncidentId>,
    limit: u32,
) -> sqlx::Result<Vec<Delivery>> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "SELECT id, key, incident, monitor_name, kind, coalesce(policy, '') AS policy, provider,
                status, attempts, last_error, created, updated FROM outbox",
    );
    if let Some(incident) = incident {
        sql.push(" WHERE incident = ").push_bind(incident.0);
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
    let rows = sql.build().fetch_all(pool).await?;
    rows.iter().map(delivery).collect()
}

fn delivery(row: &PgRow) -> sqlx::Result<Delivery> {
    let status = unsigned("delivery status", i64::from(row.try_get::<i16, _>("status")?))?;
    Ok(Delivery {
        id: row.try_get("id")?,
        key: row.try_get("key")?,
        incident: row.try_get::<Option<i64>, _>("incident")?.map(IncidentId),
        monitor: row.try_get("monitor_name")?,
        event: row.try_get("kind")?,
        policy: row.try_get("policy")?,
        provider: row.try_get("provider")?,
        status: Status::word(status)?.to_owned(),
        attempts: unsigned("attempts", i64::from(row.try_get::<i32, _>("attempts")?))?,
        last_error: row.try_get("last_error")?,
        created_at: from_ms(row.try_get("created")?),
        updated_at: from_ms(row.try_get("updated")?),
    })
}

/// The earliest moment at which the head of a stream may go, its provider's pause included.
pub(in crate::postgres) async fn next_due(pool: &PgPool) -> sqlx::Result<Option<Timestamp>> {
    let due: Option<i64> = sqlx::query_scalar(
        "SELECT min(greatest(o.not_before, coalesce(p.until, o.not_before)))
         FROM outbox o LEFT JOIN provider_pause p ON p.provider = o.provider
         WHERE o.status = 0
           AND NOT EXISTS (SELECT 1 FROM outbox e
                           WHERE e.subject = o.subject AND e.provider = o.provider
                             AND e.status IN (0, 1) AND e.id < o.id)",
    )
    .fetch_one(pool)
    .await?;
    Ok(due.map(from_ms))
}

/// How many rows wait or are being sent, and for how long the longest was due.
pub(in crate::postgres) async fn backlog(
    pool: &PgPool,
    now: Timestamp,
) -> sqlx::Result<(u64, Option<Duration>)> {
    let (count, oldest): (i64, Option<i64>) =
        sqlx::query_as("SELECT count(*), min(first_due) FROM outbox WHERE status IN (0, 1)")
            .fetch_one(pool)
            .await?;
    let age = oldest
        .filter(|oldest| *oldest <= to_ms(now))
        .map(|oldest| kuma_core::time::between(from_ms(oldest), now));
    Ok((count.unsigned_abs(), age))
}

/// See the port.
pub(in crate::postgres) async fn pauses(
    pool: &PgPool,
) -> sqlx::Result<Vec<(ObjectName, Timestamp)>> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT provider, until FROM provider_pause").fetch_all(pool).await?;
    rows.into_iter()
        .map(|(provider, until)| {
            let name = provider.parse().map_err(|error| damaged("provider", error))?;
            Ok((name, from_ms(until)))
        })
        .collect()
}

/// See the port.
pub(in crate::postgres) async fn audit(
    pool: &PgPool,
    query: AuditQuery,
) -> sqlx::Result<Vec<AuditEvent>> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT * FROM audit WHERE TRUE");
    if let Some(resource) = &query.resource {
        let (kind, key) = resource
            .split_once(' ')
            .map_or((resource.as_str(), None), |(kind, key)| (kind, Some(key)));
        sql.push(" AND resource_type = ").push_bind(clean(kind));
        if let Some(key) = key {
            sql.push(" AND resource_key = ").push_bind(clean(key));
        }
    }
    if let Some(actor) = query.actor {
        sql.push(" AND actor = ").push_bind(clean(&actor));
    }
    if let Some(from) = query.from {
        sql.push(" AND at >= ").push_bind(to_ms(from));
    }
    if let Some(to) = query.to {
        sql.push(" AND at < ").push_bind(to_ms(to));
    }
    sql.push(" ORDER BY at DESC, id DESC LIMIT ").push_bind(i64::from(query.limit));
    let rows = sql.build().fetch_all(pool).await?;
    rows.iter().map(audit_event).collect()
}

fn audit_event(row: &PgRow) -> sqlx::Result<AuditEvent> {
    let details: Option<String> = row.try_get("details")?;
    Ok(AuditEvent {
        at: from_ms(row.try_get("at")?),
        resource_type: row.try_get("resource_type")?,
        resource_key: row.try_get("resource_key")?,
        event_type: row.try_get("event_type")?,
        actor: row.try_get("actor")?,
        summary: row.try_get("summary")?,
        details: details
            .map(|text| serde_json::from_str(&text).map_err(|error| damaged("details", error)))
            .transpose()?,
    })
}
