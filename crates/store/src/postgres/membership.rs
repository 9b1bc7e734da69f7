//! Who takes part, on the server's own clock.
//!
//! # How it is exact
//! A commit locks the rows of its shards, shared, before it looks whether its member lives, and
//! keeps them to its end. A claim locks the rows of all members, so that none renews meanwhile, and
//! only then looks who has expired; what it takes it must lock for itself. So either the commit was
//! there first, and the claim comes after it, or the commit finds another owner or epoch.

use std::time::Duration;

use kuma_core::id::MonitorId;
use kuma_core::ports::{Membership, StoreResult};
use kuma_core::shard::{Member, MemberId, Row, Shard, ShardSet, View};
use sqlx::PgConnection;

use super::PostgresStore;
use super::error::WorkError;
use super::fence::numbers;

impl Membership for PostgresStore {
    fn beat<'a>(&'a self, me: &'a MemberId, ttl: Duration) -> StoreResult<'a, View> {
        Self::ask(async move {
            let mut transaction = self.pool.begin().await?;
            renew(&mut transaction, me, ttl).await?;
            let view = view(&mut transaction).await?;
            transaction.commit().await?;
            Ok(view)
        })
    }

    fn claim_shards<'a>(
        &'a self,
        me: &'a MemberId,
        shards: ShardSet,
    ) -> StoreResult<'a, Vec<(Shard, i64)>> {
        Self::ask(async move {
            let mut transaction = self.pool.begin().await?;
            let claimed = claim(&mut transaction, me, shards).await?;
            transaction.commit().await?;
            Ok(claimed)
        })
    }

    fn release_shards<'a>(&'a self, me: &'a MemberId, shards: ShardSet) -> StoreResult<'a, ()> {
        Self::ask(async move {
            let mut transaction = self.pool.begin().await?;
            release(&mut transaction, me, shards).await?;
            transaction.commit().await?;
            Ok(())
        })
    }

    fn ask_runs<'a>(&'a self, monitors: &'a [MonitorId]) -> StoreResult<'a, ()> {
        Self::ask(async move {
            // In one order, so that two that ask at once do not wait for each other.
            let mut monitors: Vec<i64> = monitors.iter().map(|monitor| monitor.0).collect();
            monitors.sort_unstable();
            monitors.dedup();
            let shards: Vec<i16> =
                monitors.iter().map(|id| i16::from(Shard::of(MonitorId(*id)).number())).collect();
            sqlx::query(
                "INSERT INTO asked_run (monitor, shard) SELECT * FROM unnest($1::bigint[], $2::smallint[])
                 ON CONFLICT DO NOTHING",
            )
            .bind(monitors)
            .bind(shards)
            .execute(&self.pool)
            .await?;
            Ok(())
        })
    }

    fn take_asked(&self, held: ShardSet) -> StoreResult<'_, Vec<MonitorId>> {
        Self::ask(async move {
            let asked: Vec<i64> =
                sqlx::query_scalar("DELETE FROM asked_run WHERE shard = ANY($1) RETURNING monitor")
                    .bind(numbers(held))
                    .fetch_all(&self.pool)
                    .await?;
            Ok(asked.into_iter().map(MonitorId).collect())
        })
    }

    fn leave<'a>(&'a self, me: &'a MemberId) -> StoreResult<'a, ()> {
        Self::ask(async move {
            let mut transaction = self.pool.begin().await?;
            release(&mut transaction, me, ShardSet::ALL).await?;
            sqlx::query("DELETE FROM member WHERE id = $1")
                .bind(&me.0)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
    }
}

/// Writes or renews the heartbeat. What a member that had expired held is still its own if nobody has
/// claimed it meanwhile: then nobody else has decided about it, and what was decided in the dark counts.
async fn renew(connection: &mut PgConnection, me: &MemberId, ttl: Duration) -> sqlx::Result<()> {
    // The lock first: a claim that is looking who has expired is waited for.
    let known: Option<String> =
        sqlx::query_scalar("SELECT id FROM member WHERE id = $1 FOR NO KEY UPDATE")
            .bind(&me.0)
            .fetch_optional(&mut *connection)
            .await?;
    let ttl = ttl.as_secs_f64();
    if known.is_none() {
        sqlx::query(
            "INSERT INTO member (id, expires_at)
             VALUES ($1, clock_timestamp() + make_interval(secs => $2))
             ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
        )
        .bind(&me.0)
        .bind(ttl)
        .execute(&mut *connection)
        .await?;
        // Nothing that it may have held under this name is its own any more.
        return release(connection, me, ShardSet::ALL).await;
    }
    sqlx::query(
        "UPDATE member SET expires_at = clock_timestamp() + make_interval(secs => $2)
         WHERE id = $1",
    )
    .bind(&me.0)
    .bind(ttl)
    .execute(connection)
    .await?;
    Ok(())
}

async fn view(connection: &mut PgConnection) -> Result<View, WorkError> {
    let members: Vec<(String, i64, bool)> = sqlx::query_as(
        "SELECT id, joined, expires_at > clock_timestamp() FROM member ORDER BY joined",
    )
    .fetch_all(&mut *connection)
    .await?;
    let rows: Vec<(i16, Option<String>, i64)> =
        sqlx::query_as("SELECT shard, owner, epoch FROM shard ORDER BY shard")
            .fetch_all(connection)
            .await?;
    let members =
        members.into_iter().map(|(id, joined, alive)| Member { id: MemberId(id), joined, alive });
    let shards = rows.into_iter().filter_map(|(number, owner, epoch)| {
        Some(Row { shard: shard(number)?, owner: owner.map(MemberId), epoch })
    });
    Ok(View { members: members.collect(), shards: shards.collect() })
}

fn shard(number: i16) -> Option<Shard> {
    Shard::new(u8::try_from(number).ok()?)
}

async fn claim(
    connection: &mut PgConnection,
    me: &MemberId,
    shards: ShardSet,
) -> Result<Vec<(Shard, i64)>, WorkError> {
    // Nobody's heartbeat changes from here on; those that were changing are waited for.
    sqlx::query("SELECT id FROM member ORDER BY id FOR NO KEY UPDATE")
        .execute(&mut *connection)
        .await?;
    let alive: Vec<String> =
        sqlx::query_scalar("SELECT id FROM member WHERE expires_at > clock_timestamp()")
            .fetch_all(&mut *connection)
            .await?;
    if !alive.contains(&me.0) {
        return Ok(Vec::new());
    }
    // A shard that somebody is writing for just now is left for the next time.
    let claimed: Vec<(i16, i64)> = sqlx::query_as(
        "WITH free AS (
           SELECT shard FROM shard
           WHERE shard = ANY($1) AND (owner IS NULL OR owner <> ALL($2))
           ORDER BY shard FOR UPDATE SKIP LOCKED)
         UPDATE shard s SET owner = $3, epoch = s.epoch + 1 FROM free
         WHERE s.shard = free.shard
         RETURNING s.shard, s.epoch",
    )
    .bind(numbers(shards))
    .bind(alive)
    .bind(&me.0)
    .fetch_all(connection)
    .await?;
    let known = claimed.into_iter().filter_map(|(number, epoch)| Some((shard(number)?, epoch)));
    let mut claimed: Vec<_> = known.collect();
    claimed.sort_unstable();
    Ok(claimed)
}

/// Gives up; waits for what is being committed under the old epochs.
async fn release(
    connection: &mut PgConnection,
    me: &MemberId,
    shards: ShardSet,
) -> sqlx::Result<()> {
    sqlx::query(
        "WITH held AS (
           SELECT shard FROM shard WHERE shard = ANY($1) AND owner = $2 ORDER BY shard FOR UPDATE)
         UPDATE shard s SET owner = NULL FROM held WHERE s.shard = held.shard",
    )
    .bind(numbers(shards))
    .bind(&me.0)
    .execute(connection)
    .await?;
    Ok(())
}
