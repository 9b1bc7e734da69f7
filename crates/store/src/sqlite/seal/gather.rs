//! The hot rows of a slot by monitor, no more of them at once than may be.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqlitePool;

use crate::chunk::{Beat, SLOT_MS};
use crate::sqlite::hot::{at_of, key_from, monitor_of};

/// A heartbeat in twelve bytes: many of them are held at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    /// Milliseconds in the slot, and two flags.
    offset: u32,
    verdict: u32,
    latency: u32,
}

const TIMED: u32 = 1 << 30;
const WORDS: u32 = 1 << 31;

impl Raw {
    pub(super) const fn beat(&self) -> Beat {
        Beat {
            offset: self.offset & !(TIMED | WORDS),
            sequence: 0,
            verdict: self.verdict,
            latency: if self.offset & TIMED == 0 { None } else { Some(self.latency) },
            words: self.offset & WORDS != 0,
        }
    }
}

type Gathered = (BTreeMap<i64, Vec<Raw>>, Option<i64>);

/// Rows of monitors from `from` on, and the monitor from which on there was no room for more than
/// `limit`.
pub(super) async fn gather(
    pool: &SqlitePool,
    slot: i64,
    from: i64,
    limit: usize,
) -> sqlx::Result<Gathered> {
    let start = slot * SLOT_MS;
    let mut connection = pool.acquire().await?;
    let worded: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT at, monitor FROM evidence WHERE at >= ? AND at < ? AND sequence = 0
         ORDER BY at, monitor",
    )
    .bind(start)
    .bind(start + SLOT_MS)
    .fetch_all(&mut *connection)
    .await?;
    let mut worded = worded.into_iter().peekable();
    let mut rows = sqlx::query_as::<_, (i64, u32, Option<u32>)>(
        "SELECT id, verdict, latency FROM beat WHERE id >= ? AND id < ? ORDER BY id",
    )
    .bind(key_from(start))
    .bind(key_from(start + SLOT_MS))
    .fetch(&mut *connection);
    let mut gathered: BTreeMap<i64, Vec<Raw>> = BTreeMap::new();
    let (mut held, mut beyond) = (0, i64::MAX);
    while let Some((key, verdict, latency)) = rows.try_next().await? {
        let (at, monitor) = (at_of(key), monitor_of(key));
        while worded.next_if(|words| *words < (at, monitor)).is_some() {}
        if monitor < from || monitor >= beyond {
            continue;
        }
        let mut offset = u32::try_from(at - start).unwrap_or(0);
        if latency.is_some() {
            offset |= TIMED;
        }
        if worded.peek() == Some(&(at, monitor)) {
            offset |= WORDS;
        }
        let row = Raw { offset, verdict, latency: latency.unwrap_or(0) };
        gathered.entry(monitor).or_default().push(row);
        held += 1;
        while held > limit
            && gathered.len() > 1
            && let Some((last, rows)) = gathered.pop_last()
        {
            held -= rows.len();
            beyond = last;
        }
    }
    Ok((gathered, (beyond < i64::MAX).then_some(beyond)))
}
