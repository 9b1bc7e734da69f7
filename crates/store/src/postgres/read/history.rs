//! Evidence and incidents.

use kuma_core::id::{IncidentId, MonitorId, ObjectName};
use kuma_core::ports::{Incident, IncidentQuery};
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{Postgres, QueryBuilder, Row};

use crate::code::{damaged, reason};
use crate::postgres::sql::{clean, unsigned};

/// See the port.
pub(in crate::postgres) async fn evidence(
    pool: &PgPool,
    monitor: MonitorId,
    at: Timestamp,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT body FROM evidence WHERE at = $1 AND monitor = $2 AND body IS NOT NULL
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(to_ms(at))
    .bind(monitor.0)
    .fetch_optional(pool)
    .await
}

/// See the port.
pub(in crate::postgres) async fn incidents(
    pool: &PgPool,
    query: IncidentQuery,
) -> sqlx::Result<Vec<Incident>> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT * FROM incident WHERE TRUE");
    if let Some(name) = &query.monitor {
        sql.push(" AND namespace = ")
            .push_bind(clean(&name.namespace))
            .push(" AND name = ")
            .push_bind(clean(&name.name));
    }
    match query.open {
        Some(true) => drop(sql.push(" AND ended IS NULL")),
        Some(false) => drop(sql.push(" AND ended IS NOT NULL")),
        None => {}
    }
    if let Some(from) = query.from {
        sql.push(" AND (started >= ")
            .push_bind(to_ms(from))
            .push(" OR ended IS NULL OR ended > ")
            .push_bind(to_ms(from))
            .push(")");
    }
    if let Some(to) = query.to {
        sql.push(" AND started < ").push_bind(to_ms(to));
    }
    if let Some(before) = query.before {
        sql.push(" AND (started, id) < (SELECT started, id FROM incident WHERE id = ")
            .push_bind(before.0)
            .push(")");
    }
    sql.push(" ORDER BY started DESC, id DESC LIMIT ").push_bind(i64::from(query.limit));
    let rows = sql.build().fetch_all(pool).await?;
    rows.iter().map(incident).collect()
}

fn incident(row: &PgRow) -> sqlx::Result<Incident> {
    let toggles: Vec<i64> =
        serde_json::from_str(row.try_get("toggles")?).map_err(|error| damaged("toggles", error))?;
    let acknowledged: Option<i64> = row.try_get("acknowledged")?;
    let by: Option<String> = row.try_get("acknowledged_by")?;
    let why = |column: &str| {
        let number: Option<i32> = row.try_get(column)?;
        reason(number.map(|number| unsigned("reason", i64::from(number))).transpose()?)
    };
    Ok(Incident {
        id: IncidentId(row.try_get("id")?),
        monitor: MonitorId(row.try_get("monitor")?),
        monitor_name: ObjectName::new(
            row.try_get::<&str, _>("namespace")?,
            row.try_get::<&str, _>("name")?,
        ),
        started_at: from_ms(row.try_get("started")?),
        ended_at: row.try_get::<Option<i64>, _>("ended")?.map(from_ms),
        reason: why("reason")?,
        message: row.try_get("message")?,
        closed_reason: why("closed_reason")?,
        suppressed: row.try_get("suppressed")?,
        suppress_reason: row.try_get("suppress_reason")?,
        acknowledged: acknowledged.map(|at| (from_ms(at), by.unwrap_or_default())),
        toggles: toggles.into_iter().map(from_ms).collect(),
    })
}
