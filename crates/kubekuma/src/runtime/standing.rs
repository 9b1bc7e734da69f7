//! Whether this process may act, and in whose name it writes: alone on a store of its own, or as a
//! member of a shared one that holds shards (`design/engine.md`, who may act).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kuma_core::ports::{Authority, Fence};
use kuma_core::shard::{Held, MemberId, Shard, ShardSet};
use kuma_core::time::{Clock, Mono};
use tokio::sync::{Notify, watch};

use crate::clock::SystemClock;

/// How long a heartbeat is valid by the store's clock. A killed member's shards move after it.
pub(super) const TTL: Duration = Duration::from_secs(10);

/// What is known of our membership.
#[derive(Debug, Default)]
struct Inner {
    held: Arc<Held>,
    /// How many instances live.
    members: u64,
    /// Who is active while we are not.
    active: Option<MemberId>,
    /// Begin of the last heartbeat that the store took.
    taken: Option<Mono>,
    /// Begin of the last heartbeat that found no store.
    unanswered: Option<Mono>,
}

/// The standing of this process.
#[derive(Debug)]
pub struct Standing {
    clock: SystemClock,
    /// None on a store that only this process has.
    shared: Option<Mutex<Inner>>,
    doubt: Notify,
    changes: watch::Sender<ShardSet>,
}

impl Standing {
    /// Of a process that has its store to itself.
    pub fn alone(clock: SystemClock) -> Self {
        let changes = watch::Sender::new(ShardSet::ALL);
        Self { clock, shared: None, doubt: Notify::new(), changes }
    }

    /// Of a member of a shared store, which holds nothing yet.
    pub fn member(clock: SystemClock, member: MemberId) -> Self {
        let held = Arc::new(Held { member, ..Held::default() });
        let inner = Inner { held, ..Inner::default() };
        let changes = watch::Sender::new(ShardSet::NONE);
        Self { clock, shared: Some(Mutex::new(inner)), doubt: Notify::new(), changes }
    }

    fn inner(&self) -> Option<MutexGuard<'_, Inner>> {
        let shared = self.shared.as_ref()?;
        Some(shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether others may share the store.
    pub const fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The shards that are ours.
    pub fn held(&self) -> ShardSet {
        self.inner().map_or(ShardSet::ALL, |inner| inner.held.shards())
    }

    /// Whether what is not about one monitor is ours to do.
    pub fn coordinates(&self) -> bool {
        self.held().contains(Shard::COORDINATOR)
    }

    /// Replaces what is held.
    pub fn set_held(&self, held: Held) {
        let shards = held.shards();
        if let Some(mut inner) = self.inner() {
            inner.held = Arc::new(held);
        }
        self.changes.send_if_modified(|known| std::mem::replace(known, shards) != shards);
    }

    /// Tells when shards come or go.
    pub fn changes(&self) -> watch::Receiver<ShardSet> {
        self.changes.subscribe()
    }

    /// A heartbeat that began at `begun` was taken.
    pub fn taken(&self, begun: Mono) {
        if let Some(mut inner) = self.inner() {
            inner.taken = Some(begun);
        }
    }

    /// A heartbeat that began at `begun` found no store.
    pub fn unanswered(&self, begun: Mono) {
        if let Some(mut inner) = self.inner() {
            inner.unanswered = Some(begun);
        }
    }

    /// How many instances live, this one among them.
    pub fn members(&self) -> u64 {
        self.inner().map_or(1, |inner| inner.members.max(1))
    }

    /// Says how many instances live.
    pub fn set_members(&self, members: u64) {
        if let Some(mut inner) = self.inner() {
            inner.members = members;
        }
    }

    /// Says who else is active, for people.
    pub fn set_active(&self, active: Option<MemberId>) {
        if let Some(mut inner) = self.inner() {
            inner.active = active;
        }
    }

    /// Why nothing is done here, if nothing is.
    pub fn standby(&self) -> Option<String> {
        let inner = self.inner()?;
        if !inner.held.epochs.is_empty() {
            return None;
        }
        Some(match &inner.active {
            Some(MemberId(active)) => format!("standby: {active} is the active instance"),
            None if inner.taken.is_some() => "no shard is held yet".to_owned(),
            None => "the shared store has not answered yet".to_owned(),
        })
    }

    /// Whether the store has confirmed lately that we live. Until it has, a refusal says nothing
    /// about who holds what.
    pub fn confirmed(&self) -> bool {
        let Some(inner) = self.inner() else { return true };
        let now = self.clock.now().mono;
        inner.taken.is_some_and(|begun| now.since(begun) < TTL)
    }

    /// Something was refused: the membership is looked at again at once.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Resolves when there is doubt.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }
}

impl Authority for Standing {
    fn fence(&self) -> Fence {
        self.inner().map_or(Fence::Exclusive, |inner| Fence::Held(inner.held.clone()))
    }

    /// Not after a standstill in which our heartbeat may have expired and others may have taken
    /// over, until the store was asked again. A store that does not answer is no reason: who cannot
    /// reach it goes on in the dark, and repeats carry the same keys.
    fn may_act(&self) -> bool {
        let Some(inner) = self.inner() else { return true };
        let now = self.clock.now().mono;
        let fresh = |begun: Option<Mono>| begun.is_some_and(|begun| now.since(begun) < TTL);
        !inner.held.epochs.is_empty() && (fresh(inner.taken) || fresh(inner.unanswered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        let standing = Standing::member(SystemClock::start(), MemberId("a".to_owned()));
        let epochs = [(Shard::COORDINATOR, 3)].into();
        standing.set_held(Held { member: MemberId("a".to_owned()), epochs });
        standing
    }

    #[test]
    fn a_member_acts_only_on_fresh_news_from_the_store() {
        let standing = standing();
        assert!(!standing.may_act(), "it never asked");
        standing.taken(standing.clock.now().mono);
        assert!(standing.may_act() && standing.coordinates());
        standing.set_held(Held::default());
        assert!(!standing.may_act(), "it holds nothing");
    }

    #[test]
    fn a_store_out_of_reach_stops_nobody() {
        let standing = standing();
        standing.unanswered(standing.clock.now().mono);
        assert!(standing.may_act());
    }

    #[test]
    fn a_process_alone_always_acts() {
        let standing = Standing::alone(SystemClock::start());
        assert!(standing.may_act() && standing.coordinates());
        assert_eq!(standing.fence(), Fence::Exclusive);
        assert_eq!(standing.held(), ShardSet::ALL);
    }
}
