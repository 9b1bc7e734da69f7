//! Old detail becomes coarser instead of going: hours of latency to days, intervals to day sums.

use std::collections::BTreeMap;

use kuma_core::sketch::Sketch;
use kuma_core::time::Timestamp;
use sqlx::PgConnection;

use super::{sketch, whole_day};
use crate::code::{DAY_MS, state};
use crate::sums::{Days, spread, stored};

/// Intervals are kept for so long, then summed by days.
const INTERVAL_DAYS: u32 = 90;
/// Intervals that are summed in one step: each may last for months.
const INTERVALS_STEP: i64 = 1000;

/// Merges the hours of the oldest day before `until` into the day, for some monitors; true when
/// there were any.
pub(super) async fn hours(
    connection: &mut PgConnection,
    until: i64,
    monitors: i64,
) -> sqlx::Result<bool> {
    let oldest: Option<(i64, i64)> = sqlx::query_as(
        "SELECT hour, monitor FROM sketch_hour WHERE hour < $1 ORDER BY hour, monitor LIMIT 1",
    )
    .bind(until * 24)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((hour, first)) = oldest else { return Ok(false) };
    let day = hour.div_euclid(24);
    let last = first.saturating_add(monitors - 1);
    let hours: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "DELETE FROM sketch_hour WHERE hour >= $1 AND hour < $2 AND monitor BETWEEN $3 AND $4
         RETURNING monitor, data",
    )
    .bind(day * 24)
    .bind((day + 1) * 24)
    .bind(first)
    .bind(last)
    .fetch_all(&mut *connection)
    .await?;
    let mut merged: BTreeMap<i64, Sketch> = BTreeMap::new();
    for (monitor, data) in &hours {
        merged.entry(*monitor).or_default().merge(&sketch(data)?);
    }
    let before: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT monitor, data FROM sketch_day WHERE day = $1 AND monitor = ANY($2)")
            .bind(day)
            .bind(merged.keys().copied().collect::<Vec<_>>())
            .fetch_all(&mut *connection)
            .await?;
    for (monitor, data) in before {
        merged.entry(monitor).or_default().merge(&sketch(&data)?);
    }
    sqlx::query(
        "INSERT INTO sketch_day (day, monitor, data)
         SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])
         ON CONFLICT (monitor, day) DO UPDATE SET data = excluded.data",
    )
    .bind(day)
    .bind(merged.keys().copied().collect::<Vec<_>>())
    .bind(merged.values().map(Sketch::encode).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(true)
}

/// Sums intervals that ended 90 days ago by UTC day.
pub(super) async fn intervals(connection: &mut PgConnection, now: Timestamp) -> sqlx::Result<bool> {
    let rows: Vec<(i64, i64, i64, i16)> = sqlx::query_as(
        "DELETE FROM state_interval WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM state_interval WHERE until <= $1 LIMIT $2))
         RETURNING monitor, start, until, state",
    )
    .bind(whole_day(now, INTERVAL_DAYS) * DAY_MS)
    .bind(INTERVALS_STEP)
    .fetch_all(&mut *connection)
    .await?;
    let mut days = Days::new();
    for (monitor, start, until, code) in &rows {
        let state = state(u8::try_from(*code).unwrap_or(u8::MAX))?;
        spread(&mut days, *monitor, state, *start, *until);
    }
    if days.is_empty() {
        return Ok(!rows.is_empty());
    }
    sqlx::query(
        "INSERT INTO state_day AS d (monitor, day, up, down, maintenance)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
         ON CONFLICT (monitor, day) DO UPDATE SET up = d.up + excluded.up,
           down = d.down + excluded.down, maintenance = d.maintenance + excluded.maintenance",
    )
    .bind(days.keys().map(|key| key.0).collect::<Vec<_>>())
    .bind(days.keys().map(|key| key.1).collect::<Vec<_>>())
    .bind(days.values().map(|sums| stored(sums.up_ms)).collect::<Vec<_>>())
    .bind(days.values().map(|sums| stored(sums.down_ms)).collect::<Vec<_>>())
    .bind(days.values().map(|sums| stored(sums.maintenance_ms)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(true)
}
