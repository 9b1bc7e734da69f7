//! Parents that keep a child quiet: for good while one of them is announced down, for a bounded
//! moment while one of them has no verdict yet.

use std::time::Duration;

use crate::state::MonitorState;
use crate::time::{Timestamp, plus};

use super::topic::{Hold, HoldKind};
use super::{AnnounceView, Related};

/// Time for a run to be started, on top of what the run itself may take.
pub(super) const START_SLACK: Duration = Duration::from_secs(2);

/// What the parents say about a down that began at `since`.
pub(super) fn hold(view: &AnnounceView<'_>, since: Timestamp, now: Timestamp) -> Option<Hold> {
    let speaking = || view.parents.iter().filter(|parent| parent.enabled && !parent.muted);
    speaking().find_map(|parent| covering(parent, now)).or_else(|| {
        speaking().filter_map(|parent| waiting(parent, since, now)).max_by_key(|hold| hold.until)
    })
}

/// A hold without limit: it is renewed for as long as it is so. The deadline only makes sure that
/// it does not take the parent's word for the end of it.
fn covering(parent: &Related, now: Timestamp) -> Option<Hold> {
    (parent.announced_down || parent.covered).then(|| {
        let again = plus(now, parent.interval.max(Duration::from_secs(30)));
        Hold::new(HoldKind::Parent, format!("parent {}", parent.name), again)
    })
}

/// A bounded hold: the parent's run is not finished, its own message waits, or it is unknown.
fn waiting(parent: &Related, since: Timestamp, now: Timestamp) -> Option<Hold> {
    let unfinished = parent.verdict_begun.is_none_or(|begun| begun < since);
    let run = unfinished.then(|| plus(since, parent.budget + START_SLACK));
    let unknown = (parent.state == MonitorState::Unknown).then(|| plus(since, parent.interval * 2));
    let until = [run, unknown, parent.waits_until].into_iter().flatten().max()?;
    (until > now).then(|| {
        let reason = format!("waiting for parent {}", parent.name);
        Hold::new(HoldKind::Waiting, reason, until)
    })
}
