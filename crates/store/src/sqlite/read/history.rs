//! Evidence and incidents.

use kuma_core::id::{IncidentId, MonitorId, ObjectName};
use kuma_core::ports::{Incident, IncidentQuery};
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::sqlite::error::damaged;
use crate::sqlite::live::reason;

/// See the port.
pub(in crate::sqlite) async fn evidence(
    pool: &SqlitePool,
    monitor: MonitorId,
    at: Timestamp,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT body FROM evidence WHERE at = ? AND monitor = ? AND body IS NOT NULL
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(to_ms(at))
    .bind(monitor.0)
    .fetch_optional(pool)
    .await
}

/// See the port.
pub(in crate::sqlite) async fn incidents(
    pool: &SqlitePool,
    query: IncidentQuery,
) -> sqlx::Result<Vec<Incident>> {
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM incident WHERE TRUE");
    if let Some(name) = &query.monitor {
        sql.push(" AND namespace = ")
            .push_bind(name.namespace.to_string())
            .push(" AND name = ")
            .push_bind(name.name.to_string());
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
    sql.push(" ORDER BY started DESC, id DESC LIMIT ").push_bind(query.limit);
    let rows = sql.build().fetch_all(pool).await?;
    rows.iter().map(incident).collect()
}

fn incident(row: &SqliteRow) -> sqlx::Result<Incident> {
    let toggles: Vec<i64> =
        serde_json::from_str(row.try_get("toggles")?).map_err(|error| damaged("toggles", error))?;
    let acknowledged: Option<i64> = row.try_get("acknowledged")?;
    let by: Option<String> = row.try_get("acknowledged_by")?;
    Ok(Incident {
        id: IncidentId(row.try_get("id")?),
        monitor: MonitorId(row.try_get("monitor")?),
        monitor_name: ObjectName::new(
            row.try_get::<&str, _>("namespace")?,
            row.try_get::<&str, _>("name")?,
        ),
        started_at: from_ms(row.try_get("started")?),
        ended_at: row.try_get::<Option<i64>, _>("ended")?.map(from_ms),
        reason: reason(row.try_get("reason")?)?,
        message: row.try_get("message")?,
        closed_reason: reason(row.try_get("closed_reason")?)?,
        suppressed: row.try_get("suppressed")?,
        suppress_reason: row.try_get("suppress_reason")?,
        acknowledged: acknowledged.map(|at| (from_ms(at), by.unwrap_or_default())),
        toggles: toggles.into_iter().map(from_ms).collect(),
    })
}
