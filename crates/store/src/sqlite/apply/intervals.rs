//! The time line that uptime is computed from.
//!
//! An open interval counts to what is vouched for: by the newest heartbeat (kept in memory and
//! rebuilt at start) or by a `Vouch`. While the program runs, intervals follow each other without
//! gaps; after a restart, what lies between the last vouched moment and the first sign of life
//! belongs to no interval and is therefore unknown.

use kuma_core::id::MonitorId;
use kuma_core::ports::IntervalWrite;
use kuma_core::state::MonitorState;
use kuma_core::time::to_ms;
use sqlx::{Row, SqliteConnection};

use crate::sqlite::live::{Open, state};
use crate::sqlite::work::{Scope, WorkError};

/// Writes one change.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    write: &IntervalWrite,
) -> Result<(), WorkError> {
    match *write {
        IntervalWrite::Enter { monitor, state, at } => {
            enter(connection, scope, monitor, state, to_ms(at)).await
        }
        IntervalWrite::Vouch { monitor, until } => {
            let until = to_ms(until);
            hear(connection, scope, monitor, until.min(to_ms(scope.now))).await?;
            sqlx::query(
                "UPDATE state_interval SET vouched = max(vouched, ?)
                 WHERE monitor = ? AND until IS NULL",
            )
            .bind(until)
            .bind(monitor.0)
            .execute(connection)
            .await?;
            scope.vouch(monitor, until);
            Ok(())
        }
    }
}

/// A sign of life at `at`: the first one since the start ends what was open where it was vouched
/// for, and begins anew.
pub(super) async fn hear(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    monitor: MonitorId,
    at: i64,
) -> Result<(), WorkError> {
    let Some(heard_until) = scope.unheard(monitor) else {
        return Ok(());
    };
    if let Some(open) = open_interval(connection, monitor).await?
        && needs_vouching(open.state)
        && at > open.vouched.max(heard_until)
    {
        close(connection, monitor, open.vouched.max(heard_until)).await?;
        begin(connection, scope, monitor, open.state, at).await?;
    }
    scope.heard.insert(monitor);
    Ok(())
}

async fn enter(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    monitor: MonitorId,
    state: MonitorState,
    at: i64,
) -> Result<(), WorkError> {
    hear(connection, scope, monitor, at).await?;
    if let Some(open) = open_interval(connection, monitor).await?
        && open.state == state
        && open.start <= at
    {
        return Ok(());
    }
    sqlx::query("DELETE FROM state_interval WHERE monitor = ? AND start >= ?")
        .bind(monitor.0)
        .bind(at)
        .execute(&mut *connection)
        .await?;
    close(connection, monitor, at).await?;
    begin(connection, scope, monitor, state, at).await
}

/// Whether time in the state is only known while somebody looks.
pub(in crate::sqlite) const fn needs_vouching(state: MonitorState) -> bool {
    state.counts_as_up().is_some()
}

async fn open_interval(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
) -> sqlx::Result<Option<Open>> {
    let row = sqlx::query(
        "SELECT start, state, vouched FROM state_interval WHERE monitor = ? AND until IS NULL",
    )
    .bind(monitor.0)
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        Ok(Open {
            start: row.try_get("start")?,
            state: state(row.try_get("state")?)?,
            vouched: row.try_get("vouched")?,
        })
    })
    .transpose()
}

/// Ends what reaches beyond `until` there.
async fn close(
    connection: &mut SqliteConnection,
    monitor: MonitorId,
    until: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE state_interval SET until = max(start, ?)
         WHERE monitor = ? AND (until IS NULL OR until > ?)",
    )
    .bind(until)
    .bind(monitor.0)
    .bind(until)
    .execute(connection)
    .await?;
    Ok(())
}

async fn begin(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    monitor: MonitorId,
    state: MonitorState,
    at: i64,
) -> Result<(), WorkError> {
    sqlx::query(
        "INSERT OR REPLACE INTO state_interval (monitor, start, until, state, vouched)
         VALUES (?, ?, NULL, ?, ?)",
    )
    .bind(monitor.0)
    .bind(at)
    .bind(state as u8)
    .bind(at)
    .execute(connection)
    .await?;
    scope.open.insert(monitor, Open { start: at, state, vouched: at });
    Ok(())
}
