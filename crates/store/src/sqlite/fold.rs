//! Latency sketches from memory to the disk: when an hour is over, and at close. A few monitors at
//! a time, each with the mark up to which its heartbeats are accounted for, so that a crash counts
//! none twice and nobody waits long.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex};

use kuma_core::id::MonitorId;
use kuma_core::ports::Heartbeat;
use kuma_core::sketch::Sketch;
use kuma_core::time::{Timestamp, to_ms};
use sqlx::{Connection, SqliteConnection};

use super::error::damaged;
use super::hot::verdict;
use super::live::{HOUR_MS, Live};
use super::schema::set_meta;
use super::sql::MultiInsert;
use super::writer::lock;

/// How long after an hour's end its last results are waited for.
const LATE_MS: i64 = 60_000;
/// Monitors of one step.
const STEP: usize = 500;

static HOUR: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR REPLACE INTO sketch_hour (hour, monitor, data)", 3, "")
});
static LAST: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new(
        "INSERT OR REPLACE INTO beat_last
         (monitor, at, sequence, verdict, latency, message, tip, folded)",
        8,
        "",
    )
});

/// Storing what is in memory, under way.
#[derive(Debug)]
pub(super) struct Fold {
    /// Hours that begin before this are stored.
    until: i64,
    /// Who is still to come, the next one last.
    monitors: Vec<MonitorId>,
}

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

impl Fold {
    /// Prepares to store the sketches of hours that begin before `until`, and every newest
    /// heartbeat.
    pub(super) async fn begin(
        connection: &mut SqliteConnection,
        live: &Mutex<Live>,
        until: i64,
    ) -> sqlx::Result<Self> {
        // The mark never goes back: what is before it is in the stored sketches.
        let until = folded_until(connection).await?.max(until);
        let mut monitors: Vec<_> = lock(live).last.keys().copied().collect();
        monitors.sort_unstable_by_key(|monitor| std::cmp::Reverse(*monitor));
        Ok(Self { until, monitors })
    }

    /// Stores a few monitors in one transaction; true when there are more.
    pub(super) async fn step(
        &mut self,
        connection: &mut SqliteConnection,
        live: &Mutex<Live>,
    ) -> sqlx::Result<bool> {
        if self.until == i64::MIN {
            return Ok(false);
        }
        let rest = self.monitors.len().saturating_sub(STEP);
        let monitors: Vec<_> =
            self.monitors.get(rest..).unwrap_or_default().iter().rev().copied().collect();
        let (hours, last) = snapshot(&lock(live), self.until, &monitors);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for (hour, sketches) in &hours {
            store_hour(&mut transaction, *hour, sketches).await?;
        }
        let until = self.until;
        LAST.run(&mut transaction, &last, |query, (beat, tip)| {
            query
                .bind(beat.monitor.0)
                .bind(to_ms(beat.at))
                .bind(beat.sequence)
                .bind(verdict(beat))
                .bind(beat.latency_us)
                .bind(beat.message.clone())
                .bind(*tip)
                .bind(until)
        })
        .await?;
        if rest == 0 {
            set_meta(&mut transaction, "folded_until", &until.to_string()).await?;
        }
        lock(live).moves += 1;
        let committed = transaction.commit().await;
        let mut live = lock(live);
        live.moves += 1;
        committed?;
        live.forget(until, &monitors);
        drop(live);
        self.monitors.truncate(rest);
        Ok(rest > 0)
    }
}

/// Heartbeats before this moment are in `beat_last` and the stored sketches.
pub(super) async fn folded_until(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    let stored: Option<i64> =
        sqlx::query_scalar("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'folded_until'")
            .fetch_optional(connection)
            .await?;
    Ok(stored.unwrap_or(i64::MIN))
}

type Hours = BTreeMap<i64, Vec<(i64, Sketch)>>;

fn snapshot(
    live: &Live,
    until: i64,
    monitors: &[MonitorId],
) -> (Hours, Vec<(Heartbeat, Option<i64>)>) {
    let mut hours = Hours::new();
    for (hour, sketches) in live.hours.iter().filter(|(hour, _)| **hour * HOUR_MS < until) {
        let of = |id: &MonitorId| Some((id.0, sketches.get(&id.0)?.clone()));
        hours.insert(*hour, monitors.iter().filter_map(of).collect());
    }
    let last = monitors.iter().filter_map(|id| {
        let beat = live.last.get(id)?.clone();
        Some((beat, live.tips.get(id).copied()))
    });
    (hours, last.collect())
}

/// Stores an hour; what an earlier close or a late result left there is added to.
async fn store_hour(
    connection: &mut SqliteConnection,
    hour: i64,
    sketches: &[(i64, Sketch)],
) -> sqlx::Result<()> {
    let (Some((first, _)), Some((last, _))) = (sketches.first(), sketches.last()) else {
        return Ok(());
    };
    let stored: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT monitor, data FROM sketch_hour WHERE hour = ? AND monitor BETWEEN ? AND ?",
    )
    .bind(hour)
    .bind(first)
    .bind(last)
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
