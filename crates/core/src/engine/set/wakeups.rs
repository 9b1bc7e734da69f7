//! Who must be looked at when. An entry that was superseded stays until its time and is skipped
//! then, so that setting one is cheap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::id::MonitorId;
use crate::time::Timestamp;

/// A heap of wake-ups, earliest first.
#[derive(Debug, Default)]
pub(super) struct Wakeups(BinaryHeap<Reverse<(Timestamp, MonitorId)>>);

impl Wakeups {
    pub(super) fn set(&mut self, id: MonitorId, at: Timestamp) {
        self.0.push(Reverse((at, id)));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next one that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<MonitorId> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, id))| id)
    }
}
