//! The stages that every message passes, in order, each in its own file. Matching comes first so
//! that what nobody wants is never held or logged; enqueueing follows the last stage.

mod dedupe;
mod enqueue;
mod group;
mod limit;
mod matching;
mod suppress;

use crate::catalog::Route;
use crate::event::{Event, EventKind};
use crate::time::Timestamp;

use super::Context;
use super::topic::{Hold, RouteMemory, Topic};

pub(super) use enqueue::{Envelope, rows};
pub(super) use matching::{cert_level, thresholds};
pub(in crate::engine) use suppress::is_muted;
pub(super) use suppress::muted;

/// A message on its way.
pub(super) struct Message<'a> {
    /// What happened.
    pub(super) event: &'a Event,
    /// The route it takes.
    pub(super) route: &'a Route,
    /// Since when the topic is so.
    pub(super) since: Timestamp,
    /// End of validity, for certificates.
    pub(super) expires_at: Option<Timestamp>,
    /// What limits the route.
    pub(super) memory: Option<&'a RouteMemory>,
    /// Set by grouping.
    pub(super) not_before: Timestamp,
    /// Set by grouping.
    pub(super) group_key: Option<String>,
    /// Set by dedupe: to be remembered when it is sent.
    pub(super) dedupe_key: Option<String>,
}

impl<'a> Message<'a> {
    pub(super) fn new(
        event: &'a Event,
        topic: &Topic,
        route: &'a Route,
        memory: Option<&'a RouteMemory>,
        now: Timestamp,
    ) -> Self {
        let expires_at = match &topic.subject {
            super::topic::Subject::Certificate { expires_at, .. } => Some(*expires_at),
            _ => None,
        };
        Self {
            event,
            route,
            since: topic.since,
            expires_at,
            memory,
            not_before: now,
            group_key: None,
            dedupe_key: None,
        }
    }

    /// What happened.
    fn kind(&self) -> EventKind {
        self.event.kind
    }

    /// Whether dedupe and rate limit look at it: the end of something told never waits, and
    /// repeats have their own clocks.
    fn is_limited(&self) -> bool {
        !matches!(
            self.kind(),
            EventKind::Up | EventKind::Closed | EventKind::Resend | EventKind::Escalation
        )
    }
}

/// What a stage says.
pub(super) enum Flow {
    /// Go on.
    Pass,
    /// Not before the hold ends.
    Hold(Hold),
    /// Nobody wants it.
    Drop,
}

type Stage = fn(&Context<'_>, &mut Message<'_>) -> Flow;

/// The stages in order.
const STAGES: [Stage; 5] =
    [matching::stage, suppress::stage, dedupe::stage, limit::stage, group::stage];

/// Sends a message through the stages; the first that does not let it pass decides.
pub(super) fn run(context: &Context<'_>, message: &mut Message<'_>) -> Flow {
    for stage in STAGES {
        match stage(context, message) {
            Flow::Pass => {}
            other => return other,
        }
    }
    Flow::Pass
}
