//! What a lost state can be given back from the monitor's latest incident.

use super::Step;
use super::state::{At, Latest, Standing, VerdictState};
use crate::engine::notice::{Facts, Notice};
use crate::ports::Incident;

impl VerdictState {
    /// Takes over the monitor's newest stored incident where the state does not know of it,
    /// because its blob could not be read: incidents go on being numbered after it, and an open
    /// one stays open. Before the first step.
    ///
    /// Who was told of it is lost with the rest. It is told once more, so that its end is told
    /// too.
    pub fn recover_incident(&mut self, incident: &Incident) {
        let sequence = incident.id.sequence();
        if self.incidents >= sequence {
            return;
        }
        self.incidents = sequence;
        let open = incident.ended_at.is_none();
        self.latest = Some(Latest {
            started_at: At(incident.started_at),
            ended_at: incident.ended_at.map(At),
            reason: incident.reason,
            message: incident.message.clone().unwrap_or_default(),
            closed_reason: incident.closed_reason,
            toggles: incident.toggles.iter().copied().map(At).collect(),
        });
        if open {
            self.standing = Standing::Down;
            self.found = true;
        }
    }
}

impl Step<'_, '_> {
    /// Speaks of an open incident that was only found in its row.
    pub(super) fn speak_of_found(&mut self) {
        if !std::mem::take(&mut self.state.found) {
            return;
        }
        let Some(latest) = self.state.latest.as_ref().filter(|l| l.ended_at.is_none()) else {
            return;
        };
        let facts = Facts {
            reason: latest.reason,
            message: format!("{} (told again: the record of who knows was lost)", latest.message),
            ..Facts::default()
        };
        let at = latest.started_at.0;
        let incident = self.incident_id();
        self.notice(Notice::Reopened { incident, at, facts });
        self.changed();
    }
}
