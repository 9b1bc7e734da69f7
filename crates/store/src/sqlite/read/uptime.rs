//! Sums of the time line: a few interval rows and day sums, never raw results.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use kuma_core::id::MonitorId;
use kuma_core::ports::UptimeSums;
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::sqlite::SqlitePool;

use crate::sqlite::live::{DAY_MS, Live, state};
use crate::sqlite::sql::json_ids;
use crate::sqlite::writer::lock;

/// Intervals that overlap the span: from the one that covers its start, on.
const INTERVALS: &str = "
    SELECT i.monitor, i.start, i.until, i.state, i.vouched
    FROM json_each(?1) asked
    CROSS JOIN state_interval i ON i.monitor = asked.value AND i.start < ?3
      AND i.start >= ifnull((SELECT max(j.start) FROM state_interval j
                             WHERE j.monitor = asked.value AND j.start <= ?2), ?2)";

/// See the port. `now` ends what needs no vouching, such as maintenance.
pub(in crate::sqlite) async fn uptime(
    pool: &SqlitePool,
    live: &Mutex<Live>,
    monitors: &[MonitorId],
    span: (Timestamp, Timestamp),
    now: Timestamp,
) -> sqlx::Result<Vec<UptimeSums>> {
    let (from, to) = (to_ms(span.0), to_ms(span.1));
    let distinct: BTreeSet<i64> = monitors.iter().map(|monitor| monitor.0).collect();
    let asked = json_ids(distinct);
    let mut sums: HashMap<i64, UptimeSums> = HashMap::new();
    let rows: Vec<(i64, i64, Option<i64>, u8, i64)> =
        sqlx::query_as(INTERVALS).bind(asked.clone()).bind(from).bind(to).fetch_all(pool).await?;
    for (monitor, start, until, code, vouched) in rows {
        let state = state(code)?;
        let end = until.unwrap_or_else(|| {
            if state == MonitorState::Maintenance {
                to_ms(now)
            } else {
                vouched.max(lock(live).heard_until(MonitorId(monitor)))
            }
        });
        let known = end.min(to).saturating_sub(start.max(from));
        add(sums.entry(monitor).or_default(), state, known);
    }
    for (monitor, day, up, down, maintenance) in days(pool, asked, from, to).await? {
        let share = share_of_day(day, from, to);
        let sum = sums.entry(monitor).or_default();
        sum.up_ms += part(up, share);
        sum.down_ms += part(down, share);
        sum.maintenance_ms += part(maintenance, share);
    }
    Ok(monitors.iter().map(|monitor| sums.get(&monitor.0).copied().unwrap_or_default()).collect())
}

async fn days(
    pool: &SqlitePool,
    asked: String,
    from: i64,
    to: i64,
) -> sqlx::Result<Vec<(i64, i64, i64, i64, i64)>> {
    sqlx::query_as(
        "SELECT d.monitor, d.day, d.up, d.down, d.maintenance
         FROM json_each(?1) asked
         CROSS JOIN state_day d ON d.monitor = asked.value AND d.day >= ?2 AND d.day <= ?3",
    )
    .bind(asked)
    .bind(from.div_euclid(DAY_MS))
    .bind(to.saturating_sub(1).div_euclid(DAY_MS))
    .fetch_all(pool)
    .await
}

/// Adds a stretch of time to the sum that its state counts in.
pub(in crate::sqlite) fn add(sums: &mut UptimeSums, state: MonitorState, ms: i64) {
    let ms = u64::try_from(ms).unwrap_or(0);
    match state.counts_as_up() {
        Some(true) => sums.up_ms += ms,
        Some(false) => sums.down_ms += ms,
        None if state == MonitorState::Maintenance => sums.maintenance_ms += ms,
        None => {}
    }
}

/// How much of a UTC day lies in the span, in milliseconds.
fn share_of_day(day: i64, from: i64, to: i64) -> i64 {
    let start = day * DAY_MS;
    (to.min(start + DAY_MS) - from.max(start)).clamp(0, DAY_MS)
}

/// A day's sum in proportion: within a compacted day it is not known when what was.
fn part(sum: i64, share: i64) -> u64 {
    u64::try_from(sum * share / DAY_MS).unwrap_or(0)
}
