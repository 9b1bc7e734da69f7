//! Heartbeats: those of all batches of a transaction go in together.

use std::collections::HashSet;
use std::sync::LazyLock;

use kuma_core::ports::Heartbeat;
use kuma_core::time::to_ms;
use sqlx::SqliteConnection;

use super::intervals;
use crate::sqlite::hot;
use crate::sqlite::sql::{MultiInsert, json_ids};
use crate::sqlite::work::{Scope, Work, WorkError};
use crate::sqlite::writer::{Job, lock};

static HOT: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR IGNORE INTO beat (id, verdict, latency, back)", 4, "")
});
static LATE: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT OR IGNORE INTO beat_late (monitor, at, sequence, verdict, latency)",
        5,
        "",
    )
});
static EVIDENCE: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR IGNORE INTO evidence (at, monitor, sequence, message, body)", 5, "")
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
    let (hot, late) = place(scope, &beats);
    HOT.run(connection, &hot, |query, row| {
        query.bind(row.key).bind(row.verdict).bind(row.latency).bind(row.back)
    })
    .await?;
    write_late(connection, late).await?;
    let wordy = |beat: &&Heartbeat| beat.message.is_some() || beat.evidence.is_some();
    let wordy: Vec<_> = beats.iter().copied().filter(wordy).collect();
    EVIDENCE
        .run(connection, &wordy, |query, beat| {
            query
                .bind(to_ms(beat.at))
                .bind(beat.monitor.0)
                .bind(beat.sequence)
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

/// A row of the hot table.
struct Hot {
    key: i64,
    verdict: u32,
    latency: Option<u32>,
    back: Option<i64>,
}

/// Which heartbeats are newer than all of their monitor and go to the end of the hot table, and
/// which come late. `beats` are in the order of time.
fn place<'b>(scope: &mut Scope<'_>, beats: &[&'b Heartbeat]) -> (Vec<Hot>, Vec<&'b Heartbeat>) {
    let live = lock(scope.live);
    let mut hot = Vec::with_capacity(beats.len());
    let mut late = Vec::new();
    for beat in beats {
        let at = to_ms(beat.at);
        let tip = scope.tips.get(&beat.monitor).or_else(|| live.tips.get(&beat.monitor)).copied();
        let newest = beat.sequence == 0 && tip.is_none_or(|tip| at > tip);
        let open = !live.closed.contains(&hot::slot_of(at));
        if newest
            && open
            && let Some(key) = hot::key(at, beat.monitor.0)
        {
            hot.push(Hot {
                key,
                verdict: hot::verdict(beat),
                latency: beat.latency_us,
                back: tip.map(|tip| at - tip),
            });
            scope.tips.insert(beat.monitor, at);
        } else {
            late.push(*beat);
        }
    }
    (hot, late)
}

/// Those that come late, unless the hot table has them already.
async fn write_late(
    connection: &mut SqliteConnection,
    mut late: Vec<&Heartbeat>,
) -> sqlx::Result<()> {
    if late.is_empty() {
        return Ok(());
    }
    let key = |beat: &Heartbeat| match beat.sequence {
        0 => hot::key(to_ms(beat.at), beat.monitor.0),
        _ => None,
    };
    let stored: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM beat WHERE id IN (SELECT value FROM json_each(?))")
            .bind(json_ids(late.iter().filter_map(|beat| key(beat))))
            .fetch_all(&mut *connection)
            .await?;
    let stored: HashSet<i64> = stored.into_iter().collect();
    late.retain(|beat| key(beat).is_none_or(|key| !stored.contains(&key)));
    late.sort_unstable_by_key(|beat| (beat.monitor, beat.at, beat.sequence));
    LATE.run(connection, &late, |query, beat| {
        query
            .bind(beat.monitor.0)
            .bind(to_ms(beat.at))
            .bind(beat.sequence)
            .bind(hot::verdict(beat))
            .bind(beat.latency_us)
    })
    .await?;
    Ok(())
}
