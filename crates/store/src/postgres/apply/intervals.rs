//! The time line that uptime is computed from: what may change is read, changed in memory
//! ([`crate::timeline`]) and written back, for all monitors of a transaction at once.

use std::collections::HashMap;

use kuma_core::id::MonitorId;
use kuma_core::ports::{Heartbeat, IntervalWrite};
use kuma_core::time::to_ms;
use sqlx::PgConnection;

use crate::code::state;
use crate::postgres::error::WorkError;
use crate::postgres::writer::Scope;
use crate::queue::lock;
use crate::timeline::{Interval, Line};

/// From the interval that covers a moment, on.
const LOAD: &str = "
    SELECT a.monitor, i.start, i.until, i.state, i.vouched
    FROM unnest($1::bigint[], $2::bigint[]) AS a (monitor, at)
    CROSS JOIN LATERAL (SELECT coalesce(max(j.start), a.at) AS first FROM state_interval j
                        WHERE j.monitor = a.monitor AND j.start <= a.at) f
    CROSS JOIN LATERAL (SELECT * FROM state_interval j
                        WHERE j.monitor = a.monitor AND j.start >= f.first) i";

/// Applies heartbeats, as signs of life, and then changes.
pub(super) async fn write(
    connection: &mut PgConnection,
    scope: &mut Scope<'_>,
    beats: &[&Heartbeat],
    writes: &[&IntervalWrite],
) -> Result<(), WorkError> {
    let signs = signs_of_life(scope, beats);
    let mut wanted: HashMap<MonitorId, i64> = HashMap::new();
    for (monitor, _) in &signs {
        wanted.insert(*monitor, i64::MAX);
    }
    for write in writes {
        let (monitor, at) = match write {
            IntervalWrite::Enter { monitor, at, .. } => (*monitor, to_ms(*at)),
            IntervalWrite::Vouch { monitor, .. } => (*monitor, i64::MAX),
        };
        let first = wanted.entry(monitor).or_insert(i64::MAX);
        *first = at.min(*first);
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let mut lines = load(connection, &wanted).await?;
    for (monitor, at) in signs {
        hear(scope, lines.entry(monitor).or_default(), monitor, at);
    }
    for write in writes {
        match **write {
            IntervalWrite::Enter { monitor, state, at } => {
                let line = lines.entry(monitor).or_default();
                hear(scope, line, monitor, to_ms(at));
                line.enter(state, to_ms(at));
            }
            IntervalWrite::Vouch { monitor, until } => {
                let line = lines.entry(monitor).or_default();
                hear(scope, line, monitor, to_ms(until).min(to_ms(scope.now)));
                line.vouch(to_ms(until));
            }
        }
    }
    store(connection, &lines).await?;
    Ok(())
}

/// The first heartbeat of each monitor that was taken over and not heard of since.
fn signs_of_life(scope: &Scope<'_>, beats: &[&Heartbeat]) -> Vec<(MonitorId, i64)> {
    if lock(scope.live).unheard.is_empty() {
        return Vec::new();
    }
    let unheard = beats.iter().filter(|beat| scope.unheard(beat.monitor).is_some());
    unheard.map(|beat| (beat.monitor, to_ms(beat.at))).collect()
}

fn hear(scope: &mut Scope<'_>, line: &mut Line, monitor: MonitorId, at: i64) {
    if let Some(heard) = scope.unheard(monitor) {
        line.hear(at, heard);
        scope.heard.insert(monitor);
    }
}

async fn load(
    connection: &mut PgConnection,
    wanted: &HashMap<MonitorId, i64>,
) -> sqlx::Result<HashMap<MonitorId, Line>> {
    let rows: Vec<(i64, i64, Option<i64>, i16, i64)> = sqlx::query_as(LOAD)
        .bind(wanted.keys().map(|monitor| monitor.0).collect::<Vec<_>>())
        .bind(wanted.values().copied().collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut lines: HashMap<MonitorId, Line> = HashMap::new();
    for (monitor, start, until, code, vouched) in rows {
        let state = state(u8::try_from(code).unwrap_or(u8::MAX))?;
        let interval = Interval { start, until, state, vouched };
        lines.entry(MonitorId(monitor)).or_default().load(interval);
    }
    Ok(lines)
}

async fn store(
    connection: &mut PgConnection,
    lines: &HashMap<MonitorId, Line>,
) -> sqlx::Result<()> {
    let mut removed = (Vec::new(), Vec::new());
    let mut written: Vec<(i64, Interval)> = Vec::new();
    for (monitor, line) in lines {
        let changes = line.changes();
        for start in changes.removed {
            removed.0.push(monitor.0);
            removed.1.push(start);
        }
        written.extend(changes.written.into_iter().map(|interval| (monitor.0, interval)));
    }
    if !removed.0.is_empty() {
        sqlx::query(
            "DELETE FROM state_interval i USING unnest($1::bigint[], $2::bigint[]) AS r (monitor, start)
             WHERE i.monitor = r.monitor AND i.start = r.start",
        )
        .bind(removed.0)
        .bind(removed.1)
        .execute(&mut *connection)
        .await?;
    }
    if !written.is_empty() {
        sqlx::query(
            "INSERT INTO state_interval (monitor, start, until, state, vouched)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[],
                                  $5::bigint[])
             ON CONFLICT (monitor, start) DO UPDATE SET
               until = excluded.until, state = excluded.state, vouched = excluded.vouched",
        )
        .bind(written.iter().map(|(monitor, _)| *monitor).collect::<Vec<_>>())
        .bind(written.iter().map(|(_, it)| it.start).collect::<Vec<_>>())
        .bind(written.iter().map(|(_, it)| it.until).collect::<Vec<_>>())
        .bind(written.iter().map(|(_, it)| i16::from(it.state as u8)).collect::<Vec<_>>())
        .bind(written.iter().map(|(_, it)| it.vouched).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(())
}
