//! The time line that uptime is computed from.

use std::time::Duration;

use super::Step;
use super::state::{At, Line, Standing, is_group, vouch};
use crate::ports::IntervalWrite;
use crate::state::MonitorState;
use crate::time::{Timestamp, between};

/// How often it is written that an open interval is still vouched for.
const VOUCH_EVERY: Duration = Duration::from_secs(300);

impl Step<'_, '_> {
    /// The first step of a process: attempts without verdict before it say nothing about now.
    pub(super) fn wake(&mut self) {
        if self.state.live {
            return;
        }
        self.state.live = true;
        if !self.state.resumed {
            self.state.vouched_until = None;
        }
        self.listen_for_push();
        if !self.state.is_unknown() && self.state.indeterminate.take().is_some() {
            self.changed();
        }
    }

    /// What the time line should say now. While failing it stays what it was.
    fn line_state(&self, at: Timestamp) -> MonitorState {
        if self.state.paused {
            return MonitorState::Paused;
        }
        if self.state.maintenance {
            return MonitorState::Maintenance;
        }
        if self.state.standing == Standing::Pending {
            return MonitorState::Pending;
        }
        match self.state.vouched_until {
            Some(until) if at < until.0 => self.state.standing.state(),
            _ => MonitorState::Unknown,
        }
    }

    /// Marks what lies between the end of the last result's word and `at` as unknown.
    pub(super) fn close_gap(&mut self, at: Timestamp) {
        let Some(line) = self.state.line else { return };
        let Some(until) = self.state.vouched_until else {
            return;
        };
        if line.state.counts_as_up().is_some() && until.0 < at {
            self.enter_line(MonitorState::Unknown, until.0);
        }
    }

    /// A result of `ended` vouches for the state for a while.
    pub(super) fn vouched(&mut self, ended: Timestamp) {
        let known = self.state.line.is_some_and(|line| line.state.counts_as_up().is_some());
        if self.state.failing.is_some() && !known {
            // A failure that is not confirmed proves nothing after a gap.
            return;
        }
        let until = vouch(ended, self.view);
        self.state.vouched_until = Some(At(until));
        self.sync_line(ended);
        let Some(line) = self.state.line else { return };
        let group = is_group(self.view.monitor);
        let written = self.state.line_written.get_or_insert(line.at).0;
        if line.state.counts_as_up().is_some() && between(written, ended) >= VOUCH_EVERY {
            self.state.line_written = Some(At(ended));
            self.effects.intervals.push(IntervalWrite::Vouch {
                monitor: self.view.id,
                // A group holds until its members change, but only while somebody looks.
                until: if group { ended } else { until },
            });
        }
    }

    /// Makes the time line say what it should from `at` on.
    pub(super) fn sync_line(&mut self, at: Timestamp) {
        let state = self.line_state(at);
        self.enter_line(state, at);
    }

    /// Writes a change of the time line. A correction reaches back to the start of the last
    /// interval that something was known of, never behind it.
    pub(super) fn enter_line(&mut self, state: MonitorState, at: Timestamp) {
        let mut floor = At(at);
        let mut at = At(at);
        if let Some(line) = self.state.line {
            if line.state == state {
                return;
            }
            let corrects = state.counts_as_up().is_some();
            at = at.max(if corrects { line.floor } else { line.at });
            floor = at;
            if state == MonitorState::Unknown {
                floor = line.floor;
            }
        }
        self.state.line = Some(Line { state, at, floor });
        self.state.line_written = Some(at);
        self.changed();
        self.effects.intervals.push(IntervalWrite::Enter {
            monitor: self.view.id,
            state,
            at: at.0,
        });
    }
}
