//! Heartbeats: those of all batches of a transaction go in together.

use std::sync::LazyLock;

use kuma_core::ports::Heartbeat;
use kuma_core::time::to_ms;
use sqlx::SqliteConnection;

use super::intervals;
use crate::sqlite::live::ordinal;
use crate::sqlite::sql::MultiInsert;
use crate::sqlite::work::{Scope, Work, WorkError};
use crate::sqlite::writer::{Job, lock};

static BEAT: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT OR IGNORE INTO beat
         (at, monitor, ordinal, state, reason, latency)",
        6,
        "",
    )
});
static EVIDENCE: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR IGNORE INTO evidence (at, monitor, ordinal, message, body)", 5, "")
});

/// The heartbeats of jobs, in order.
pub(in crate::sqlite) fn beats_of(jobs: &[Job]) -> impl Iterator<Item = &Heartbeat> {
    jobs.iter().flat_map(|job| match &job.work {
        Work::Commit(batch) => batch.heartbeats.as_slice(),
        _ => &[],
    })
}

/// Inserts the heartbeats of all jobs. One that is stored already (same monitor, time, sequence)
/// is left alone, so that a batch may be committed again after an error.
pub(in crate::sqlite) async fn heartbeats(
    connection: &mut SqliteConnection,
    scope: &mut Scope<'_>,
    jobs: &[Job],
) -> Result<(), WorkError> {
    let mut beats: Vec<&Heartbeat> = beats_of(jobs).collect();
    if beats.is_empty() {
        return Ok(());
    }
    // In the order of the key, so that pages are filled once.
    beats.sort_unstable_by_key(|beat| (beat.at, beat.monitor, beat.sequence));
    BEAT.run(connection, &beats, |query, beat| {
        query
            .bind(to_ms(beat.at))
            .bind(beat.monitor.0)
            .bind(ordinal(beat))
            .bind(beat.state as u8)
            .bind(beat.reason.map(|reason| reason as u16))
            .bind(beat.latency_us)
    })
    .await?;
    let wordy = |beat: &&Heartbeat| beat.message.is_some() || beat.evidence.is_some();
    let wordy: Vec<_> = beats.iter().copied().filter(wordy).collect();
    EVIDENCE
        .run(connection, &wordy, |query, beat| {
            query
                .bind(to_ms(beat.at))
                .bind(beat.monitor.0)
                .bind(ordinal(beat))
                .bind(beat.message.clone())
                .bind(beat.evidence.clone())
        })
        .await?;
    if !lock(scope.live).unheard.is_empty() {
        for beat in &beats {
            intervals::hear(connection, scope, beat.monitor, to_ms(beat.at)).await?;
        }
    }
    Ok(())
}
