//! Incidents, whole, by id.

use std::sync::LazyLock;

use kuma_core::ports::Incident;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::SqliteConnection;

use crate::sqlite::sql::MultiInsert;

static INCIDENT: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT INTO incident (id, monitor, namespace, name, started, ended, reason, message,
            closed_reason, suppressed, suppress_reason, acknowledged, acknowledged_by, toggles,
            created, updated)",
        16,
        "ON CONFLICT (id) DO UPDATE SET
            started = excluded.started, ended = excluded.ended, reason = excluded.reason,
            message = excluded.message, closed_reason = excluded.closed_reason,
            suppressed = excluded.suppressed, suppress_reason = excluded.suppress_reason,
            acknowledged = excluded.acknowledged, acknowledged_by = excluded.acknowledged_by,
            toggles = excluded.toggles, updated = excluded.updated",
    )
});

/// Inserts or replaces.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    now: Timestamp,
    incidents: &[Incident],
) -> sqlx::Result<()> {
    let now = to_ms(now);
    INCIDENT
        .run(connection, incidents, |query, incident| {
            let toggles: Vec<i64> = incident.toggles.iter().copied().map(to_ms).collect();
            let acknowledged = incident.acknowledged.as_ref();
            query
                .bind(incident.id.0)
                .bind(incident.monitor.0)
                .bind(incident.monitor_name.namespace.to_string())
                .bind(incident.monitor_name.name.to_string())
                .bind(to_ms(incident.started_at))
                .bind(incident.ended_at.map(to_ms))
                .bind(incident.reason.map(|reason| reason as u16))
                .bind(incident.message.clone())
                .bind(incident.closed_reason.map(|reason| reason as u16))
                .bind(incident.suppressed)
                .bind(incident.suppress_reason.clone())
                .bind(acknowledged.map(|(at, _)| to_ms(*at)))
                .bind(acknowledged.map(|(_, by)| by.clone()))
                .bind(serde_json::Value::from(toggles).to_string())
                .bind(now)
                .bind(now)
        })
        .await?;
    Ok(())
}
