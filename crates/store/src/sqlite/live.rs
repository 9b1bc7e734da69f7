//! What the writer knows without asking: each monitor's newest heartbeat, the latency sketches of
//! the hours that are not stored yet, and who was not heard of since the start.
//!
//! Nothing here is the only copy: after a crash it is rebuilt from the heartbeats that came after
//! `meta.folded_until`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::TryStreamExt;
use kuma_core::id::MonitorId;
use kuma_core::ports::Heartbeat;
use kuma_core::sketch::Sketch;
use kuma_core::state::MonitorState;
use kuma_core::time::to_ms;
use sqlx::{Row, SqliteConnection};

use super::hot;
pub(super) use crate::code::{DAY_MS, HOUR_MS, counted_latency, reason, state};

/// An interval that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) start: i64,
    pub(super) state: MonitorState,
    pub(super) vouched: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The newest heartbeat of each monitor, with the message that still holds.
    pub(super) last: HashMap<MonitorId, Heartbeat>,
    /// When the newest row of each monitor in the hot table is: where its chain begins.
    pub(super) tips: HashMap<MonitorId, i64>,
    /// Slots that are sealed or being sealed: what comes late for them goes elsewhere.
    pub(super) closed: BTreeSet<i64>,
    /// Sketches that are not stored yet, by hour, then monitor (in the order they are stored).
    pub(super) hours: BTreeMap<i64, BTreeMap<i64, Sketch>>,
    /// The interval of each monitor that is open, so that lists of all need not read them.
    pub(super) open: HashMap<MonitorId, Open>,
    /// Raised before something is committed that is then known here or no longer, and again after:
    /// a reader whose answer is from both asks again when it is odd or has changed.
    pub(super) moves: u64,
    /// Monitors with an open interval from before the start, not heard of since: what is between
    /// is unknown.
    pub(super) unheard: HashSet<MonitorId>,
}

impl Live {
    /// Reads it back at start.
    pub(super) async fn load(connection: &mut SqliteConnection) -> sqlx::Result<Self> {
        let mut live = Self::default();
        let from = super::fold::folded_until(connection).await?;
        let folded = live.load_last(connection).await?;
        live.load_hot(connection, from, &folded).await?;
        live.load_late(connection, from, &folded).await?;
        live.load_closed(connection).await?;
        live.load_open(connection).await?;
        live.unheard = live.open.keys().copied().collect();
        Ok(live)
    }

    /// Which slots are sealed, for a file that was just opened.
    pub(super) async fn load_closed(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<()> {
        let slots: Vec<i64> =
            sqlx::query_scalar("SELECT slot FROM sealed").fetch_all(connection).await?;
        self.closed = slots.into_iter().collect();
        Ok(())
    }

    /// The open intervals.
    pub(super) async fn load_open(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<()> {
        let rows: Vec<(i64, i64, u8, i64)> = sqlx::query_as(
            "SELECT monitor, start, state, vouched FROM state_interval WHERE until IS NULL",
        )
        .fetch_all(connection)
        .await?;
        self.open.clear();
        for (monitor, start, code, vouched) in rows {
            let open = Open { start, state: state(code)?, vouched };
            self.open.insert(MonitorId(monitor), open);
        }
        Ok(())
    }

    /// What was stored with the sketches; returns up to when each monitor's are.
    async fn load_last(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<HashMap<i64, i64>> {
        let mut folded = HashMap::new();
        for row in sqlx::query("SELECT * FROM beat_last").fetch_all(connection).await? {
            let monitor = row.try_get("monitor")?;
            let mut beat = hot::heartbeat(
                monitor,
                row.try_get("at")?,
                row.try_get("sequence")?,
                row.try_get("verdict")?,
                row.try_get("latency")?,
            )?;
            beat.message = row.try_get::<Option<String>, _>("message")?.map(Into::into);
            if let Some(tip) = row.try_get("tip")? {
                self.tips.insert(beat.monitor, tip);
            }
            self.last.insert(beat.monitor, beat);
            folded.insert(monitor, row.try_get("folded")?);
        }
        Ok(folded)
    }

    async fn load_hot(
        &mut self,
        connection: &mut SqliteConnection,
        from: i64,
        folded: &HashMap<i64, i64>,
    ) -> sqlx::Result<()> {
        let mut rows = sqlx::query_as::<_, (i64, u32, Option<u32>, Option<String>)>(
            "SELECT b.id, b.verdict, b.latency, e.message FROM beat b
             LEFT JOIN evidence e ON e.at = (b.id >> 22) + 1577836800000
               AND e.monitor = b.id & 4194303 AND e.sequence = 0
             WHERE b.id >= ? ORDER BY b.id",
        )
        .bind(hot::key_from(from))
        .fetch(connection);
        while let Some((key, verdict, latency, message)) = rows.try_next().await? {
            let (monitor, at) = (hot::monitor_of(key), hot::at_of(key));
            self.tips.insert(MonitorId(monitor), at);
            if folded.get(&monitor).is_none_or(|mark| at >= *mark) {
                let beat = hot::heartbeat(monitor, at, 0, verdict, latency)?;
                self.see(&Heartbeat { message: message.map(Into::into), ..beat });
            }
        }
        Ok(())
    }

    async fn load_late(
        &mut self,
        connection: &mut SqliteConnection,
        from: i64,
        folded: &HashMap<i64, i64>,
    ) -> sqlx::Result<()> {
        let mut rows = sqlx::query_as::<_, (i64, i64, u16, u32, Option<u32>, Option<String>)>(
            "SELECT b.*, e.message FROM beat_late b
             LEFT JOIN evidence e USING (at, monitor, sequence) WHERE b.at >= ?",
        )
        .bind(from)
        .fetch(connection);
        while let Some((monitor, at, sequence, verdict, latency, message)) = rows.try_next().await?
        {
            if folded.get(&monitor).is_none_or(|mark| at >= *mark) {
                let beat = hot::heartbeat(monitor, at, sequence, verdict, latency)?;
                self.see(&Heartbeat { message: message.map(Into::into), ..beat });
            }
        }
        Ok(())
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

    /// Lets go of sketches that are stored.
    pub(super) fn forget(&mut self, until: i64, monitors: &[MonitorId]) {
        for (_, sketches) in self.hours.range_mut(..).filter(|(hour, _)| **hour * HOUR_MS < until) {
            for monitor in monitors {
                sketches.remove(&monitor.0);
            }
        }
        self.hours.retain(|_, sketches| !sketches.is_empty());
    }

    /// Until when a monitor's newest heartbeat vouches for it.
    pub(super) fn heard_until(&self, monitor: MonitorId) -> i64 {
        self.last.get(&monitor).map_or(i64::MIN, |beat| to_ms(beat.at))
    }
}
