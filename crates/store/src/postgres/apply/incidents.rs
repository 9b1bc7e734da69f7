//! Incidents, whole, by id.

use std::collections::BTreeMap;

use kuma_core::id::IncidentId;
use kuma_core::ports::Incident;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::PgConnection;

use crate::postgres::sql::clean;

/// Inserts or replaces.
pub(super) async fn upsert(
    connection: &mut PgConnection,
    now: Timestamp,
    incidents: &BTreeMap<IncidentId, &Incident>,
) -> sqlx::Result<()> {
    if incidents.is_empty() {
        return Ok(());
    }
    let rows: Vec<&Incident> = incidents.values().copied().collect();
    let toggles = |row: &Incident| {
        let times: Vec<i64> = row.toggles.iter().copied().map(to_ms).collect();
        serde_json::Value::from(times).to_string()
    };
    let reason = |reason: Option<kuma_core::reason::Reason>| reason.map(|it| i32::from(it as u16));
    let text = |text: &Option<String>| text.as_deref().map(clean);
    sqlx::query(
        "INSERT INTO incident (id, monitor, namespace, name, started, ended, reason, message,
            closed_reason, suppressed, suppress_reason, acknowledged, acknowledged_by, toggles,
            created, updated)
         SELECT *, $15::bigint, $15::bigint
         FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[],
            $6::bigint[], $7::integer[], $8::text[], $9::integer[], $10::boolean[], $11::text[],
            $12::bigint[], $13::text[], $14::text[])
         ON CONFLICT (id) DO UPDATE SET
            started = excluded.started, ended = excluded.ended, reason = excluded.reason,
            message = excluded.message, closed_reason = excluded.closed_reason,
            suppressed = excluded.suppressed, suppress_reason = excluded.suppress_reason,
            acknowledged = excluded.acknowledged, acknowledged_by = excluded.acknowledged_by,
            toggles = excluded.toggles, updated = excluded.updated",
    )
    .bind(rows.iter().map(|row| row.id.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.monitor.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean(&row.monitor_name.namespace)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| clean(&row.monitor_name.name)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| to_ms(row.started_at)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.ended_at.map(to_ms)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| reason(row.reason)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| text(&row.message)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| reason(row.closed_reason)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.suppressed).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| text(&row.suppress_reason)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| acknowledged(row).map(|it| to_ms(it.0))).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| acknowledged(row).map(|it| clean(&it.1))).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| toggles(row)).collect::<Vec<_>>())
    .bind(to_ms(now))
    .execute(connection)
    .await?;
    Ok(())
}

fn acknowledged(row: &Incident) -> Option<&(Timestamp, String)> {
    row.acknowledged.as_ref()
}
