//! Work that waits for the one task that writes, and shares its transactions.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kuma_core::ports::{Batch, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How long routine work waits for company.
pub(crate) const ROUTINE_LINGER: Duration = Duration::from_millis(250);
/// How long durable work waits for company.
pub(crate) const DURABLE_LINGER: Duration = Duration::from_millis(2);
/// Rows at which a transaction is full in a database of our own.
pub(crate) const FULL_ROWS: usize = 1000;
/// Rows that may wait; beyond, new work is refused instead of filling the memory.
pub(crate) const MAX_WAITING: usize = 200_000;

/// Work in the queue.
pub(crate) trait Waiting {
    /// How much it counts towards a full transaction.
    fn rows(&self) -> usize;
    /// How long it may wait for company.
    fn linger(&self) -> Duration;
}

/// Waits for company for the first job, as long as it may and until there are `full` rows.
pub(crate) async fn gather<J: Waiting>(
    queue: &mut mpsc::UnboundedReceiver<J>,
    first: J,
    full: usize,
) -> Vec<J> {
    let begun = Instant::now();
    let mut rows = first.rows();
    let mut until = begun + first.linger();
    let mut jobs = vec![first];
    while rows < full {
        let Ok(Some(job)) = timeout_at(until, queue.recv()).await else {
            break;
        };
        until = until.min(Instant::now() + job.linger());
        rows += job.rows();
        jobs.push(job);
    }
    jobs
}

/// Rows that a batch asks to write.
pub(crate) fn batch_rows(batch: &Batch) -> usize {
    batch.heartbeats.len()
        + batch.intervals.len()
        + batch.incidents.len()
        + batch.outbox.len()
        + batch.suppressed.len()
        + batch.states.len()
        + batch.push_consumed.len()
        + batch.objects.len()
        + batch.objects_deleted.len()
        + batch.audit.len()
}

/// The error once more, for each who waits.
pub(crate) fn same(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
        StoreError::Damaged(text) => StoreError::Damaged(text.clone()),
        StoreError::TooNew { found, known, needs } => {
            StoreError::TooNew { found: *found, known: *known, needs: needs.clone() }
        }
        StoreError::Locked(text) => StoreError::Locked(text.clone()),
        StoreError::Invalid(text) => StoreError::Invalid(text.clone()),
    }
}

/// A lock that a panicking holder cannot take from us: what it guards is replaced whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
