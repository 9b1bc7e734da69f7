//! Which messages may be sent now, and by whom.

use std::collections::HashSet;

use kuma_core::event::Event;
use kuma_core::id::ObjectName;
use kuma_core::ports::{Claim, OutboxRow};
use kuma_core::shard::MemberId;
use kuma_core::time::{Timestamp, from_ms, to_ms};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{PgConnection, Row};

use super::outbox_row;
use super::sent::earlier;
use crate::code::damaged;
use crate::message::{Status, claim_key};
use crate::postgres::fence::nobody_lives;
use crate::postgres::sql::unsigned;

/// The advisory lock of those who claim: a group is taken whole by one, or not at all.
const LOCK: i64 = 0x4B4B_554F;

/// Heads of streams that are due, of providers that are neither busy nor asked for peace.
const HEADS: &str = "
    SELECT id FROM outbox o
    WHERE status = 0 AND not_before <= $1
      AND provider <> ALL($2)
      AND provider NOT IN (SELECT provider FROM provider_pause WHERE until > $1)
      AND NOT EXISTS (SELECT 1 FROM outbox p
                      WHERE p.subject = o.subject AND p.provider = o.provider
                        AND p.status IN (0, 1) AND p.id < o.id)
    ORDER BY not_before, id LIMIT $3 FOR UPDATE OF o SKIP LOCKED";

/// Rows of one group key that no row outside of them must precede.
const GROUP: &str = "
    SELECT * FROM outbox o
    WHERE group_key = $1 AND provider = $2 AND status = 0 AND claim IS NULL
      AND NOT EXISTS (SELECT 1 FROM outbox p
                      WHERE p.subject = o.subject AND p.provider = o.provider
                        AND p.status IN (0, 1) AND p.id < o.id
                        AND (p.status = 1 OR p.claim IS NOT NULL
                             OR p.group_key IS DISTINCT FROM o.group_key))
    ORDER BY id";

/// Takes what is due for `me`; see the port. A member that has expired gets nothing.
pub(in crate::postgres) async fn claim(
    pool: &PgPool,
    me: &MemberId,
    now: Timestamp,
    busy: &[ObjectName],
    limit: u32,
) -> sqlx::Result<Vec<Claim>> {
    let mut transaction = pool.begin().await?;
    // A claim is carried to the disk by the freeze that follows it and that no message is sent
    // without.
    sqlx::raw_sql("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    if !may_claim(&mut transaction, me).await? {
        return Ok(Vec::new());
    }
    let heads: Vec<i64> = sqlx::query_scalar(HEADS)
        .bind(to_ms(now))
        .bind(busy.iter().map(ToString::to_string).collect::<Vec<_>>())
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
    let mut taken = HashSet::new();
    let mut claims = Vec::new();
    for head in heads {
        if !taken.contains(&head)
            && let Some(claim) = take(&mut transaction, me, head, now, &mut taken).await?
        {
            claims.push(claim);
        }
    }
    transaction.commit().await?;
    Ok(claims)
}

/// Whether `me` lives, or nobody does (a process alone).
async fn may_claim(connection: &mut PgConnection, me: &MemberId) -> sqlx::Result<bool> {
    let alive: Option<bool> =
        sqlx::query_scalar("SELECT expires_at > clock_timestamp() FROM member WHERE id = $1")
            .bind(&me.0)
            .fetch_optional(&mut *connection)
            .await?;
    match alive {
        Some(true) => Ok(true),
        Some(false) => Ok(false),
        None => nobody_lives(connection).await,
    }
}

async fn take(
    connection: &mut PgConnection,
    me: &MemberId,
    head: i64,
    now: Timestamp,
    taken: &mut HashSet<i64>,
) -> sqlx::Result<Option<Claim>> {
    let mut members = members(connection, head).await?;
    let Some(first) = members.first() else {
        return Ok(None);
    };
    let is_first_attempt = first.try_get::<i32, _>("attempts")? == 0
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
    build(connection, me, &kept, merged_up, now, taken).await.map(Some)
}

/// The rows that travel with a head: its frozen set, its group, or itself.
async fn members(connection: &mut PgConnection, head: i64) -> sqlx::Result<Vec<PgRow>> {
    let Some(row) = sqlx::query("SELECT * FROM outbox WHERE id = $1 AND status = 0")
        .bind(head)
        .fetch_optional(&mut *connection)
        .await?
    else {
        return Ok(Vec::new());
    };
    if let Some(frozen) = row.try_get::<Option<String>, _>("claim")? {
        return sqlx::query("SELECT * FROM outbox WHERE claim = $1 AND status = 0 ORDER BY id")
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
async fn merge(
    connection: &mut PgConnection,
    down: &PgRow,
    now: Timestamp,
) -> sqlx::Result<Vec<(i64, Option<Event>)>> {
    let subject: String = down.try_get("subject")?;
    let provider: String = down.try_get("provider")?;
    let key: String = down.try_get("key")?;
    let up: Option<(i64, String)> = sqlx::query_as(
        "SELECT id, event FROM outbox
         WHERE subject = $1 AND provider = $2 AND status = 0 AND merges = $3 AND claim IS NULL
         ORDER BY id LIMIT 1 FOR UPDATE",
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
        "UPDATE outbox SET status = $1, updated = $2,
                last_error = 'the outage was over before its first message was sent'
         WHERE subject = $3 AND provider = $4 AND status = 0 AND claim IS NULL AND id > $5 AND id < $6
         RETURNING id",
    )
    .bind(Status::ToldWithAnother as i16)
    .bind(to_ms(now))
    .bind(subject)
    .bind(provider)
    .bind(down.try_get::<i64, _>("id")?)
    .bind(up)
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE outbox SET status = $1, updated = $2, claim = $3,
                last_error = 'told together with the down'
         WHERE id = $4",
    )
    .bind(Status::ToldWithAnother as i16)
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
    connection: &mut PgConnection,
    me: &MemberId,
    members: &[PgRow],
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
    mark(connection, me, &key, ids, now).await?;
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
        attempts: unsigned("attempts", i64::from(first.try_get::<i32, _>("attempts")?))?,
        may_be_repeat,
        created_at: from_ms(queued),
        rows,
    })
}

async fn mark(
    connection: &mut PgConnection,
    me: &MemberId,
    key: &str,
    ids: Vec<i64>,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE outbox SET status = $1, claim = $2, claimed_by = $3, attempts = attempts + 1,
                last_attempt = $4, updated = $4
         WHERE id = ANY($5)",
    )
    .bind(Status::Sending as i16)
    .bind(key)
    .bind(&me.0)
    .bind(to_ms(now))
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}

/// The up that an earlier attempt of the first row took with it.
async fn earlier_merged(
    connection: &mut PgConnection,
    rows: &[OutboxRow],
) -> sqlx::Result<Option<Event>> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let event: Option<String> =
        sqlx::query_scalar("SELECT event FROM outbox WHERE claim = $1 AND status = $2 LIMIT 1")
            .bind(first.key.clone())
            .bind(Status::ToldWithAnother as i16)
            .fetch_optional(connection)
            .await?;
    event
        .map(|event| serde_json::from_str(&event).map_err(|error| damaged("event", error)))
        .transpose()
}
