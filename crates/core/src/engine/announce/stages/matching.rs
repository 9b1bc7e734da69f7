//! An event must pass both the monitor's `notifyOn` and the policy's triggers.

use std::time::Duration;

use crate::catalog::Route;
use crate::event::EventKind;
use crate::time::{Timestamp, minus};

use super::{Context, Flow, Message};

/// Thresholds of a default provider's route, which has no policy to say others.
const DEFAULT_THRESHOLDS: [u32; 1] = [14];

pub(super) fn stage(context: &Context<'_>, message: &mut Message<'_>) -> Flow {
    let kind = message.kind();
    let asked = context.view.entry.is_none_or(|entry| entry.monitor.alerting.notifies(kind));
    if asked && triggered(message, context.now) { Flow::Pass } else { Flow::Drop }
}

fn triggered(message: &Message<'_>, now: Timestamp) -> bool {
    match (message.kind(), message.expires_at) {
        (EventKind::CertExpiring, Some(expires_at)) => {
            cert_level(message.route, expires_at, now).is_some()
        }
        (kind, _) => match message.route.policy() {
            Some(policy) => policy.triggers.passes(kind),
            // As the policy's defaults say, without making one.
            None => kind != EventKind::Degraded,
        },
    }
}

/// The thresholds of a route, in days.
pub(in super::super) fn thresholds(route: &Route) -> &[u32] {
    match route.policy() {
        Some(policy) => &policy.triggers.cert_thresholds,
        None => &DEFAULT_THRESHOLDS,
    }
}

/// The tightest threshold that a certificate has passed.
pub(in super::super) fn cert_level(
    route: &Route,
    expires_at: Timestamp,
    now: Timestamp,
) -> Option<u32> {
    thresholds(route)
        .iter()
        .copied()
        .filter(|days| now >= minus(expires_at, Duration::from_secs(86_400) * *days))
        .min()
}
