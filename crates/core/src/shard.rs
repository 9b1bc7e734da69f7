//! Who may act on which monitors: shards, who holds them under which epoch, and how they should be
//! spread over the live members (`design/engine.md`, who may act). Pure.

use std::collections::BTreeMap;

use crate::id::MonitorId;

mod plan;
mod set;

pub use plan::{Member, MemberId, Mode, Plan, Row, View, plan};
pub use set::ShardSet;

/// How many shards monitors are spread over. Stored in the database when it is made.
pub const SHARDS: u8 = 64;

/// A share of the monitors, or the coordinator's pseudo-shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The pseudo-shard of everything that is not about one monitor: stored objects, audit,
    /// retention, statuses of other kinds, discovery, exposure.
    pub const COORDINATOR: Self = Self(SHARDS);

    /// The shard of a monitor, the same for ever: surrogates are.
    pub fn of(monitor: MonitorId) -> Self {
        // The golden ratio spreads numbers that follow each other.
        let mixed = monitor.0.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(u8::try_from((mixed >> 32) % u64::from(SHARDS)).unwrap_or_default())
    }

    /// A shard by its number, 0 to 64; 64 is the coordinator's.
    pub const fn new(number: u8) -> Option<Self> {
        if number <= SHARDS { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All shards, the coordinator's last.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=SHARDS).map(Self)
    }
}

/// The shards that a member holds, each with the epoch under which it was claimed. What a write
/// carries as its fence: an epoch that the store no longer knows is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// Who holds them.
    pub member: MemberId,
    /// Epoch by shard.
    pub epochs: BTreeMap<Shard, i64>,
}

impl Held {
    /// The epoch under which a shard is held, if it is.
    pub fn epoch(&self, shard: Shard) -> Option<i64> {
        self.epochs.get(&shard).copied()
    }

    /// The shards without their epochs.
    pub fn shards(&self) -> ShardSet {
        self.epochs.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_that_follow_each_other_spread_evenly() {
        let mut counts = [0_u32; SHARDS as usize];
        for id in 1..=6400 {
            counts[usize::from(Shard::of(MonitorId(id)).number())] += 1;
        }
        assert!(counts.iter().all(|count| (80..=120).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_shard_of_a_monitor_never_changes() {
        let numbers: Vec<u8> = (1..=8).map(|id| Shard::of(MonitorId(id)).number()).collect();
        assert_eq!(numbers, [57, 50, 44, 37, 31, 24, 18, 11]);
    }
}
