//! Who hears what. Level-triggered: for every topic (an incident, a condition, a certificate) and
//! every route the state says what was told, and each step compares that with what is so. Nothing
//! depends on another event coming: every hold has a deadline, and when it ends the difference
//! that is left is told, with the true start.
//!
//! A step absorbs its input into the topics ([`absorb`]), then settles each of them
//! ([`settle`]): messages pass the short list of stages in [`stages`] and end as outbox rows, as
//! holds, or as rows of the delivery log that say why nobody was told.

mod absorb;
mod certificate;
mod dependency;
mod end;
mod key;
mod mass;
mod repeat;
mod settle;
mod stages;
mod topic;

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Entry};
use crate::engine::notice::Notice;
use crate::id::{IncidentId, MonitorId, ObjectName};
use crate::ports::{OutboxRow, SuppressedRow};
use crate::state::MonitorState;
use crate::time::Timestamp;

pub use mass::{MASS_OUTAGE_SPEAKS, mass_outage};
pub(in crate::engine) use stages::is_muted;
pub use topic::{Hold, HoldKind};
use topic::{RouteMemory, Subject, Topic};

/// What is remembered of a monitor's messages. Empty for a monitor that is well.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AnnounceState {
    /// Counts messages; part of every delivery key.
    sequence: u64,
    /// What is being told.
    topics: Vec<Topic>,
    /// Dedupe and rate-limit memory by route.
    routes: Vec<RouteMemory>,
    /// Messages are quiet until then because the monitor flaps.
    flapping_until: Option<Timestamp>,
    /// A mass-outage message spoke for this monitor; its own down waits until then.
    #[serde(default)]
    mass_until: Option<Timestamp>,
    /// The latest incident and its start, for when it reopens.
    latest: Option<(IncidentId, Timestamp)>,
    /// When to look again.
    #[serde(skip)]
    wake: Option<Timestamp>,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// Somebody takes care: resend and escalation stop.
    Acknowledge {
        /// Who.
        by: String,
    },
    /// Nobody does after all: they go on.
    Unacknowledge,
}

/// What the delivery of a row led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryFeedback {
    /// The row failed for good and another provider was told instead; it is told the end as well.
    FellBack {
        /// Key of the row that failed.
        key: String,
        /// Who was told instead.
        provider: ObjectName,
        /// Key of the row that told it.
        fallback_key: String,
    },
}

/// What a step is about.
#[derive(Debug, Clone)]
pub enum AnnounceInput<'a> {
    /// The verdict half says what happened.
    Notices(&'a [Notice]),
    /// Time passed.
    Timer,
    /// Another catalog is in force.
    Catalog,
    /// A parent changed.
    Related,
    /// The monitor is no more.
    Deleted,
    /// A person did something.
    Operator(Operator),
    /// A delivery ended in a way that matters here.
    Delivery(DeliveryFeedback),
}

/// A parent, as far as its children must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The surrogate.
    pub id: MonitorId,
    /// Its name.
    pub name: ObjectName,
    /// Its state.
    pub state: MonitorState,
    /// Whether somebody was told that it is down and not yet that it is over.
    pub announced_down: bool,
    /// Whether it is down and kept quiet by an announced down of a parent of its own.
    pub covered: bool,
    /// If it is down and its message only waits (for its own parents, a rate limit, …): how long.
    pub waits_until: Option<Timestamp>,
    /// Start of the attempt that led to its latest verdict.
    pub verdict_begun: Option<Timestamp>,
    /// False is paused.
    pub enabled: bool,
    /// Silenced, in maintenance or unrouted: it suppresses nothing.
    pub muted: bool,
    /// The longest a run with all its attempts takes.
    pub budget: Duration,
    /// Its interval.
    pub interval: Duration,
}

/// What a step may look at.
#[derive(Debug, Clone, Copy)]
pub struct AnnounceView<'a> {
    /// The surrogate.
    pub id: MonitorId,
    /// The monitor; none if it was deleted.
    pub entry: Option<&'a Entry>,
    /// The catalog in force.
    pub catalog: &'a Catalog,
    /// Its parents that exist.
    pub parents: &'a [Related],
    /// Its state now.
    pub state: MonitorState,
}

