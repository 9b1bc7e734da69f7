//! Latency sketches from memory to the disk: when an hour is over, and at close. All at once with
//! the mark up to which heartbeats are accounted for, so that a crash counts none twice.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use kuma_core::ports::Heartbeat;
use kuma_core::sketch::Sketch;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::{Connection, SqliteConnection};

use super::error::damaged;
use super::live::{HOUR_MS, Live, ordinal};
use super::schema::set_meta;
use super::sql::MultiInsert;
use super::writer::lock;

/// How long after an hour's end its last results are waited for.
const LATE_MS: i64 = 60_000;

static HOUR: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR REPLACE INTO sketch_hour (hour, monitor, data)", 3, "")
});
static LAST: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT OR REPLACE INTO beat_last
         (monitor, at, ordinal, state, reason, latency, message)",
        7,
        "",
    )
});

/// Until which moment memory should be stored now, if it is time.
pub(super) fn due(live: &Live, now: Timestamp) -> Option<i64> {
    let current = (to_ms(now) - LATE_MS).div_euclid(HOUR_MS);
    let oldest = live.hours.keys().next()?;
    (*oldest < current).then_some(current * HOUR_MS)
}

/// Just after the newest heartbeat of all.
pub(super) fn everything(live: &Live) -> i64 {
    live.last.values().map(|beat| to_ms(beat.at).saturating_add(1)).max().unwrap_or(i64::MIN)
}

/// Stores the sketches of hours that begin before `until`, and every newest heartbeat.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    live: &Mutex<Live>,
    until: i64,
) -> sqlx::Result<()> {
    if until == i64::MIN {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // The mark never goes back: what is before it is in the stored sketches.
    let until = folded_until(&mut transaction).await?.max(until);
    let (hours, mut last) = snapshot(live, until);
    // In the order of the key, so that pages are filled once.
    last.sort_unstable_by_key(|beat| beat.monitor);
    for (hour, sketches) in &hours {
        store_hour(&mut transaction, *hour, sketches).await?;
    }
    LAST.run(&mut transaction, &last, |query, beat| {
        query
            .bind(beat.monitor.0)
            .bind(to_ms(beat.at))
            .bind(ordinal(beat))
            .bind(beat.state as u8)
            .bind(beat.reason.map(|reason| reason as u16))
            .bind(beat.latency_us)
            .bind(beat.message.clone())
    })
    .await?;
    set_meta(&mut transaction, "folded_until", &until.to_string()).await?;
    transaction.commit().await?;
    lock(live).hours.retain(|hour, _| hour * HOUR_MS >= until);
    Ok(())
}

/// Heartbeats before this moment are in `beat_last` and the stored sketches.
pub(super) async fn folded_until(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    let stored: Option<i64> =
        sqlx::query_scalar("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'folded_until'")
            .fetch_optional(connection)
            .await?;
    Ok(stored.unwrap_or(i64::MIN))
}

type Hours = Vec<(i64, Vec<(i64, Sketch)>)>;

fn snapshot(live: &Mutex<Live>, until: i64) -> (Hours, Vec<Heartbeat>) {
    let live = lock(live);
    let hours = live
        .hours
        .iter()
        .filter(|(hour, _)| **hour * HOUR_MS < until)
        .map(|(hour, monitors)| {
            let sketches = monitors.iter().map(|(id, sketch)| (*id, sketch.clone()));
            (*hour, sketches.collect())
        })
        .collect();
    (hours, live.last.values().cloned().collect())
}

/// Stores an hour; what an earlier close or a late result left there is added to.
async fn store_hour(
    connection: &mut SqliteConnection,
    hour: i64,
    sketches: &[(i64, Sketch)],
) -> sqlx::Result<()> {
    let stored: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT monitor, data FROM sketch_hour WHERE hour = ?")
            .bind(hour)
            .fetch_all(&mut *connection)
            .await?;
    let stored: HashMap<i64, Vec<u8>> = stored.into_iter().collect();
    let mut rows = Vec::with_capacity(sketches.len());
    for (monitor, sketch) in sketches {
        let mut sketch = sketch.clone();
        if let Some(data) = stored.get(monitor) {
            sketch.merge(&decode(data)?);
        }
        rows.push((*monitor, sketch.encode()));
    }
    HOUR.run(connection, &rows, |query, (monitor, data)| {
        query.bind(hour).bind(*monitor).bind(data.clone())
    })
    .await?;
    Ok(())
}

/// A stored sketch.
pub(super) fn decode(data: &[u8]) -> sqlx::Result<Sketch> {
    Sketch::decode(data).map_err(|error| damaged("sketch", error))
}
