//! At most one message per monitor and policy within `minMinutesBetweenAlerts`; the next waits.

use crate::time::plus;

use super::super::topic::{Hold, HoldKind};
use super::{Context, Flow, Message};

pub(super) fn stage(context: &Context<'_>, message: &mut Message<'_>) -> Flow {
    let Some(policy) = message.route.policy() else {
        return Flow::Pass;
    };
    if policy.rate_limit.is_zero() || !message.is_limited() {
        return Flow::Pass;
    }
    let last = message.memory.and_then(|memory| memory.last_sent);
    match last.map(|at| plus(at, policy.rate_limit)) {
        Some(until) if until > context.now => Flow::Hold(Hold::new(
            HoldKind::RateLimit,
            format!("rate limit of {}", policy.name),
            until,
        )),
        _ => Flow::Pass,
    }
}
