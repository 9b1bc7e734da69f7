//! Results of monitors that are never probed: silence of a push, members of a group.

use super::Step;
use super::state::{At, Standing, is_passive};
use crate::check::{Check, GroupRule};
use crate::observation::Observation;
use crate::reason::Reason;
use crate::time::{Timestamp, plus};

impl Step<'_, '_> {
    /// A push (or the news that none can be known of) gives the next one its full interval. One
    /// that is heard of only when that is over (it came while we were away) gives it from now on.
    pub(super) fn push_arrived(&mut self, at: Timestamp) {
        if let Check::Push(check) = &self.view.monitor.check {
            let wait = check.interval.saturating_add(check.grace);
            self.state.push_due = Some(At(plus(at, wait)));
            self.expect_push_from_now();
        }
    }

    /// The members of a group changed.
    pub(super) fn on_members(&mut self, up: u32, total: u32, unknown: u32) {
        let changed = self.state.members != Some((up, total, unknown));
        if changed {
            self.state.members = Some((up, total, unknown));
            self.changed();
        }
        if self.state.paused || self.state.maintenance {
            return;
        }
        let Some(observation) = self.look_at_members() else {
            return;
        };
        // A failing group counts its attempts by the clock and not by its members' changes.
        let waits =
            self.state.failing.as_ref().is_some_and(|failing| self.now < failing.retry_at.0);
        if waits && matches!(observation.outcome, crate::observation::Outcome::Failure(_)) {
            return;
        }
        if matches!(observation.outcome, crate::observation::Outcome::Indeterminate(_)) {
            // What its members said before no longer holds.
            self.state.vouched_until = Some(At(self.now));
            self.sync_line(self.now);
        }
        self.on_result(&observation, self.now, self.now);
    }

    /// The group's rule over its members; none for other monitors.
    fn look_at_members(&self) -> Option<Observation> {
        let Check::Group(check) = &self.view.monitor.check else {
            return None;
        };
        let (up, total, unknown) = self.state.members?;
        let needed = match check.rule {
            GroupRule::All => total,
            GroupRule::Any => 1,
            GroupRule::AtLeast(n) => n,
        };
        let words = format!("{up} of {total} members up, {needed} needed");
        Some(if total == 0 {
            Observation::indeterminate(Reason::NoVerdict, "the group has no members")
        } else if up >= needed {
            Observation::success(words)
        } else if up.saturating_add(unknown) < needed {
            Observation::failure(Reason::GroupRule, words)
        } else {
            Observation::indeterminate(Reason::NoVerdict, format!("{words}, {unknown} unknown"))
        })
    }

    /// What is due of a passive monitor: a push that did not come, another attempt while failing.
    pub(super) fn passive_on_time(&mut self) {
        if !is_passive(self.view.monitor) {
            return;
        }
        let retry = self
            .state
            .failing
            .as_ref()
            .filter(|failing| failing.held_until.is_none() && failing.retry_at.0 <= self.now)
            .map(|failing| failing.facts.clone());
        if let Check::Push(check) = &self.view.monitor.check {
            let missing = self.state.push_due.is_some_and(|due| due.0 <= self.now);
            if missing {
                self.state.push_due = Some(At(plus(self.now, check.interval)));
                let silence = Observation::failure(
                    Reason::PushMissing,
                    "no push came within the interval and its grace",
                );
                self.on_result(&silence, self.now, self.now);
                return;
            }
        }
        let Some(facts) = retry else { return };
        if self.state.standing == Standing::Down {
            return;
        }
        let observation = self.look_at_members().unwrap_or_else(|| {
            Observation::failure(facts.reason.unwrap_or(Reason::PushMissing), facts.message)
        });
        self.on_result(&observation, self.now, self.now);
    }
}
