//! Sums of the time line: a few interval rows and day sums, never raw results.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use kuma_core::id::MonitorId;
use kuma_core::ports::UptimeSums;
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::sqlite::SqlitePool;

use super::snapshot;
use crate::sqlite::error::damaged;
use crate::sqlite::live::{DAY_MS, Live, state};
use crate::sqlite::sql::json_ids;
use crate::sums::add;

/// Of intervals that ended and overlap the span, from the one that covers its start on: how much of
/// it each monitor was in each state. One row for all of them: each row is handed from SQLite's thread
/// to ours by itself, and intervals may be many more than monitors.
const OF_SOME: &str = "
    SELECT json_group_array(json_array(monitor, state, known)) FROM (
        SELECT i.monitor, i.state, sum(max(min(i.until, ?3) - max(i.start, ?2), 0)) AS known
        FROM json_each(?1) asked
        CROSS JOIN state_interval i ON i.monitor = asked.value AND i.start < ?3
          AND i.start >= ifnull((SELECT max(j.start) FROM state_interval j
                                 WHERE j.monitor = asked.value AND j.start <= ?2), ?2)
        WHERE i.until IS NOT NULL
        GROUP BY i.monitor, i.state)";
/// The same for everybody: only who changed within the span has any.
const OF_ALL: &str = "
    SELECT json_group_array(json_array(monitor, state, known)) FROM (
        SELECT monitor, state, sum(max(min(until, ?3) - max(start, ?2), 0)) AS known
        FROM state_interval
        WHERE until > ?2 AND until IS NOT NULL AND start < ?3 AND ?1 IS NOT NULL
        GROUP BY monitor, state)";
/// What lies in the span of the sums of its days, in proportion where it begins or ends within one.
const DAYS: &str = "
    SELECT json_group_array(json_array(monitor, up, down, maintenance)) FROM (
        SELECT monitor, sum(up * share / ?4) AS up, sum(down * share / ?4) AS down,
               sum(maintenance * share / ?4) AS maintenance
        FROM (SELECT d.monitor, d.up, d.down, d.maintenance,
                     max(min(?3, (d.day + 1) * ?4) - max(?2, d.day * ?4), 0) AS share
              FROM json_each(?1) asked
              CROSS JOIN state_day d ON d.monitor = asked.value AND d.day >= ?2 / ?4
                AND d.day <= (?3 - 1) / ?4)
        GROUP BY monitor)";
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
    let ended: String = sqlx::query_scalar(sql)
        .bind(&asked)
        .bind(from)
        .bind(to)
        .fetch_one(&mut *state_of_file)
        .await?;
    let unpacked = |error| damaged("sums", error);
    let ended: Vec<(i64, u8, i64)> = serde_json::from_str(&ended).map_err(unpacked)?;
    for (monitor, code, known) in ended {
        if distinct.contains(&monitor) {
            add(sums.entry(monitor).or_default(), state(code)?, known);
        }
    }
    if from < now - WITHOUT_DAYS_MS {
        let days: String = sqlx::query_scalar(DAYS)
            .bind(&asked)
            .bind(from)
            .bind(to)
            .bind(DAY_MS)
            .fetch_one(&mut *state_of_file)
            .await?;
        let days: Vec<(i64, u64, u64, u64)> = serde_json::from_str(&days).map_err(unpacked)?;
        for (monitor, up, down, maintenance) in days {
            let sums = sums.entry(monitor).or_default();
            sums.up_ms += up;
            sums.down_ms += down;
            sums.maintenance_ms += maintenance;
        }
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
