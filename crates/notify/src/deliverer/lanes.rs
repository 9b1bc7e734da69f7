//! Who may send now: a lane per provider with room for two, so that one that hangs holds up
//! only its own messages.

use std::collections::{BTreeMap, HashMap, VecDeque};

use kuma_core::id::ObjectName;
use kuma_core::ports::Claim;
use tokio::task::Id;

/// Sends at a time through one provider.
pub(super) const PER_PROVIDER: usize = 2;
/// Sends at a time.
const MOST_RUNNING: usize = 128;
/// Claims that may wait in all lanes together.
const MOST_WAITING: usize = 1_024;

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Claim>,
    running: usize,
}

/// All lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<ObjectName, Lane>,
    tasks: HashMap<Id, ObjectName>,
}

impl Lanes {
    /// Queues a claim behind its provider's others.
    pub(super) fn push(&mut self, claim: Claim) {
        let Some(provider) = claim.rows.first().map(|row| row.provider.clone()) else {
            return;
        };
        self.lanes.entry(provider).or_default().waiting.push_back(claim);
    }

    /// The next claim that may be sent now.
    pub(super) fn next(&mut self) -> Option<(ObjectName, Claim)> {
        if self.tasks.len() >= MOST_RUNNING {
            return None;
        }
        // The lane with the fewest running sends goes first, so that every provider gets a turn.
        let (name, lane) = self
            .lanes
            .iter_mut()
            .filter(|(_, lane)| lane.running < PER_PROVIDER && !lane.waiting.is_empty())
            .min_by_key(|(_, lane)| lane.running)?;
        let claim = lane.waiting.pop_front()?;
        lane.running += 1;
        Some((name.clone(), claim))
    }

    /// The task that sends what [`Self::next`] gave.
    pub(super) fn started(&mut self, task: Id, provider: ObjectName) {
        self.tasks.insert(task, provider);
    }

    /// Its end.
    pub(super) fn finished(&mut self, task: Id) {
        let Some(provider) = self.tasks.remove(&task) else {
            return;
        };
        if let Some(lane) = self.lanes.get_mut(&provider) {
            lane.running = lane.running.saturating_sub(1);
            if lane.running == 0 && lane.waiting.is_empty() {
                self.lanes.remove(&provider);
            }
        }
    }

    /// Providers that nothing more should be claimed for.
    pub(super) fn busy(&self) -> Vec<ObjectName> {
        self.lanes
            .iter()
            .filter(|(_, lane)| lane.running >= PER_PROVIDER || !lane.waiting.is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Whether nothing more should be claimed at all.
    pub(super) fn is_full(&self) -> bool {
        let waiting: usize = self.lanes.values().map(|lane| lane.waiting.len()).sum();
        self.tasks.len() >= MOST_RUNNING || waiting >= MOST_WAITING
    }
}
