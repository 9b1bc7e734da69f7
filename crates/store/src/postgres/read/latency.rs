//! Latency percentiles: from sketches of what is sealed, and from the results that are not.

use std::time::Duration;

use kuma_core::id::MonitorId;
use kuma_core::ports::LatencyStep;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::postgres::PgPool;

use super::beats::unsealed;
use crate::code::{DAY_MS, HOUR_MS, counted_latency};
use crate::postgres::error::WorkError;
use crate::postgres::sql::snapshot;
use crate::postgres::upkeep::sketch;
use crate::steps::{Steps, ceil_div};

/// See the port.
pub(in crate::postgres) async fn latency(
    pool: &PgPool,
    monitor: MonitorId,
    (from, to): (Timestamp, Timestamp),
    step: Duration,
) -> Result<Vec<LatencyStep>, WorkError> {
    let mut steps = Steps::new(from, to, step)?;
    let (from, to) = steps.hours();
    if to <= from {
        return Ok(Vec::new());
    }
    let mut snapshot = snapshot(pool).await?;
    let days: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT day, data FROM sketch_day WHERE monitor = $1 AND day >= $2 AND day < $3",
    )
    .bind(monitor.0)
    .bind(from.div_euclid(24))
    .bind(ceil_div(to, 24))
    .fetch_all(&mut *snapshot)
    .await?;
    if !days.is_empty() {
        steps.expect_days()?;
    }
    for (day, data) in days {
        steps.add(day * DAY_MS, &sketch(&data)?);
    }
    let hours: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT hour, data FROM sketch_hour WHERE monitor = $1 AND hour >= $2 AND hour < $3",
    )
    .bind(monitor.0)
    .bind(from)
    .bind(to)
    .fetch_all(&mut *snapshot)
    .await?;
    for (hour, data) in hours {
        steps.add(hour * HOUR_MS, &sketch(&data)?);
    }
    let span = (from * HOUR_MS, to.saturating_mul(HOUR_MS));
    let mut beats = unsealed(&mut snapshot, monitor, span, u32::MAX).await?;
    beats.dedup_by_key(|beat| (beat.at, beat.sequence));
    for beat in beats {
        if let Some(latency) = counted_latency(&beat) {
            steps.at(to_ms(beat.at)).add(latency);
        }
    }
    Ok(steps.finish())
}
