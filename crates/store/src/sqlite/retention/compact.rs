//! Old detail becomes coarser instead of going: hours of latency to days, intervals to day sums.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kuma_core::sketch::Sketch;
use sqlx::SqliteConnection;

use crate::sqlite::fold::decode;
use crate::sqlite::live::state;
use crate::sqlite::sql::MultiInsert;
use crate::sums::{Days, spread, stored};

static DAY_SKETCH: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR REPLACE INTO sketch_day (day, monitor, data)", 3, "")
});
static DAY_SUM: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT INTO state_day (monitor, day, up, down, maintenance)",
        5,
        "ON CONFLICT (monitor, day) DO UPDATE SET up = up + excluded.up,
         down = down + excluded.down, maintenance = maintenance + excluded.maintenance",
    )
});

/// Merges the hours of the oldest day before `until` into the day, for some monitors; true when
/// there were any.
pub(super) async fn hours(
    connection: &mut SqliteConnection,
    until: i64,
    monitors: i64,
) -> sqlx::Result<bool> {
    let oldest: Option<(i64, i64)> = sqlx::query_as(
        "SELECT hour, monitor FROM sketch_hour WHERE hour < ? ORDER BY hour, monitor LIMIT 1",
    )
    .bind(until * 24)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((hour, first)) = oldest else { return Ok(false) };
    let day = hour.div_euclid(24);
    let last = first + monitors - 1;
    let mut merged: BTreeMap<i64, Sketch> = BTreeMap::new();
    let stored: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT monitor, data FROM sketch_day WHERE day = ? AND monitor BETWEEN ? AND ?",
    )
    .bind(day)
    .bind(first)
    .bind(last)
    .fetch_all(&mut *connection)
    .await?;
    let mut hours = Vec::new();
    for hour in day * 24..(day + 1) * 24 {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "DELETE FROM sketch_hour WHERE hour = ? AND monitor BETWEEN ? AND ?
             RETURNING monitor, data",
        )
        .bind(hour)
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
        hours.extend(rows);
    }
    for (monitor, data) in &hours {
        merged.entry(*monitor).or_default().merge(&decode(data)?);
    }
    for (monitor, data) in &stored {
        if let Some(sketch) = merged.get_mut(monitor) {
            sketch.merge(&decode(data)?);
        }
    }
    let rows: Vec<_> = merged.iter().map(|(monitor, sketch)| (*monitor, sketch.encode())).collect();
    DAY_SKETCH
        .run(connection, &rows, |query, (monitor, data)| {
            query.bind(day).bind(*monitor).bind(data.clone())
        })
        .await?;
    Ok(true)
}

/// Sums intervals that ended before `until` by UTC day.
pub(super) async fn intervals(
    connection: &mut SqliteConnection,
    until: i64,
    limit: i64,
) -> sqlx::Result<bool> {
    let rows: Vec<(i64, i64, i64, u8)> = sqlx::query_as(
        "DELETE FROM state_interval WHERE (monitor, start) IN
         (SELECT monitor, start FROM state_interval WHERE until <= ? LIMIT ?)
         RETURNING monitor, start, until, state",
    )
    .bind(until)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let mut days = Days::new();
    for (monitor, start, until, code) in &rows {
        spread(&mut days, *monitor, state(*code)?, *start, *until);
    }
    let sums: Vec<_> = days.into_iter().collect();
    DAY_SUM
        .run(connection, &sums, |query, ((monitor, day), sums)| {
            query
                .bind(*monitor)
                .bind(*day)
                .bind(stored(sums.up_ms))
                .bind(stored(sums.down_ms))
                .bind(stored(sums.maintenance_ms))
        })
        .await?;
    Ok(!rows.is_empty())
}
