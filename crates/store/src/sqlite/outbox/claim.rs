//! Which messages may be sent now.

use std::collections::HashSet;

use kuma_core::event::Event;
use kuma_core::id::ObjectName;
use kuma_core::ports::Claim;
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::sent::earlier;
use super::{Status, outbox_row};
use crate::message::claim_key;
use crate::sqlite::error::damaged;
use crate::sqlite::sql::{json_ids, json_texts};

/// Heads of streams that are due, of providers that are neither busy nor asked for peace.
const HEADS: &str = "
    SELECT id FROM outbox o
    WHERE status = 0 AND not_before <= ?1
      AND provider NOT IN (SELECT value FROM json_each(?2))
      AND provider NOT IN (SELECT provider FROM provider_pause WHERE until > ?1)
      AND NOT EXISTS (SELECT 1 FROM outbox p
                      WHERE p.subject = o.subject AND p.provider = o.provider
                        AND p.status IN (0, 1) AND p.id < o.id)
    ORDER BY not_before, id LIMIT ?3";

/// Rows of one group key that no row outside of them must precede.
const GROUP: &str = "
    SELECT * FROM outbox o
    WHERE group_key = ?1 AND provider = ?2 AND status = 0 AND claim IS NULL
      AND NOT EXISTS (SELECT 1 FROM outbox p
                      WHERE p.subject = o.subject AND p.provider = o.provider
                        AND p.status IN (0, 1) AND p.id < o.id
                        AND (p.status = 1 OR p.claim IS NOT NULL
                             OR p.group_key IS NOT o.group_key))
    ORDER BY id";

/// Takes what is due; see the port.
pub(in crate::sqlite) async fn claim(
    connection: &mut SqliteConnection,
    now: Timestamp,
    busy: &[ObjectName],
    limit: u32,
) -> sqlx::Result<Vec<Claim>> {
    let heads: Vec<i64> = sqlx::query_scalar(HEADS)
        .bind(to_ms(now))
        .bind(json_texts(busy.iter().map(ToString::to_string)))
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
    let mut taken = HashSet::new();
    let mut claims = Vec::new();
    for head in heads {
        if !taken.contains(&head)
            && let Some(claim) = take(connection, head, now, &mut taken).await?
        {
            claims.push(claim);
        }
    }
    Ok(claims)
}

async fn take(
    connection: &mut SqliteConnection,
    head: i64,
    now: Timestamp,
    taken: &mut HashSet<i64>,
) -> sqlx::Result<Option<Claim>> {
    let mut members = members(connection, head).await?;
    let Some(first) = members.first() else {
        return Ok(None);
    };
    let is_first_attempt = first.try_get::<i64, _>("attempts")? == 0
        && first.try_get::<Option<String>, _>("claim")?.is_none();
    let merged = if is_first_attempt { merge(connection, first, now).await? } else { Vec::new() };
    let gone: HashSet<i64> = merged.iter().map(|merged| merged.0).collect();
    let mut kept = Vec::with_capacity(members.len());
    for member in members.drain(..) {
        if !gone.contains(&member.try_get("id")?) {
            kept.push(member);
        }
    }
    let merged_up = merged.into_iter().find_map(|(_, up)| up);
    build(connection, &kept, merged_up, now, taken).await.map(Some)
}

/// The rows that travel with a head: its frozen set, its group, or itself.
async fn members(connection: &mut SqliteConnection, head: i64) -> sqlx::Result<Vec<SqliteRow>> {
    let Some(row) = sqlx::query("SELECT * FROM outbox WHERE id = ? AND status = 0")
        .bind(head)
        .fetch_optional(&mut *connection)
        .await?
    else {
        return Ok(Vec::new());
    };
    if let Some(frozen) = row.try_get::<Option<String>, _>("claim")? {
        return sqlx::query("SELECT * FROM outbox WHERE claim = ? AND status = 0 ORDER BY id")
            .bind(frozen)
            .fetch_all(connection)
            .await;
    }
    if let Some(group) = row.try_get::<Option<String>, _>("group_key")? {
        return sqlx::query(GROUP)
            .bind(group)
            .bind(row.try_get::<String, _>("provider")?)
            .fetch_all(connection)
            .await;
    }
    Ok(vec![row])
}