/// What a step wants done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnnounceEffects {
    /// Messages to deliver.
    pub outbox: Vec<OutboxRow>,
    /// Messages that were held until they had nothing left to say.
    pub suppressed: Vec<SuppressedRow>,
    /// Parents whose next run should start at once.
    pub run_now: Vec<MonitorId>,
    /// Why nobody was told of the open incident so far, for its row.
    pub suppressed_by: Option<String>,
    /// Events that no route takes.
    pub unrouted: u32,
    /// When to look again.
    pub wake_at: Option<Timestamp>,
    /// Whether the state changed and must be stored.
    pub dirty: bool,
}

/// What every part of a step shares.
struct Context<'a> {
    view: &'a AnnounceView<'a>,
    now: Timestamp,
    flapping_until: Option<Timestamp>,
    mass_until: Option<Timestamp>,
}

/// Absorbs `input` and tells whatever differs from what was told.
pub fn step(
    state: &mut AnnounceState,
    input: AnnounceInput<'_>,
    view: &AnnounceView<'_>,
    now: Timestamp,
) -> AnnounceEffects {
    let mut effects = AnnounceEffects::default();
    if state.is_idle() && !absorb::matters(&input, view, now) {
        return effects;
    }
    let before = state.clone();
    absorb::absorb(state, input, view, now, &mut effects);
    settle::settle(state, view, now, &mut effects);
    effects.suppressed_by = state.suppressed_by();
    effects.wake_at = state.wake;
    effects.dirty = !state.same(&before);
    effects
}

impl AnnounceState {
    /// Whether there is nothing that a step without news could change.
    pub fn is_idle(&self) -> bool {
        self.topics.is_empty() && self.flapping_until.is_none()
    }

    /// Whether somebody was told that the monitor is down and not yet that it is over.
    pub fn announced_down(&self) -> bool {
        self.incident().is_some_and(Topic::is_told)
    }

    /// Whether an open incident is kept quiet by a parent's announced down.
    pub fn covered(&self) -> bool {
        self.holds().any(|hold| hold.kind == HoldKind::Parent)
    }

    /// If the down only waits for parents, a window or a rate limit: until when.
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.holds().filter(|hold| hold.kind.is_short()).map(|hold| hold.until).max()
    }

    /// Whether it looks at its parents again when one of them has a verdict.
    pub fn waits_for_parents(&self) -> bool {
        self.holds().any(|hold| matches!(hold.kind, HoldKind::Parent | HoldKind::Waiting))
    }

    /// When to look again.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.wake
    }

    /// When and by whom the open incident was acknowledged.
    pub fn acknowledged(&self) -> Option<&(Timestamp, String)> {
        self.incident()?.acknowledged.as_ref()
    }

    /// Why nobody was told of the open incident so far: a hold, or that it has no route.
    pub fn suppressed_by(&self) -> Option<String> {
        let topic = self.incident()?;
        if topic.was_told() {
            return None;
        }
        match topic.tracks.iter().find_map(|track| track.hold.as_ref()) {
            Some(hold) => Some(hold.reason.clone()),
            None => topic.unrouted.then(|| "unrouted".to_owned()),
        }
    }

    /// Moves every stored instant that durations are measured from, after the wall clock jumped.
    pub fn rebase(&mut self, by: SignedDuration) {
        for topic in &mut self.topics {
            topic.rebase(by);
        }
        for memory in &mut self.routes {
            memory.rebase(by);
        }
        topic::shift_option(&mut self.flapping_until, by);
        topic::shift_option(&mut self.mass_until, by);
        topic::shift_option(&mut self.wake, by);
    }

    /// A mass-outage message speaks for this monitor: its own down is told only if it lasts.
    pub fn spoken_for(&mut self, until: Timestamp) {
        self.mass_until = Some(until);
    }

    fn incident(&self) -> Option<&Topic> {
        self.topics
            .iter()
            .find(|topic| matches!(topic.subject, Subject::Incident(_)) && topic.over.is_none())
    }

    fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.incident()
            .into_iter()
            .flat_map(|topic| topic.tracks.iter())
            .filter_map(|track| track.hold.as_ref())
    }

    fn memory(&mut self, route: &ObjectName) -> &mut RouteMemory {
        let known = self.routes.iter().position(|memory| memory.route == *route);
        let index = known.unwrap_or_else(|| {
            self.routes.push(RouteMemory::new(route.clone()));
            self.routes.len() - 1
        });
        &mut self.routes[index]
    }

    fn same(&self, other: &Self) -> bool {
        self.sequence == other.sequence
            && self.topics == other.topics
            && self.routes == other.routes
            && self.flapping_until == other.flapping_until
            && self.latest == other.latest
    }
}
