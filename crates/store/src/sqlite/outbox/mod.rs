//! Messages to deliver, from the transaction that decided them to the delivery log.
//!
//! A stream is (subject, provider). Only the lowest row of a stream that is pending or being sent
//! may go, so an up never overtakes its down.

mod claim;
mod finish;
mod sent;

pub(super) use claim::claim;
pub(super) use finish::{finish, freeze, pause, recover, requeue_dead};
pub(super) use sent::standing;

use std::sync::LazyLock;

use kuma_core::ports::{OutboxRow, SuppressedRow};
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::error::damaged;
use super::sql::{MultiInsert, Query};
pub(super) use crate::message::Status;

const COLUMNS: &str = "INSERT INTO outbox
    (key, subject, monitor, policy, provider, provider_type, incident, kind, monitor_name,
     first_due, not_before, group_key, merges, event, status, last_error, queued, created, updated)";
static ROW: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new(COLUMNS, 19, "ON CONFLICT DO NOTHING"));

/// Adds messages; a key that exists already is left alone.
pub(super) async fn enqueue(
    connection: &mut SqliteConnection,
    now: Timestamp,
    rows: &[OutboxRow],
) -> sqlx::Result<()> {
    ROW.run(connection, rows, |query, row| bind(query, row, Status::Pending, None, now)).await?;
    Ok(())
}

/// Adds messages that are not sent, for the log.
pub(super) async fn log_suppressed(
    connection: &mut SqliteConnection,
    now: Timestamp,
    rows: &[SuppressedRow],
) -> sqlx::Result<()> {
    ROW.run(connection, rows, |query, suppressed| {
        let why = Some(suppressed.why.clone());
        bind(query, &suppressed.row, Status::Suppressed, why, now)
    })
    .await?;
    Ok(())
}

fn bind<'q>(
    query: Query<'q>,
    row: &OutboxRow,
    status: Status,
    why: Option<String>,
    now: Timestamp,
) -> Query<'q> {
    let event = serde_json::to_string(&row.event).unwrap_or_default();
    let about_monitor = row.monitor.map(|_| row.event.monitor.to_string());
    query
        .bind(row.key.clone())
        .bind(row.subject.clone())
        .bind(row.monitor.map(|monitor| monitor.0))
        .bind(row.policy.as_ref().map(ToString::to_string))
        .bind(row.provider.to_string())
        .bind(row.provider_type.clone())
        .bind(row.event.incident.map(|incident| incident.0))
        .bind(row.event.kind.as_str())
        .bind(about_monitor.unwrap_or_default())
        .bind(to_ms(row.not_before))
        .bind(to_ms(row.not_before))
        .bind(row.group_key.clone())
        .bind(row.merges.clone())
        .bind(event)
        .bind(status as u8)
        .bind(why)
        .bind(to_ms(now))
        .bind(to_ms(now))
        .bind(to_ms(now))
}

/// A stored row as it was enqueued, but with the time at which it is due now.
fn outbox_row(row: &SqliteRow) -> sqlx::Result<OutboxRow> {
    let provider: String = row.try_get("provider")?;
    let policy: Option<String> = row.try_get("policy")?;
    let event: String = row.try_get("event")?;
    Ok(OutboxRow {
        key: row.try_get("key")?,
        subject: row.try_get("subject")?,
        monitor: row.try_get::<Option<i64>, _>("monitor")?.map(kuma_core::id::MonitorId),
        policy: policy
            .map(|policy| policy.parse().map_err(|error| damaged("policy", error)))
            .transpose()?,
        provider: provider.parse().map_err(|error| damaged("provider", error))?,
        provider_type: row.try_get("provider_type")?,
        not_before: from_ms(row.try_get("not_before")?),
        group_key: row.try_get("group_key")?,
        merges: row.try_get("merges")?,
        event: serde_json::from_str(&event).map_err(|error| damaged("event", error))?,
    })
}
