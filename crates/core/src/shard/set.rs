//! A set of shards.

use std::fmt;

use super::{SHARDS, Shard};
use crate::id::MonitorId;

/// A set of shards, the coordinator's among them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ShardSet(u128);

impl ShardSet {
    /// Every shard and the coordinator's: what a process without peers holds.
    pub const ALL: Self = Self((1 << (SHARDS + 1)) - 1);
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether a shard is in it.
    pub const fn contains(self, shard: Shard) -> bool {
        self.0 & (1 << shard.number()) != 0
    }

    /// Whether a monitor's shard is in it.
    pub fn holds(self, monitor: MonitorId) -> bool {
        self.contains(Shard::of(monitor))
    }

    /// Puts a shard in.
    pub const fn insert(&mut self, shard: Shard) {
        self.0 |= 1 << shard.number();
    }

    /// What is in this one or in the other.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether none is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are in it.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Its shards in order.
    pub fn iter(self) -> impl Iterator<Item = Shard> {
        Shard::all().filter(move |shard| self.contains(*shard))
    }
}

impl FromIterator<Shard> for ShardSet {
    fn from_iter<I: IntoIterator<Item = Shard>>(shards: I) -> Self {
        let mut set = Self::NONE;
        for shard in shards {
            set.insert(shard);
        }
        set
    }
}

impl fmt::Debug for ShardSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Shard::number)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_every_shard_and_the_coordinator() {
        assert_eq!(ShardSet::ALL, Shard::all().collect());
        assert_eq!(ShardSet::ALL.len(), u32::from(SHARDS) + 1);
        assert!(ShardSet::ALL.without(ShardSet::ALL).is_empty());
        assert!(ShardSet::ALL.contains(Shard::COORDINATOR));
    }
}
