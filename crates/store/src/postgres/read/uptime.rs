//! Sums of the time line: a few interval rows and day sums, never raw results.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use kuma_core::id::MonitorId;
use kuma_core::ports::UptimeSums;
use kuma_core::state::MonitorState;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::postgres::PgPool;

use crate::code::{DAY_MS, state};
use crate::postgres::live::Live;
use crate::postgres::sql::snapshot;
use crate::queue::lock;
use crate::sums::{add, add_day};

/// Intervals that overlap the span: from the one that covers its start, on.
const OF_SOME: &str = "
    SELECT i.monitor, i.start, i.until, i.state, i.vouched
    FROM unnest($1::bigint[]) AS a (monitor)
    CROSS JOIN LATERAL (SELECT coalesce(max(j.start), $2) AS first FROM state_interval j
                        WHERE j.monitor = a.monitor AND j.start <= $2) f
    CROSS JOIN LATERAL (SELECT * FROM state_interval j
                        WHERE j.monitor = a.monitor AND j.start >= f.first AND j.start < $3) i";
/// The same for everybody: who changed within the span, and what is open.
const OF_ALL: &str = "
    SELECT monitor, start, until, state, vouched FROM state_interval
    WHERE until > $2 AND until IS NOT NULL AND start < $3 AND $1::bigint[] IS NOT NULL
    UNION ALL
    SELECT monitor, start, until, state, vouched FROM state_interval
    WHERE until IS NULL AND start < $3";
/// From so many monitors on, those of everybody are read.
const MANY: usize = 500;
/// Sums of days are of intervals older than 90 days; spans that begin later need none.
const WITHOUT_DAYS_MS: i64 = 80 * DAY_MS;

type Row = (i64, i64, Option<i64>, i16, i64);

/// See the port. `now` ends what needs no vouching, such as maintenance. The newest heartbeats of
/// our own monitors are known in memory; those of other members' vouch when they are written down.
pub(in crate::postgres) async fn uptime(
    pool: &PgPool,
    live: &Mutex<Live>,
    monitors: &[MonitorId],
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> sqlx::Result<Vec<UptimeSums>> {
    let (from, to, now) = (to_ms(from), to_ms(to), to_ms(now));
    let distinct: BTreeSet<i64> = monitors.iter().map(|monitor| monitor.0).collect();
    let asked: Vec<i64> = distinct.iter().copied().collect();
    let mut snapshot = snapshot(pool).await?;
    let rows: Vec<Row> = sqlx::query_as(if asked.len() > MANY { OF_ALL } else { OF_SOME })
        .bind(asked.clone())
        .bind(from)
        .bind(to)
        .fetch_all(&mut *snapshot)
        .await?;
    let mut sums: HashMap<i64, UptimeSums> = HashMap::with_capacity(asked.len());
    let heard = |monitor: i64| lock(live).heard_until(MonitorId(monitor));
    for (monitor, start, until, code, vouched) in rows {
        if !distinct.contains(&monitor) {
            continue;
        }
        let state = state(u8::try_from(code).unwrap_or(u8::MAX))?;
        let end = match until {
            Some(until) => until,
            None if state == MonitorState::Maintenance => now,
            None => vouched.max(heard(monitor)),
        };
        let known = end.min(to).saturating_sub(start.max(from));
        add(sums.entry(monitor).or_default(), state, known);
    }
    if from < now - WITHOUT_DAYS_MS {
        let days: Vec<(i64, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT monitor, day, up, down, maintenance FROM state_day
             WHERE monitor = ANY($1) AND day >= $2 AND day <= $3",
        )
        .bind(asked)
        .bind(from.div_euclid(DAY_MS))
        .bind(to.saturating_sub(1).div_euclid(DAY_MS))
        .fetch_all(&mut *snapshot)
        .await?;
        for (monitor, day, up, down, maintenance) in days {
            let of_day = (day, up, down, maintenance);
            add_day(sums.entry(monitor).or_default(), of_day, (from, to));
        }
    }
    Ok(monitors.iter().map(|monitor| sums.get(&monitor.0).copied().unwrap_or_default()).collect())
}
