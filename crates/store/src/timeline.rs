//! The time line of one monitor as intervals, and what changes it. Pure; the rules are those of
//! `sqlite/apply/intervals.rs`, which has them as statements because SQLite asks nobody far away.

use std::collections::BTreeMap;

use kuma_core::state::MonitorState;

/// A stretch of one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    /// From when.
    pub(crate) start: i64,
    /// Until when; an open one counts to what is vouched for.
    pub(crate) until: Option<i64>,
    /// The state.
    pub(crate) state: MonitorState,
    /// Until when somebody looked.
    pub(crate) vouched: i64,
}

/// The part of a monitor's time line that may change: from the interval that covers the earliest
/// change, on.
#[derive(Debug, Default)]
pub(crate) struct Line {
    stored: BTreeMap<i64, Interval>,
    now: BTreeMap<i64, Interval>,
}

/// What a line differs in from what is stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Starts of intervals to remove.
    pub(crate) removed: Vec<i64>,
    /// Intervals to insert or replace.
    pub(crate) written: Vec<Interval>,
}

impl Line {
    /// Adds a stored interval.
    pub(crate) fn load(&mut self, interval: Interval) {
        self.stored.insert(interval.start, interval);
        self.now.insert(interval.start, interval);
    }

    /// The interval that has not ended.
    fn open(&mut self) -> Option<&mut Interval> {
        self.now.values_mut().rev().find(|interval| interval.until.is_none())
    }

    /// The first sign of life at `at` after somebody else, or nobody, looked until `heard`: what
    /// was open ends where it was vouched for, and begins anew. What is between is unknown.
    pub(crate) fn hear(&mut self, at: i64, heard: i64) {
        if let Some(open) = self.open().copied()
            && needs_vouching(open.state)
            && at > open.vouched.max(heard)
        {
            self.close(open.vouched.max(heard));
            self.begin(open.state, at);
        }
    }

    /// From `at` on the state is another; what was after `at` is replaced.
    pub(crate) fn enter(&mut self, state: MonitorState, at: i64) {
        if self.open().is_some_and(|open| open.state == state && open.start <= at) {
            return;
        }
        self.now.retain(|start, _| *start < at);
        self.close(at);
        self.begin(state, at);
    }

    /// The open interval is vouched for until then.
    pub(crate) fn vouch(&mut self, until: i64) {
        if let Some(open) = self.open() {
            open.vouched = open.vouched.max(until);
        }
    }

    fn close(&mut self, at: i64) {
        for interval in self.now.values_mut() {
            if interval.until.is_none_or(|until| until > at) {
                interval.until = Some(interval.start.max(at));
            }
        }
    }

    fn begin(&mut self, state: MonitorState, at: i64) {
        self.now.insert(at, Interval { start: at, until: None, state, vouched: at });
    }

    /// What is to be written.
    pub(crate) fn changes(&self) -> Changes {
        let removed = self.stored.keys().filter(|start| !self.now.contains_key(start));
        let written = self.now.values().filter(|it| self.stored.get(&it.start) != Some(it));
        Changes { removed: removed.copied().collect(), written: written.copied().collect() }
    }
}

/// Whether time in the state is only known while somebody looks.
pub(crate) const fn needs_vouching(state: MonitorState) -> bool {
    state.counts_as_up().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(intervals: &[(i64, Option<i64>, MonitorState, i64)]) -> Line {
        let mut line = Line::default();
        for &(start, until, state, vouched) in intervals {
            line.load(Interval { start, until, state, vouched });
        }
        line
    }

    fn interval(start: i64, until: Option<i64>, state: MonitorState, vouched: i64) -> Interval {
        Interval { start, until, state, vouched }
    }

    #[test]
    fn a_new_state_ends_the_one_before() {
        let mut line = line(&[(5, None, MonitorState::Up, 9)]);
        line.enter(MonitorState::Down, 20);
        let written = vec![
            interval(5, Some(20), MonitorState::Up, 9),
            interval(20, None, MonitorState::Down, 20),
        ];
        assert_eq!(line.changes(), Changes { removed: vec![], written });
    }

    #[test]
    fn a_correction_replaces_what_came_after_it() {
        let mut line =
            line(&[(0, Some(10), MonitorState::Up, 0), (10, None, MonitorState::Degraded, 10)]);
        line.enter(MonitorState::Down, 7);
        let written = vec![
            interval(0, Some(7), MonitorState::Up, 0),
            interval(7, None, MonitorState::Down, 7),
        ];
        assert_eq!(line.changes(), Changes { removed: vec![10], written });
    }

    #[test]
    fn the_same_state_again_changes_nothing() {
        let mut line = line(&[(5, None, MonitorState::Up, 5)]);
        line.enter(MonitorState::Up, 20);
        assert_eq!(line.changes(), Changes::default());
    }

    #[test]
    fn what_nobody_looked_at_is_in_no_interval() {
        let mut gap = line(&[(0, None, MonitorState::Up, 3)]);
        gap.hear(50, 10);
        let written = vec![
            interval(0, Some(10), MonitorState::Up, 3),
            interval(50, None, MonitorState::Up, 50),
        ];
        assert_eq!(gap.changes(), Changes { removed: vec![], written });
        let mut none = line(&[(0, None, MonitorState::Up, 60)]);
        none.hear(50, 10);
        assert_eq!(none.changes(), Changes::default());
        let mut maintenance = line(&[(0, None, MonitorState::Maintenance, 3)]);
        maintenance.hear(50, 10);
        assert_eq!(maintenance.changes(), Changes::default());
    }

    #[test]
    fn vouching_reaches_forward_only() {
        let mut line = line(&[(0, None, MonitorState::Up, 10)]);
        line.vouch(5);
        assert_eq!(line.changes(), Changes::default());
        line.vouch(15);
        assert_eq!(line.changes().written, [interval(0, None, MonitorState::Up, 15)]);
    }
}
