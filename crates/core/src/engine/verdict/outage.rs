//! How an incident opens and closes.

use super::Step;
use super::state::{At, Latest, Standing, vouch};
use crate::engine::notice::{Closing, Facts, Notice};
use crate::id::IncidentId;
use crate::reason::Reason;
use crate::state::MonitorState;
use crate::time::Timestamp;

impl Step<'_, '_> {
    /// The failure is confirmed.
    pub(super) fn go_down(&mut self, at: Timestamp) {
        let Some(failing) = self.state.failing.take() else {
            return;
        };
        let previous = self.state.standing.state();
        self.state.standing = Standing::Down;
        self.state.recovering = None;
        self.state.degradation.slow_runs = 0;
        self.state.degradation.slow = false;
        self.state.degradation.fast_runs = 0;
        self.changed();
        // The time line was left alone while failing; now it is corrected back.
        self.state.vouched_until = Some(At(vouch(failing.last.0, self.view)));
        self.enter_line(MonitorState::Down, failing.since.0);
        if self.toggled(at, None, &failing.facts) {
            return;
        }
        self.open(failing.since.0, previous, failing.facts);
    }

    /// Opens a new incident.
    pub(super) fn open(&mut self, started_at: Timestamp, previous: MonitorState, facts: Facts) {
        self.state.incidents = self.state.incidents.saturating_add(1);
        self.state.latest = Some(Latest {
            started_at: At(started_at),
            ended_at: None,
            reason: facts.reason,
            message: facts.message.clone(),
            closed_reason: None,
            toggles: Vec::new(),
        });
        self.incident_changed();
        let incident = self.incident_id();
        self.notice(Notice::Opened { incident, started_at, previous, facts });
    }

    /// Enough successes in a row; `since` is the end of the first.
    pub(super) fn recover(&mut self, well: Standing, since: Timestamp, facts: &Facts) {
        self.state.standing = well;
        self.state.recovering = None;
        self.changed();
        self.enter_line(well.state(), since);
        if !self.toggled(self.now, Some(since), facts) {
            self.close(Closing::Recovered, since, well.state(), facts.clone());
        }
        if well == Standing::Degraded {
            let facts = facts.clone();
            let at = since;
            self.notice(Notice::BecameDegraded { at, facts });
        }
    }

    /// Closes the open incident, if there is one.
    pub(super) fn close(
        &mut self,
        closing: Closing,
        ended_at: Timestamp,
        now: MonitorState,
        facts: Facts,
    ) {
        let Some(latest) = self.state.latest.as_mut().filter(|l| l.ended_at.is_none()) else {
            return;
        };
        let started_at = latest.started_at.0;
        let ended_at = ended_at.max(started_at);
        latest.ended_at = Some(At(ended_at));
        latest.closed_reason = Some(match closing {
            Closing::Recovered => Reason::Recovered,
            Closing::Paused => Reason::Paused,
            Closing::Deleted => Reason::Deleted,
        });
        self.incident_changed();
        let incident = self.incident_id();
        self.notice(Notice::Closed { incident, started_at, ended_at, closing, now, facts });
    }

    pub(super) fn incident_id(&self) -> IncidentId {
        IncidentId::new(self.view.id, self.state.incidents)
    }

    /// Puts the latest incident's row into the effects.
    pub(super) fn incident_changed(&mut self) {
        self.effects.incident = self.state.latest_incident(self.view);
        self.changed();
    }
}
