//! What configuration and maintenance do to a monitor.

use super::attempt::fnv1a;
use super::state::{Degradation, Standing, is_passive};
use super::{Next, Step};
use crate::engine::notice::{Closing, Facts, Notice};
use crate::state::MonitorState;

impl Step<'_, '_> {
    pub(super) fn on_catalog(&mut self) {
        let target = fnv1a(&self.view.monitor.target_identity());
        let changed = self.state.target.is_some_and(|known| known != target);
        if self.state.target != Some(target) {
            self.state.target = Some(target);
            self.changed();
        }
        self.speak_of_found();
        if !self.view.monitor.enabled {
            self.stop(Closing::Paused);
            return;
        }
        if self.state.paused {
            self.resume_checks();
            return;
        }
        if self.state.maintenance {
            self.effects.next = Next::Stop;
            return;
        }
        if changed {
            // Attempts at another target count for nothing here; the incident stays.
            self.forget_attempts();
            self.effects.next = Next::Now;
        } else if let Some(failing) = &self.state.failing {
            self.effects.next = Next::RetryAt(failing.retry_at.0.max(self.now));
        }
        self.expect_push_from_now();
        if self.state.line.is_none() {
            self.sync_line(self.now);
        } else {
            self.close_gap(self.now);
        }
        self.stop_if_passive();
    }

    /// `pauseChecks` begins or ends.
    pub(super) fn on_window(&mut self, paused: bool) {
        if self.state.maintenance == paused {
            return;
        }
        self.state.maintenance = paused;
        self.changed();
        if self.state.paused {
            return;
        }
        if paused {
            self.close_gap(self.now);
            self.forget_attempts();
            self.end_unknown();
            self.effects.next = Next::Stop;
        } else {
            self.start_afresh();
        }
        self.sync_line(self.now);
    }

    pub(super) fn on_deleted(&mut self) {
        self.stop(Closing::Deleted);
    }

    /// Disabled or deleted: checks stop and an open incident closes.
    fn stop(&mut self, closing: Closing) {
        self.effects.next = Next::Stop;
        if !self.state.paused {
            self.close_gap(self.now);
            self.forget_attempts();
            self.end_unknown();
        }
        let flapped = self.state.flapping.take().is_some();
        self.close(closing, self.now, MonitorState::Paused, Facts::default());
        if flapped {
            self.notice(Notice::FlappingOver);
        }
        if self.state.paused {
            return;
        }
        self.forget_verdict();
        self.state.paused = true;
        self.state.toggles.clear();
        self.state.vouched_until = None;
        self.changed();
        self.sync_line(self.now);
    }

    /// Enabled again, or created again under its old name.
    fn resume_checks(&mut self) {
        self.state.paused = false;
        self.changed();
        if self.state.maintenance {
            self.effects.next = Next::Stop;
        } else {
            self.start_afresh();
        }
        self.sync_line(self.now);
    }

    /// Checks begin again after they were stopped: nothing is known until the next result, but
    /// an open incident stays open.
    fn start_afresh(&mut self) {
        if self.state.standing != Standing::Down && self.state.flapping.is_none() {
            self.forget_verdict();
        }
        self.state.vouched_until = None;
        self.effects.next = Next::Now;
        self.state.push_due = None;
        self.expect_push_from_now();
        self.stop_if_passive();
    }

    /// Drops what unfinished runs have counted.
    fn forget_attempts(&mut self) {
        if self.state.failing.take().is_some() {
            self.notice(Notice::FailureOver);
        }
        self.state.recovering = None;
        if self.state.standing != Standing::Degraded {
            self.state.degradation = Degradation::default();
        }
        self.changed();
    }

    /// Forgets the last verdict.
    fn forget_verdict(&mut self) {
        if self.state.standing == Standing::Degraded {
            self.notice(Notice::DegradedOver { at: self.now });
        }
        self.state.standing = Standing::Pending;
        self.state.degradation = Degradation::default();
        self.changed();
    }

    fn end_unknown(&mut self) {
        if let Some(indeterminate) = self.state.indeterminate.take()
            && indeterminate.shown
        {
            self.notice(Notice::UnknownOver { at: self.now });
        }
    }

    fn stop_if_passive(&mut self) {
        if is_passive(self.view.monitor) {
            self.effects.next = Next::Stop;
        }
    }
}
