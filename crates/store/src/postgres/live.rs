//! What the writer knows without asking: when each monitor was last heard of, and of whom it took
//! over nothing was heard yet.
//!
//! Nothing here is the only copy. What is about monitors of other members is as old as the start.

use std::collections::{BTreeMap, HashSet};

use kuma_core::id::{IdMap, MonitorId};
use kuma_core::shard::{Held, Shard, ShardSet};
use sqlx::PgConnection;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Time and sequence of the newest heartbeat of each monitor.
    pub(super) tips: IdMap<(i64, u16)>,
    /// Monitors with an open interval that somebody else began, not heard of since: what is between
    /// is unknown.
    pub(super) unheard: HashSet<MonitorId>,
    /// Under which epoch each shard was taken over.
    taken: BTreeMap<Shard, i64>,
    /// Whether an answer was lost, so that it is not known what the newest heartbeats are.
    pub(super) doubtful: bool,
}

impl Live {
    /// Reads it at start.
    pub(super) async fn load(connection: &mut PgConnection) -> sqlx::Result<Self> {
        Ok(Self {
            tips: tips(connection).await?,
            unheard: open_monitors(connection).await?,
            taken: BTreeMap::new(),
            doubtful: false,
        })
    }

    /// Until when a monitor's newest heartbeat vouches for it.
    pub(super) fn heard_until(&self, monitor: MonitorId) -> i64 {
        self.tips.get(&monitor).map_or(i64::MIN, |tip| tip.0)
    }

    /// The shards that are held under another epoch than they were when last seen here.
    pub(super) fn taken_over(&self, held: &Held) -> ShardSet {
        let new = held.epochs.iter().filter(|(shard, epoch)| self.taken.get(shard) != Some(epoch));
        new.map(|(shard, _)| *shard).collect()
    }

    /// Takes over shards: their monitors were somebody else's until now.
    pub(super) fn take_over(&mut self, held: &Held, found: &Found) {
        for (monitor, tip) in &found.tips {
            let known = self.tips.entry(*monitor).or_insert(*tip);
            *known = (*known).max(*tip);
        }
        self.unheard.extend(found.open.iter().filter(|monitor| found.shards.holds(**monitor)));
        for shard in found.shards.iter() {
            if let Some(epoch) = held.epoch(shard) {
                self.taken.insert(shard, epoch);
            }
        }
    }
}

/// What was read to take shards over.
#[derive(Debug, Default)]
pub(super) struct Found {
    shards: ShardSet,
    tips: IdMap<(i64, u16)>,
    open: HashSet<MonitorId>,
}

impl Found {
    /// Reads it.
    pub(super) async fn read(
        connection: &mut PgConnection,
        shards: ShardSet,
    ) -> sqlx::Result<Self> {
        Ok(Self { shards, tips: tips(connection).await?, open: open_monitors(connection).await? })
    }
}

/// Time and sequence of the newest heartbeat of every monitor.
async fn tips(connection: &mut PgConnection) -> sqlx::Result<IdMap<(i64, u16)>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT monitor, max(tip) FROM (
           SELECT monitor, at << 16 | sequence AS tip FROM beat_last
           UNION ALL
           SELECT monitor, max(at << 16 | sequence) FROM unsealed GROUP BY monitor) newest
         GROUP BY monitor",
    )
    .fetch_all(connection)
    .await?;
    let tip = |packed: i64| (packed >> 16, u16::try_from(packed & 0xffff).unwrap_or(u16::MAX));
    Ok(rows.into_iter().map(|(monitor, packed)| (MonitorId(monitor), tip(packed))).collect())
}

async fn open_monitors(connection: &mut PgConnection) -> sqlx::Result<HashSet<MonitorId>> {
    let rows: Vec<i64> =
        sqlx::query_scalar("SELECT monitor FROM state_interval WHERE until IS NULL")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(MonitorId).collect())
}

#[cfg(test)]
mod tests {
    use kuma_core::shard::MemberId;

    use super::*;

    fn held(epoch: i64) -> Held {
        let epochs = Shard::all().map(|shard| (shard, epoch)).collect();
        Held { member: MemberId("a".to_owned()), epochs }
    }

    #[test]
    fn a_shard_is_taken_over_once_for_each_epoch() {
        let mut live = Live::default();
        assert_eq!(live.taken_over(&held(1)), ShardSet::ALL);
        let open = HashSet::from([MonitorId(1), MonitorId(2)]);
        let tips = [(MonitorId(1), (5, 0))].into_iter().collect();
        let found = Found { shards: [Shard::of(MonitorId(1))].into_iter().collect(), tips, open };
        live.take_over(&held(1), &found);
        assert_eq!(live.unheard, HashSet::from([MonitorId(1)]));
        assert_eq!(live.heard_until(MonitorId(1)), 5);
        assert_eq!(live.taken_over(&held(1)).len(), ShardSet::ALL.len() - 1);
        assert_eq!(live.taken_over(&held(2)), ShardSet::ALL);
    }
}
