//! How attempts to deliver end, and what wakes dead letters.

use std::time::Duration;

use kuma_core::id::ObjectName;
use kuma_core::ports::{DeliveryEnd, LONGEST_RECEIPT, StoreError};
use kuma_core::time::{Timestamp, to_ms};
use sqlx::SqliteConnection;

use super::Status;
use crate::sqlite::work::WorkError;

/// Keeps the bytes of a claim with its first row.
pub(in crate::sqlite) async fn freeze(
    connection: &mut SqliteConnection,
    key: &str,
    payload: &[u8],
) -> Result<(), WorkError> {
    let frozen = sqlx::query(
        "UPDATE outbox SET payload = ?
         WHERE id = (SELECT min(id) FROM outbox WHERE claim = ? AND status = ?)",
    )
    .bind(payload)
    .bind(key)
    .bind(Status::Sending as u8)
    .execute(connection)
    .await?;
    expect_claim(key, frozen.rows_affected())
}

/// Ends an attempt.
pub(in crate::sqlite) async fn finish(
    connection: &mut SqliteConnection,
    key: &str,
    end: &DeliveryEnd,
    latency: Duration,
    now: Timestamp,
) -> Result<(), WorkError> {
    let (status, error, again, receipt) = match end {
        DeliveryEnd::Sent { receipt } => (Status::Sent, None, None, receipt.as_ref()),
        DeliveryEnd::Retry { at, error } => (Status::Pending, Some(error), Some(to_ms(*at)), None),
        DeliveryEnd::Dead { error } => (Status::Failed, Some(error), None, None),
    };
    let receipt = receipt.filter(|receipt| receipt.len() <= LONGEST_RECEIPT);
    let ended = sqlx::query(
        "UPDATE outbox SET status = ?1, last_error = ?2, not_before = ifnull(?3, not_before),
                latency = ?4, updated = ?5, payload = iif(?1 = 0, payload, NULL),
                receipt = ?7
         WHERE claim = ?6 AND status = 1",
    )
    .bind(status as u8)
    .bind(error)
    .bind(again)
    .bind(i64::try_from(latency.as_micros()).unwrap_or(i64::MAX))
    .bind(to_ms(now))
    .bind(key)
    .bind(receipt)
    .execute(connection)
    .await?;
    expect_claim(key, ended.rows_affected())
}

fn expect_claim(key: &str, rows: u64) -> Result<(), WorkError> {
    if rows > 0 {
        return Ok(());
    }
    Err(StoreError::Invalid(format!("no message {key} is being sent")).into())
}

/// Gives rows that a dead process was sending out again, as possible repeats.
pub(in crate::sqlite) async fn recover(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let recovered = sqlx::query(
        "UPDATE outbox SET status = 0, repeat = 1, not_before = ?1, updated = ?1
         WHERE status IN (0, 1) AND status = 1",
    )
    .bind(to_ms(now))
    .execute(connection)
    .await?;
    Ok(recovered.rows_affected())
}

/// Dead letters of open incidents get another chance, rendered anew, and another 24 hours.
pub(in crate::sqlite) async fn requeue_dead(
    connection: &mut SqliteConnection,
    provider: &ObjectName,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let requeued = sqlx::query(
        "UPDATE outbox SET status = 0, payload = NULL, not_before = ?1, first_due = ?1,
                queued = ?1, updated = ?1
         WHERE status = 3 AND provider = ?2
           AND incident IN (SELECT id FROM incident WHERE ended IS NULL)",
    )
    .bind(to_ms(now))
    .bind(provider.to_string())
    .execute(connection)
    .await?;
    Ok(requeued.rows_affected())
}

/// Leaves a provider alone until then.
pub(in crate::sqlite) async fn pause(
    connection: &mut SqliteConnection,
    provider: &ObjectName,
    until: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query("INSERT OR REPLACE INTO provider_pause (provider, until) VALUES (?, ?)")
        .bind(provider.to_string())
        .bind(to_ms(until))
        .execute(connection)
        .await?;
    Ok(())
}
