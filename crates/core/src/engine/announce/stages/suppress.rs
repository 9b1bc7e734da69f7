//! What keeps people from being told now: a parent, a silence, a maintenance window, flapping, a
//! mass-outage message that spoke for many.
//! The end of something told is never suppressed.

use crate::catalog::Entry;
use crate::event::EventKind;
use crate::time::Timestamp;

use super::super::dependency;
use super::super::topic::{Hold, HoldKind};
use super::{Context, Flow, Message};

pub(super) fn stage(context: &Context<'_>, message: &mut Message<'_>) -> Flow {
    let kind = message.kind();
    if kind.is_recovery() {
        return Flow::Pass;
    }
    let is_down = matches!(kind, EventKind::Down | EventKind::Resend | EventKind::Escalation);
    let parents =
        || is_down.then(|| dependency::hold(context.view, message.since, context.now)).flatten();
    let planned = || context.view.entry.and_then(|entry| muted(entry, context.now));
    let flapping = || flapping(context, kind);
    let spoken_for = || spoken_for(context, kind);
    let hold = parents().or_else(planned).or_else(flapping);
    match hold.or_else(spoken_for) {
        Some(hold) => Flow::Hold(hold),
        None => Flow::Pass,
    }
}

/// Whether a silence or a window mutes a monitor now.
pub(in crate::engine) fn is_muted(entry: &Entry, now: Timestamp) -> bool {
    muted(entry, now).is_some()
}

/// The silence or window that mutes a monitor now; of several the one that lasts longest.
pub(in super::super) fn muted(entry: &Entry, now: Timestamp) -> Option<Hold> {
    let silences = entry.silences.iter().filter(|silence| silence.is_active(now)).map(|silence| {
        let reason = format!("silence {}", silence.name);
        Hold::new(HoldKind::Silence, reason, silence.expires_at)
    });
    let windows =
        entry.windows.iter().filter(|window| window.suppress_notifications).filter_map(|window| {
            let (_, end) = window.active_at(now)?;
            let reason = format!("maintenance {}", window.name);
            Some(Hold::new(HoldKind::Maintenance, reason, end))
        });
    silences.chain(windows).max_by_key(|hold| hold.until)
}

/// One mass-outage message stands for many downs; each is told on its own only if it lasts.
fn spoken_for(context: &Context<'_>, kind: EventKind) -> Option<Hold> {
    if kind != EventKind::Down {
        return None;
    }
    let until = context.mass_until.filter(|until| *until > context.now)?;
    Some(Hold::new(HoldKind::MassOutage, "the mass-outage message", until))
}

fn flapping(context: &Context<'_>, kind: EventKind) -> Option<Hold> {
    if matches!(kind, EventKind::Flapping | EventKind::CertExpiring) {
        return None;
    }
    let until = context.flapping_until.filter(|until| *until > context.now)?;
    Some(Hold::new(HoldKind::Flapping, "flapping", until))
}
