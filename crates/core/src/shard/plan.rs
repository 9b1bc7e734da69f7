//! How shards should be spread, and what one member does about it: bounded-load rendezvous hashing
//! over the members that live by the database's clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Shard, ShardSet};

/// A process that takes part, one per start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MemberId(pub String);

/// A member as the store sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub id: MemberId,
    /// Orders members by when they came, for the mode with one active instance.
    pub joined: i64,
    /// Whether its heartbeat has not expired by the database's clock.
    pub alive: bool,
}

/// A shard as the store sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub shard: Shard,
    /// Who holds it; none once it was released.
    pub owner: Option<MemberId>,
    /// Grows with every claim.
    pub epoch: i64,
}

/// Members and shards at one moment of the database's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Every member, expired ones included until they are removed.
    pub members: Vec<Member>,
    /// Every shard.
    pub shards: Vec<Row>,
}

/// How many members are active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One holds everything (`mode.singleInstanceRequired`), the others wait.
    Single,
    /// All share.
    Spread,
}

/// What a member should do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Shards to claim: free ones, or those of members that have expired.
    pub claim: ShardSet,
    /// Shards to hand over to a live member.
    pub release: ShardSet,
}

/// What `me` should do.
pub fn plan(view: &View, me: &MemberId, mode: Mode) -> Plan {
    let alive: Vec<&Member> = view.members.iter().filter(|member| member.alive).collect();
    let mut plan = Plan::default();
    if !alive.iter().any(|member| member.id == *me) {
        return plan;
    }
    let targets = match mode {
        Mode::Single => single(view, &alive),
        Mode::Spread => spread(&alive),
    };
    for row in &view.shards {
        let Some(target) = targets.get(&row.shard) else { continue };
        let owner = row.owner.as_ref();
        let owned_by_living =
            owner.is_some_and(|owner| alive.iter().any(|member| member.id == *owner));
        if owner == Some(me) && *target != me {
            plan.release.insert(row.shard);
        } else if !owned_by_living && *target == me {
            plan.claim.insert(row.shard);
        }
    }
    plan
}

type Targets<'a> = BTreeMap<Shard, &'a MemberId>;

/// Everything to whoever has the coordinator's shard already, else to whoever came first.
fn single<'a>(view: &View, alive: &[&'a Member]) -> Targets<'a> {
    let holder = view
        .shards
        .iter()
        .find(|row| row.shard == Shard::COORDINATOR)
        .and_then(|row| row.owner.as_ref());
    let active = alive
        .iter()
        .find(|member| Some(&member.id) == holder)
        .or_else(|| alive.iter().min_by_key(|member| (member.joined, &member.id)));
    let Some(active) = active else { return Targets::new() };
    Shard::all().map(|shard| (shard, &active.id)).collect()
}

/// Each shard to the member with the highest score for it that is not full: a member takes at most
/// its share, rounded up, so that a change of members moves few shards and none carries much more
/// than another.
fn spread<'a>(alive: &[&'a Member]) -> Targets<'a> {
    let shards = Shard::all().count();
    let most = shards.div_ceil(alive.len().max(1));
    let mut load: BTreeMap<&MemberId, usize> = BTreeMap::new();
    let mut targets = Targets::new();
    for shard in Shard::all() {
        let mut ranked: Vec<&MemberId> = alive.iter().map(|member| &member.id).collect();
        ranked.sort_by_key(|id| (std::cmp::Reverse(score(id, shard)), *id));
        let room = |id: &&MemberId| load.get(id).copied().unwrap_or_default() < most;
        if let Some(target) = ranked.into_iter().find(room) {
            *load.entry(target).or_default() += 1;
            targets.insert(shard, target);
        }
    }
    targets
}

/// FNV-1a over the member's name, mixed with the shard: the same on every machine and version.
fn score(member: &MemberId, shard: Shard) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in member.0.bytes().chain([shard.number()]) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // FNV leaves its high bits almost as they were for the last byte; finish like murmur does.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53) ^ (hash >> 29)
}

#[cfg(test)]
mod tests;
