//! How attempts to deliver end, and what wakes dead letters and what dead members were sending.

use std::time::Duration;

use kuma_core::id::ObjectName;
use kuma_core::ports::{DeliveryEnd, LONGEST_RECEIPT, StoreError};
use kuma_core::shard::MemberId;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::postgres::PgPool;

use crate::message::Status;
use crate::postgres::error::WorkError;
use crate::postgres::sql::clean;

/// Keeps the bytes of a claim with its first row.
pub(in crate::postgres) async fn freeze(
    pool: &PgPool,
    me: &MemberId,
    key: &str,
    payload: &[u8],
) -> Result<(), WorkError> {
    let frozen = sqlx::query(
        "UPDATE outbox SET payload = $1
         WHERE id = (SELECT min(id) FROM outbox WHERE claim = $2 AND status = 1)
           AND status = 1 AND claimed_by = $3",
    )
    .bind(payload)
    .bind(clean(key))
    .bind(&me.0)
    .execute(pool)
    .await?;
    expect_claim(key, frozen.rows_affected())
}

/// Ends an attempt.
pub(in crate::postgres) async fn finish(
    pool: &PgPool,
    me: &MemberId,
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
        "UPDATE outbox SET status = $1, last_error = $2, not_before = coalesce($3, not_before),
                latency = $4, updated = $5, payload = CASE WHEN $1 = 0 THEN payload END,
                receipt = $7, claimed_by = NULL
         WHERE claim = $6 AND status = 1 AND claimed_by = $8",
    )
    .bind(status as i16)
    .bind(error.map(|error| clean(error)))
    .bind(again)
    .bind(i64::try_from(latency.as_micros()).unwrap_or(i64::MAX))
    .bind(to_ms(now))
    .bind(clean(key))
    .bind(receipt.map(|receipt| clean(receipt)))
    .bind(&me.0)
    .execute(pool)
    .await?;
    expect_claim(key, ended.rows_affected())
}

fn expect_claim(key: &str, rows: u64) -> Result<(), WorkError> {
    if rows > 0 {
        return Ok(());
    }
    Err(StoreError::Invalid(format!("no message {key} is being sent by this process")).into())
}

/// Gives rows that members were sending who live no longer, or earlier lives of this pod, out
/// again, as possible repeats.
pub(in crate::postgres) async fn recover(
    pool: &PgPool,
    me: &MemberId,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let recovered = sqlx::query(
        "UPDATE outbox SET status = 0, repeat = true, claimed_by = NULL, not_before = $1,
                updated = $1
         WHERE status IN (0, 1) AND status = 1
           AND (claimed_by IS NULL
                OR NOT EXISTS (SELECT 1 FROM member m
                               WHERE m.id = claimed_by AND m.expires_at > clock_timestamp())
                OR (claimed_by <> $2 AND starts_with(claimed_by, $3)))",
    )
    .bind(to_ms(now))
    .bind(&me.0)
    .bind(format!("{}/", pod(me)))
    .execute(pool)
    .await?;
    Ok(recovered.rows_affected())
}

/// The name of a member's pod: what stands before the last `/` of its id. A pod has one process at
/// a time, so one of the same name that is not this one has ended.
fn pod(member: &MemberId) -> &str {
    member.0.rsplit_once('/').map_or(member.0.as_str(), |(pod, _)| pod)
}

/// Dead letters of open incidents get another chance, rendered anew, and another 24 hours.
pub(in crate::postgres) async fn requeue_dead(
    pool: &PgPool,
    provider: &ObjectName,
    now: Timestamp,
) -> sqlx::Result<u64> {
    let requeued = sqlx::query(
        "UPDATE outbox SET status = 0, payload = NULL, not_before = $1, first_due = $1,
                queued = $1, updated = $1
         WHERE status = 3 AND provider = $2
           AND incident IN (SELECT id FROM incident WHERE ended IS NULL)",
    )
    .bind(to_ms(now))
    .bind(clean(&provider.to_string()))
    .execute(pool)
    .await?;
    Ok(requeued.rows_affected())
}

/// Leaves a provider alone until then.
pub(in crate::postgres) async fn pause(
    pool: &PgPool,
    provider: &ObjectName,
    until: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO provider_pause (provider, until) VALUES ($1, $2)
         ON CONFLICT (provider) DO UPDATE SET until = excluded.until",
    )
    .bind(clean(&provider.to_string()))
    .bind(to_ms(until))
    .execute(pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pod_of_a_member_is_what_its_lives_share() {
        let pod_of = |id: &str| pod(&MemberId(id.to_owned())).to_owned();
        assert_eq!(pod_of("kubekuma-0/7f3a"), "kubekuma-0");
        assert_eq!(pod_of("host.example"), "host.example");
    }
}
