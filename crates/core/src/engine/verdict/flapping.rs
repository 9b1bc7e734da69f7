//! When confirmed changes are so many that each is no longer told.

use std::time::Duration;

use super::state::{At, Flapping, Standing, VerdictState, interval};
use super::{Step, VerdictView};
use crate::engine::notice::{Closing, Facts, Notice};
use crate::time::{Timestamp, minus, plus};

/// Toggles kept, of the window and of an incident; the oldest go first.
const MAX_TOGGLES: usize = 200;

impl Step<'_, '_> {
    /// Notes a confirmed change, to up with `up_since`, to down without. Returns whether the
    /// monitor flaps: then the incident is taken care of.
    pub(super) fn toggled(
        &mut self,
        at: Timestamp,
        up_since: Option<Timestamp>,
        facts: &Facts,
    ) -> bool {
        let settings = &self.view.settings.scheduler.flapping;
        let window_start = minus(at, settings.window);
        self.state.toggles.retain(|toggle| toggle.0 > window_start);
        push_bounded(&mut self.state.toggles, At(at));
        if let Some(flapping) = &mut self.state.flapping {
            flapping.last_toggle = At(at);
            flapping.up_since = up_since.map(At).or(flapping.up_since);
            if let Some(latest) = &mut self.state.latest {
                push_bounded(&mut latest.toggles, At(at));
            }
            self.incident_changed();
            return true;
        }
        let toggles = u32::try_from(self.state.toggles.len()).unwrap_or(u32::MAX);
        if !settings.enabled || toggles < settings.toggle_threshold.max(1) {
            return false;
        }
        self.start_flapping(at, up_since, facts)
    }

    fn start_flapping(
        &mut self,
        at: Timestamp,
        up_since: Option<Timestamp>,
        facts: &Facts,
    ) -> bool {
        let settings = &self.view.settings.scheduler.flapping;
        let window_start = minus(at, settings.window);
        let Some(latest) = &mut self.state.latest else {
            return false;
        };
        let closed = latest.ended_at;
        if closed.is_some_and(|ended| ended.0 < window_start) {
            // The latest outage has nothing to do with this one.
            return false;
        }
        latest.ended_at = None;
        latest.closed_reason = None;
        for toggle in &self.state.toggles {
            push_bounded(&mut latest.toggles, *toggle);
        }
        let quiet_until = plus(at, settings.suppress);
        self.state.flapping = Some(Flapping {
            last_toggle: At(at),
            up_since: up_since.map(At),
            quiet_until: At(quiet_until),
        });
        self.incident_changed();
        let incident = self.incident_id();
        if closed.is_some() {
            let facts = facts.clone();
            self.notice(Notice::Reopened { incident, at, facts });
        }
        let toggles = u32::try_from(self.state.toggles.len()).unwrap_or(u32::MAX);
        self.notice(Notice::FlappingStarted { incident, at, toggles, quiet_until });
        true
    }

    /// Ends flapping when it is stable, quiet long enough or down for good.
    pub(super) fn flapping_on_time(&mut self) {
        let Some(ends) = self.state.flapping_ends(self.view) else {
            return;
        };
        let off = !self.view.settings.scheduler.flapping.enabled;
        if self.now < ends && !off {
            return;
        }
        let Some(flapping) = self.state.flapping.take() else {
            return;
        };
        self.changed();
        if self.state.standing != Standing::Down {
            // Closed before quiet ends, so that nobody is told down only to be told up.
            let ended_at = flapping.up_since.unwrap_or(flapping.last_toggle).0;
            let now = self.state.standing.state();
            self.close(Closing::Recovered, ended_at, now, Facts::default());
        }
        self.notice(Notice::FlappingOver);
    }
}

impl VerdictState {
    /// When flapping ends if nothing toggles before.
    pub(super) fn flapping_ends(&self, view: &VerdictView<'_>) -> Option<Timestamp> {
        let flapping = self.flapping?;
        let settings = &view.settings.scheduler.flapping;
        let stable = plus(flapping.last_toggle.0, settings.window);
        let ends = stable.min(flapping.quiet_until.0);
        if self.standing == Standing::Down {
            let for_good: Duration =
                view.monitor.schedule.grace_down.max(interval(view.monitor).saturating_mul(3));
            return Some(ends.min(plus(flapping.last_toggle.0, for_good)));
        }
        Some(ends)
    }
}

fn push_bounded(toggles: &mut Vec<At>, at: At) {
    if toggles.len() >= MAX_TOGGLES {
        toggles.remove(0);
    }
    toggles.push(at);
}
