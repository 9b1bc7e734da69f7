//! A batch as rows: one file per table group.

mod beats;
mod incidents;
mod intervals;
mod names;
mod rest;

pub(super) use beats::{beats_of, heartbeats};
pub(super) use names::{intern, restore_names};
pub(super) use rest::push;

use kuma_core::ports::Batch;
use sqlx::SqliteConnection;

use super::outbox;
use super::work::{Scope, WorkError};

/// Everything of a batch but its heartbeats.
pub(super) async fn batch(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    batch: &Batch,
) -> Result<(), WorkError> {
    for write in &batch.intervals {
        intervals::write(connection, scope, write).await?;
    }
    incidents::upsert(connection, scope.now, &batch.incidents).await?;
    outbox::enqueue(connection, scope.now, &batch.outbox).await?;
    outbox::log_suppressed(connection, scope.now, &batch.suppressed).await?;
    rest::states(connection, &batch.states).await?;
    rest::consume_pushes(connection, &batch.push_consumed).await?;
    rest::objects(connection, scope.now, &batch.objects).await?;
    rest::delete_objects(connection, scope.now, &batch.objects_deleted).await?;
    rest::audit(connection, &batch.audit).await?;
    Ok(())
}
