//! Sums of the time line: a few interval rows and day sums, never raw results.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use kuma_core::id::MonitorId;
use kuma_core::ports::UptimeSums;
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::snapshot;
use crate::sqlite::live::{DAY_MS, Live, state};
use crate::sqlite::sql::json_ids;
use crate::sums::{add, add_day};

/// Intervals that ended and overlap the span: from the one that covers its start, on.
const OF_SOME: &str = "
    SELECT i.monitor, i.start, i.until, i.state
    FROM json_each(?1) asked
    CROSS JOIN state_interval i ON i.monitor = asked.value AND i.start < ?3
      AND i.start >= ifnull((SELECT max(j.start) FROM state_interval j
                             WHERE j.monitor = asked.value AND j.start <= ?2), ?2)
    WHERE i.until IS NOT NULL";
/// The same for everybody: only who changed within the span has any.
const OF_ALL: &str = "
    SELECT monitor, start, until, state FROM state_interval
    WHERE until > ?2 AND until IS NOT NULL AND start < ?3 AND ?1 IS NOT NULL";
/// From so many monitors on, those of everybody are read.
const MANY: usize = 100;
/// Sums of days are of intervals older than 90 days; spans that begin later need none.
const WITHOUT_DAYS_MS: i64 = 80 * DAY_MS;

/// See the port. `now` ends what needs no vouching, such as maintenance. Open intervals are known
/// in memory, so that a list of all costs only who changed.
pub(in crate::sqlite) async fn uptime(
    pool: &SqlitePool,
    live: &Mutex<Live>,
    monitors: &[MonitorId],
    span: (Timestamp, Timestamp),
    now: Timestamp,
) -> sqlx::Result<Vec<UptimeSums>> {
    let (from, to) = (to_ms(span.0), to_ms(span.1));
    let now = to_ms(now);
    let distinct: BTreeSet<i64> = monitors.iter().map(|monitor| monitor.0).collect();
    let sql = if distinct.len() > MANY { OF_ALL } else { OF_SOME };
    let asked = json_ids(distinct.iter().copied());
    let (mut state_of_file, mut sums) =
        snapshot(pool, live, |live| open(live, &distinct, (from, to), now)).await?;
    let rows: Vec<(i64, i64, i64, u8)> = sqlx::query_as(sql)
        .bind(asked.clone())
        .bind(from)
        .bind(to)
        .fetch_all(&mut *state_of_file)
        .await?;
    for (monitor, start, until, code) in rows {
        let known = until.min(to).saturating_sub(start.max(from));
        if distinct.contains(&monitor) {
            add(sums.entry(monitor).or_default(), state(code)?, known);
        }
    }
    let days = if from < now - WITHOUT_DAYS_MS {
        days(&mut state_of_file, asked, from, to).await?
    } else {
        Vec::new()
    };
    for (monitor, day, up, down, maintenance) in days {
        let of_day = (day, up, down, maintenance);
        add_day(sums.entry(monitor).or_default(), of_day, (from, to));
    }
    Ok(monitors.iter().map(|monitor| sums.get(&monitor.0).copied().unwrap_or_default()).collect())
}

/// What open intervals add.
fn open(
    live: &Live,
    asked: &BTreeSet<i64>,
    (from, to): (i64, i64),
    now: i64,
) -> HashMap<i64, UptimeSums> {
    let mut sums = HashMap::with_capacity(asked.len());
    for id in asked {
        if let Some(open) = live.open.get(&MonitorId(*id)) {
            let end = if open.state == MonitorState::Maintenance {
                now
            } else {
                open.vouched.max(live.heard_until(MonitorId(*id)))
            };
            let known = end.min(to).saturating_sub(open.start.max(from));
            add(sums.entry(*id).or_default(), open.state, known);
        }
    }
    sums
}

async fn days(
    connection: &mut SqliteConnection,
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
    .fetch_all(connection)
    .await
}
