//! Who takes part, on the database's clock (`design/engine.md`, who may act). Only a store that
//! several processes can share has it.

use std::time::Duration;

use super::{Fence, StoreResult};
use crate::id::MonitorId;
use crate::shard::{MemberId, Shard, ShardSet, View};

/// Port: whether this process may act now, and in whose name it writes.
pub trait Authority: Send + Sync {
    /// The fence of what is decided now.
    fn fence(&self) -> Fence;

    /// Whether something may be claimed, sent or said now.
    fn may_act(&self) -> bool;
}

/// The authority of a process that has its store to itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Authority for Alone {
    fn fence(&self) -> Fence {
        Fence::Exclusive
    }

    fn may_act(&self) -> bool {
        true
    }
}

/// Port: heartbeat rows and shard rows. All times are the store's; a member's own clock decides
/// nothing, and one that hears nothing for as long as `ttl` stops by itself.
pub trait Membership: Send + Sync {
    /// Writes or renews the heartbeat of `me`, valid for `ttl`, and returns who is there. A member
    /// that had expired goes on with those shards that nobody has claimed meanwhile, under their
    /// old epochs: nobody else has decided about them, and the store may have been away for all.
    fn beat<'a>(&'a self, me: &'a MemberId, ttl: Duration) -> StoreResult<'a, View>;

    /// Claims those of `shards` that are released or whose owner has expired, each under a new
    /// epoch; returns what was claimed. Nothing is claimed by a member that has expired itself.
    fn claim_shards<'a>(
        &'a self,
        me: &'a MemberId,
        shards: ShardSet,
    ) -> StoreResult<'a, Vec<(Shard, i64)>>;

    /// Gives up those of `shards` that `me` holds. Resolves when it is committed; whatever was
    /// committed under the old epochs before is there for the next owner.
    fn release_shards<'a>(&'a self, me: &'a MemberId, shards: ShardSet) -> StoreResult<'a, ()>;

    /// Asks whoever holds these monitors' shards to run them soon, as parents of monitors that
    /// failed here. Asking twice before they are run is asking once.
    fn ask_runs<'a>(&'a self, monitors: &'a [MonitorId]) -> StoreResult<'a, ()>;

    /// Takes what was asked for of the monitors of `held`: each is handed out once.
    fn take_asked(&self, held: ShardSet) -> StoreResult<'_, Vec<MonitorId>>;

    /// Gives everything up and removes the member's row: others need not wait for it to expire.
    fn leave<'a>(&'a self, me: &'a MemberId) -> StoreResult<'a, ()>;
}