/// A down that was never attempted takes its up with it, and what would have been said between
/// them is moot. Returns the rows that end here, and the up's event.
// `status IN (0, 1)` is said beside `status = 0` so that the index on streams is used.
async fn merge(
    connection: &mut SqliteConnection,
    down: &SqliteRow,
    now: Timestamp,
) -> sqlx::Result<Vec<(i64, Option<Event>)>> {
    let subject: String = down.try_get("subject")?;
    let provider: String = down.try_get("provider")?;
    let key: String = down.try_get("key")?;
    let up: Option<(i64, String)> = sqlx::query_as(
        "SELECT id, event FROM outbox
         WHERE subject = ? AND provider = ? AND status IN (0, 1) AND status = 0 AND merges = ? AND claim IS NULL
         ORDER BY id LIMIT 1",
    )
    .bind(subject.clone())
    .bind(provider.clone())
    .bind(key.clone())
    .fetch_optional(&mut *connection)
    .await?;
    let Some((up, event)) = up else {
        return Ok(Vec::new());
    };
    let event = serde_json::from_str(&event).map_err(|error| damaged("event", error))?;
    let between: Vec<i64> = sqlx::query_scalar(
        "UPDATE outbox SET status = ?, updated = ?,
                last_error = 'the outage was over before its first message was sent'
         WHERE subject = ? AND provider = ? AND status IN (0, 1) AND status = 0 AND claim IS NULL AND id > ? AND id < ?
         RETURNING id",
    )
    .bind(Status::ToldWithAnother as u8)
    .bind(to_ms(now))
    .bind(subject)
    .bind(provider)
    .bind(down.try_get::<i64, _>("id")?)
    .bind(up)
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE outbox SET status = ?, updated = ?, claim = ?, last_error = 'told together with the down'
         WHERE id = ?",
    )
    .bind(Status::ToldWithAnother as u8)
    .bind(to_ms(now))
    .bind(key)
    .bind(up)
    .execute(connection)
    .await?;
    let mut ended: Vec<_> = between.into_iter().map(|id| (id, None)).collect();
    ended.push((up, Some(event)));
    Ok(ended)
}

/// Marks the rows as being sent and hands them out.
async fn build(
    connection: &mut SqliteConnection,
    members: &[SqliteRow],
    merged_up: Option<Event>,
    now: Timestamp,
    taken: &mut HashSet<i64>,
) -> sqlx::Result<Claim> {
    let mut rows = Vec::with_capacity(members.len());
    let mut ids = Vec::with_capacity(members.len());
    let mut queued = i64::MAX;
    let mut may_be_repeat = false;
    for member in members {
        rows.push(outbox_row(member)?);
        ids.push(member.try_get::<i64, _>("id")?);
        queued = queued.min(member.try_get("queued")?);
        may_be_repeat |= member.try_get::<bool, _>("repeat")?;
    }
    let first = members.first().ok_or(sqlx::Error::RowNotFound)?;
    let key = match first.try_get::<Option<String>, _>("claim")? {
        Some(frozen) => frozen,
        None => claim_key(rows.iter().map(|row| row.key.as_str())),
    };
    taken.extend(&ids);
    mark(connection, &key, &ids, now).await?;
    let merged_up = match merged_up {
        Some(up) => Some(up),
        None => earlier_merged(connection, &rows).await?,
    };
    let earlier = earlier(connection, &rows).await?;
    Ok(Claim {
        earlier,
        key,
        merged_up,
        frozen: first.try_get("payload")?,
        attempts: first.try_get("attempts")?,
        may_be_repeat,
        created_at: from_ms(queued),
        rows,
    })
}

async fn mark(
    connection: &mut SqliteConnection,
    key: &str,
    ids: &[i64],
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE outbox SET status = ?, claim = ?, attempts = attempts + 1, last_attempt = ?,
                updated = ?
         WHERE id IN (SELECT value FROM json_each(?))",
    )
    .bind(Status::Sending as u8)
    .bind(key)
    .bind(to_ms(now))
    .bind(to_ms(now))
    .bind(json_ids(ids.iter().copied()))
    .execute(connection)
    .await?;
    Ok(())
}

/// The up that an earlier attempt of the first row took with it.
async fn earlier_merged(
    connection: &mut SqliteConnection,
    rows: &[kuma_core::ports::OutboxRow],
) -> sqlx::Result<Option<Event>> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let event: Option<String> =
        sqlx::query_scalar("SELECT event FROM outbox WHERE claim = ? AND status = ? LIMIT 1")
            .bind(first.key.clone())
            .bind(Status::ToldWithAnother as u8)
            .fetch_optional(connection)
            .await?;
    event
        .map(|event| serde_json::from_str(&event).map_err(|error| damaged("event", error)))
        .transpose()
}
