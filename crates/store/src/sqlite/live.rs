//! What the writer knows without asking: each monitor's newest heartbeat, the latency sketches of
//! the hours that are not stored yet, and who was not heard of since the start.
//!
//! Nothing here is the only copy: after a crash it is rebuilt from the heartbeats that came after
//! `meta.folded_until`.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::TryStreamExt;
use kuma_core::id::MonitorId;
use kuma_core::ports::Heartbeat;
use kuma_core::reason::{Class, Reason};
use kuma_core::sketch::Sketch;
use kuma_core::state::MonitorState;
use kuma_core::time::{from_ms, to_ms};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::error::damaged;

/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The newest heartbeat of each monitor, with the message that still holds.
    pub(super) last: HashMap<MonitorId, Heartbeat>,
    /// Sketches that are not stored yet, by hour, then monitor (in the order they are stored).
    pub(super) hours: BTreeMap<i64, BTreeMap<i64, Sketch>>,
    /// Monitors with an open interval from before the start, not heard of since: what is between
    /// is unknown.
    pub(super) unheard: HashSet<MonitorId>,
}

impl Live {
    /// Reads it back at start.
    pub(super) async fn load(connection: &mut SqliteConnection) -> sqlx::Result<Self> {
        let mut live = Self::default();
        let from = super::fold::folded_until(connection).await?;
        for row in sqlx::query("SELECT * FROM beat_last").fetch_all(&mut *connection).await? {
            let beat = heartbeat(&row)?;
            live.last.insert(beat.monitor, beat);
        }
        let mut rows = sqlx::query(
            "SELECT b.*, e.message FROM beat b
             LEFT JOIN evidence e USING (at, monitor, ordinal)
             WHERE b.at >= ? ORDER BY b.at, b.monitor, b.ordinal",
        )
        .bind(from)
        .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            live.see(&heartbeat(&row)?);
        }
        drop(rows);
        let open: Vec<i64> =
            sqlx::query_scalar("SELECT monitor FROM state_interval WHERE until IS NULL")
                .fetch_all(&mut *connection)
                .await?;
        live.unheard = open.into_iter().map(MonitorId).collect();
        Ok(live)
    }

    /// Takes note of a committed heartbeat.
    pub(super) fn see(&mut self, beat: &Heartbeat) {
        if let Some(latency) = counted_latency(beat) {
            let hour = to_ms(beat.at).div_euclid(HOUR_MS);
            let monitors = self.hours.entry(hour).or_default();
            monitors.entry(beat.monitor.0).or_default().add(latency);
        }
        let newest = self.last.get(&beat.monitor);
        if newest.is_some_and(|last| (last.at, last.sequence) > (beat.at, beat.sequence)) {
            return;
        }
        let mut beat = Heartbeat { evidence: None, ..beat.clone() };
        if beat.message.is_none()
            && let Some(last) = newest
            && (last.state, last.reason) == (beat.state, beat.reason)
        {
            beat.message.clone_from(&last.message);
        }
        self.last.insert(beat.monitor, beat);
    }

    /// Until when a monitor's newest heartbeat vouches for it.
    pub(super) fn heard_until(&self, monitor: MonitorId) -> i64 {
        self.last.get(&monitor).map_or(i64::MIN, |beat| to_ms(beat.at))
    }
}

/// The latency of a success; failures would make a target that times out look slow.
pub(super) fn counted_latency(beat: &Heartbeat) -> Option<u32> {
    let success = beat.reason.is_none_or(|reason| reason.class() == Class::Lifecycle);
    beat.latency_us.filter(|_| success)
}

/// Sequence and attempts as stored: one column, ordered by the sequence.
pub(super) fn ordinal(beat: &Heartbeat) -> u32 {
    u32::from(beat.sequence) << 8 | u32::from(beat.attempts)
}

/// A row of `beat` with its message, or of `beat_last`.
pub(super) fn heartbeat(row: &SqliteRow) -> sqlx::Result<Heartbeat> {
    let ordinal: u32 = row.try_get("ordinal")?;
    let [attempts, low, high, _] = ordinal.to_le_bytes();
    Ok(Heartbeat {
        monitor: MonitorId(row.try_get("monitor")?),
        at: from_ms(row.try_get("at")?),
        sequence: u16::from_le_bytes([low, high]),
        state: state(row.try_get("state")?)?,
        reason: reason(row.try_get("reason")?)?,
        latency_us: row.try_get("latency")?,
        attempts,
        message: row.try_get::<Option<String>, _>("message")?.map(Into::into),
        evidence: None,
    })
}

/// A stored state.
pub(super) fn state(code: u8) -> sqlx::Result<MonitorState> {
    MonitorState::from_code(code).ok_or_else(|| damaged("state", code))
}

/// A stored reason.
pub(super) fn reason(number: Option<u16>) -> sqlx::Result<Option<Reason>> {
    number
        .map(|number| Reason::from_number(number).ok_or_else(|| damaged("reason", number)))
        .transpose()
}
