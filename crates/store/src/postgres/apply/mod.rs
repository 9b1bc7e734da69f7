//! What is committed as rows: one file per table group. Every statement is for all rows of the
//! transaction, however many, in arrays.

mod beats;
mod incidents;
mod intervals;
mod names;
mod rest;

pub(super) use names::intern;
pub(super) use rest::push;

use sqlx::PgConnection;

use super::error::WorkError;
use super::fence::Rows;
use super::outbox;
use super::writer::Scope;

/// Everything of a transaction.
pub(super) async fn all(
    connection: &mut PgConnection,
    scope: &mut Scope<'_>,
    rows: &Rows<'_>,
) -> Result<(), WorkError> {
    // In the order of time, then monitor.
    let mut beats = rows.heartbeats.clone();
    beats.sort_by_key(|beat| (beat.at, beat.monitor, beat.sequence));
    // Before the heartbeats move the tips: what was heard before ends what nobody looked at.
    intervals::write(connection, scope, &beats, &rows.intervals).await?;
    beats::write(connection, scope, &beats).await?;
    incidents::upsert(connection, scope.now, &rows.incidents).await?;
    outbox::enqueue(connection, scope.now, &rows.outbox).await?;
    outbox::log_suppressed(connection, scope.now, &rows.suppressed).await?;
    rest::states(connection, &rows.states).await?;
    rest::consume_pushes(connection, &rows.consumed).await?;
    rest::objects(connection, scope.now, &rows.objects).await?;
    rest::delete_objects(connection, scope.now, &rows.deleted).await?;
    rest::audit(connection, &rows.audit).await?;
    Ok(())
}
