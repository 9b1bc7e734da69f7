//! What only the passing of time does.

use std::time::Duration;

use super::Step;
use super::state::At;
use crate::check::Check;
use crate::engine::notice::Notice;
use crate::monitor::Monitor;
use crate::time::plus;

/// How soon a push that found nobody is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(60);

impl Step<'_, '_> {
    /// Does what has become due. Comes after the input, so that a result which arrives at the
    /// same instant is heard first.
    pub(super) fn on_time(&mut self) {
        if self.state.paused || self.state.maintenance {
            return;
        }
        self.passive_on_time();
        if self.state.is_held() {
            self.confirm_if_due(self.now);
        }
        self.close_gap(self.now);
        self.unknown_on_time();
        self.flapping_on_time();
    }

    fn unknown_on_time(&mut self) {
        let after = unknown_after(self.view.monitor);
        let previous = self.state.shown();
        let now = self.now;
        let Some(indeterminate) = &mut self.state.indeterminate else {
            return;
        };
        if indeterminate.shown || now < plus(indeterminate.since.0, after) {
            return;
        }
        indeterminate.shown = true;
        let facts = indeterminate.facts.clone();
        self.changed();
        self.notice(Notice::BecameUnknown { at: now, previous, facts });
    }

    /// A push that came while no process listened is lost: one of a job that pushes often has its
    /// whole interval from the start, that of any other long enough to be tried again.
    pub(super) fn listen_for_push(&mut self) {
        let known = self.state.push_due.filter(|at| at.0 > self.now);
        let (Check::Push(check), Some(known)) = (&self.view.monitor.check, known) else {
            return;
        };
        let wait = check.interval.saturating_add(check.grace).min(TRIED_AGAIN);
        self.state.push_due = Some(known.max(At(plus(self.now, wait))));
    }

    /// The own interval of a push begins now: whatever was due while we did not look gets a full
    /// one.
    pub(super) fn expect_push_from_now(&mut self) {
        if let crate::check::Check::Push(check) = &self.view.monitor.check {
            let due = plus(self.now, check.interval.saturating_add(check.grace));
            let known = self.state.push_due.filter(|at| at.0 > self.now);
            self.state.push_due = Some(known.unwrap_or(At(due)));
        } else {
            self.state.push_due = None;
        }
    }
}

/// The time between two results: a push's own interval, the schedule's otherwise.
pub(super) fn interval(monitor: &Monitor) -> Duration {
    match &monitor.check {
        Check::Push(check) => check.interval,
        _ => monitor.schedule.interval,
    }
}

/// How long attempts may stay without verdict before people are told.
pub(super) fn unknown_after(monitor: &Monitor) -> Duration {
    Duration::from_secs(300).max(interval(monitor).saturating_mul(3))
}
