//! Messages to deliver, from the transaction that decided them to the delivery log, shared by all
//! members.
//!
//! A stream is (subject, provider). Only the lowest row of a stream that is pending or being sent
//! may go, so an up never overtakes its down. A row that is being sent says by whom: nobody else
//! ends the attempt, until its member is known not to live any more.

mod claim;
mod finish;
mod sent;

pub(super) use claim::claim;
pub(super) use finish::{finish, freeze, pause, recover, requeue_dead};
pub(super) use sent::standing;

use kuma_core::id::MonitorId;
use kuma_core::ports::{OutboxRow, SuppressedRow};
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::sql::clean;
use crate::code::damaged;
use crate::message::Status;

const INSERT: &str = "
    INSERT INTO outbox
      (key, subject, monitor, policy, provider, provider_type, incident, kind, monitor_name,
       first_due, not_before, group_key, merges, event, status, last_error, queued, created, updated)
    SELECT n.key, n.subject, n.monitor, n.policy, n.provider, n.provider_type, n.incident, n.kind,
       n.monitor_name, n.due, n.due, n.group_key, n.merges, n.event, $15::smallint, n.why,
       $16::bigint, $16::bigint, $16::bigint
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
        $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[],
        $14::text[]) WITH ORDINALITY
      AS n (key, subject, monitor, policy, provider, provider_type, incident, kind, monitor_name,
        due, group_key, merges, event, why, place)
    ORDER BY n.place
    ON CONFLICT DO NOTHING";

/// Adds messages; a key that exists already is left alone.
pub(super) async fn enqueue(
    connection: &mut PgConnection,
    now: Timestamp,
    rows: &[&OutboxRow],
) -> sqlx::Result<()> {
    let rows: Vec<_> = rows.iter().map(|row| (*row, None)).collect();
    insert(connection, now, &rows, Status::Pending).await
}

/// Adds messages that are not sent, for the log.
pub(super) async fn log_suppressed(
    connection: &mut PgConnection,
    now: Timestamp,
    rows: &[&SuppressedRow],
) -> sqlx::Result<()> {
    let rows: Vec<_> = rows.iter().map(|row| (&row.row, Some(clean(&row.why)))).collect();
    insert(connection, now, &rows, Status::Suppressed).await
}

/// One column of all rows.
fn all<'a, T>(rows: &[(&'a OutboxRow, Option<String>)], of: impl Fn(&'a OutboxRow) -> T) -> Vec<T> {
    rows.iter().map(|(row, _)| of(row)).collect()
}

async fn insert(
    connection: &mut PgConnection,
    now: Timestamp,
    rows: &[(&OutboxRow, Option<String>)],
    status: Status,
) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let event = |row: &OutboxRow| serde_json::to_string(&row.event).unwrap_or_default();
    let about = |row: &OutboxRow| {
        row.monitor.map(|_| clean(&row.event.monitor.to_string())).unwrap_or_default()
    };
    sqlx::query(INSERT)
        .bind(all(rows, |row| clean(&row.key)))
        .bind(all(rows, |row| clean(&row.subject)))
        .bind(all(rows, |row| row.monitor.map(|monitor| monitor.0)))
        .bind(all(rows, |row| row.policy.as_ref().map(|policy| clean(&policy.to_string()))))
        .bind(all(rows, |row| clean(&row.provider.to_string())))
        .bind(all(rows, |row| clean(&row.provider_type)))
        .bind(all(rows, |row| row.event.incident.map(|incident| incident.0)))
        .bind(all(rows, |row| row.event.kind.as_str()))
        .bind(all(rows, about))
        .bind(all(rows, |row| to_ms(row.not_before)))
        .bind(all(rows, |row| row.group_key.as_deref().map(clean)))
        .bind(all(rows, |row| row.merges.as_deref().map(clean)))
        .bind(all(rows, event))
        .bind(rows.iter().map(|(_, why)| why.clone()).collect::<Vec<_>>())
        .bind(status as i16)
        .bind(to_ms(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// A stored row as it was enqueued, but with the time at which it is due now.
fn outbox_row(row: &PgRow) -> sqlx::Result<OutboxRow> {
    let provider: String = row.try_get("provider")?;
    let policy: Option<String> = row.try_get("policy")?;
    let event: String = row.try_get("event")?;
    Ok(OutboxRow {
        key: row.try_get("key")?,
        subject: row.try_get("subject")?,
        monitor: row.try_get::<Option<i64>, _>("monitor")?.map(MonitorId),
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
