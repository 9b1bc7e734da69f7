//! From attempts to states, incidents and the time line (`design/engine.md`, "From an attempt to
//! a state"). [`step`] is pure: plain data in, what to store and to tell out.
//!
//! One file per idea: [`state`] is what is remembered, `attempt` what a result means, `outage`
//! how an incident opens and closes, `flapping` when changes are too many, `timeline` what uptime
//! is computed from, `recover` what a lost state is given back, `lifecycle` what configuration and maintenance do, `timer` what only the
//! passing of time does, `passive` how push and group monitors get their results.
//!
//! Where the design leaves a case open, the choice wakes nobody wrongly and loses nothing:
//! - An attempt is looked at before what time alone would have decided at the same instant.
//! - When attempts are exhausted and the grace is not over, the next retry is at the end of the
//!   grace at the latest, so that an attempt decides and not a clock.
//! - After a maintenance window a monitor that was well is pending until its next result.

mod attempt;
mod flapping;
mod lifecycle;
mod outage;
mod passive;
mod recover;
mod state;
#[cfg(test)]
mod tests;
mod timeline;
mod timer;

use crate::engine::notice::{Facts, Notice};
use crate::id::MonitorId;
use crate::monitor::Monitor;
use crate::observation::Observation;
use crate::ports::{Heartbeat, Incident, IntervalWrite};
use crate::settings::Settings;
use crate::state::MonitorState;
use crate::time::{Timestamp, from_ms, to_ms};

pub use state::VerdictState;

/// Version of [`VerdictState`]'s serialised form; a blob of another version is not read.
pub const STATE_VERSION: u16 = 1;

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum VerdictInput<'a> {
    /// An attempt ended, or a push arrived (then both times are the arrival's).
    Attempt {
        /// What it saw.
        observation: &'a Observation,
        /// When it began.
        started: Timestamp,
        /// When it ended.
        ended: Timestamp,
    },
    /// A wake-up that [`VerdictEffects::wake_at`] asked for. Early, late and extra ones are fine.
    Timer,
    /// The monitor or the settings changed; also once at start with the loaded state.
    Catalog,
    /// Whether a maintenance window with `pauseChecks` is open now.
    Window {
        /// It is.
        paused_by_maintenance: bool,
    },
    /// The members of a group changed, or were looked at for the first time. Paused and deleted
    /// members are not members; pending, unknown and maintained ones are unknown.
    Members {
        /// Members that are up or degraded.
        up: u32,
        /// All of them.
        total: u32,
        /// Members that nothing is known about.
        unknown: u32,
    },
    /// The monitor is gone.
    Deleted,
}

/// What a step may look at.
#[derive(Debug, Clone, Copy)]
pub struct VerdictView<'a> {
    /// The surrogate.
    pub id: MonitorId,
    /// The monitor as it is now.
    pub monitor: &'a Monitor,
    /// The settings in force.
    pub settings: &'a Settings,
    /// Until when the own-fault guard holds downs, if it holds them now.
    pub guard_until: Option<Timestamp>,
}

/// When the monitor should run next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Next {
    /// Whatever was planned stays planned.
    #[default]
    Keep,
    /// At its next regular start.
    Regular,
    /// Then, instead of its regular start.
    RetryAt(Timestamp),
    /// At once.
    Now,
    /// Not until another step says so. Push and group monitors are never run.
    Stop,
}

/// What a step decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VerdictEffects {
    /// The result to store.
    pub heartbeat: Option<Heartbeat>,
    /// Changes of the time line, in order.
    pub intervals: Vec<IntervalWrite>,
    /// The incident as it is now, whenever it changed. `suppressed`, `suppress_reason` and
    /// `acknowledged` are not known here and left empty: the announcing half fills them in.
    pub incident: Option<Incident>,
    /// What to tell the announcing half, in order.
    pub notices: Vec<Notice>,
    /// The state shown before and after, if it changed.
    pub transition: Option<(MonitorState, MonitorState)>,
    /// When to run next.
    pub next: Next,
    /// When to call again with [`VerdictInput::Timer`] if nothing comes before.
    pub wake_at: Option<Timestamp>,
    /// Whether the deciding state changed and must be stored with all this.
    pub dirty: bool,
}

/// Takes one step. Inputs of one monitor come in order; `now` does not go back between them
/// (after a jump of the wall clock call [`VerdictState::rebase`] first). Times are kept in whole
/// milliseconds, as stored.
pub fn step(
    state: &mut VerdictState,
    input: VerdictInput<'_>,
    view: &VerdictView<'_>,
    now: Timestamp,
) -> VerdictEffects {
    let before = state.shown();
    let mut step = Step { state, view, now: whole_ms(now), effects: VerdictEffects::default() };
    step.wake();
    match input {
        VerdictInput::Attempt { observation, started, ended } => {
            step.on_attempt(observation, whole_ms(started), whole_ms(ended));
        }
        VerdictInput::Timer => {}
        VerdictInput::Catalog => step.on_catalog(),
        VerdictInput::Window { paused_by_maintenance } => step.on_window(paused_by_maintenance),
        VerdictInput::Members { up, total, unknown } => step.on_members(up, total, unknown),
        VerdictInput::Deleted => step.on_deleted(),
    }
    step.on_time();
    step.finish(before)
}

fn whole_ms(at: Timestamp) -> Timestamp {
    from_ms(to_ms(at))
}

/// A step under way.
struct Step<'s, 'v> {
    state: &'s mut VerdictState,
    view: &'v VerdictView<'v>,
    now: Timestamp,
    effects: VerdictEffects,
}

impl Step<'_, '_> {
    fn notice(&mut self, notice: Notice) {
        self.effects.notices.push(notice);
    }

    fn changed(&mut self) {
        self.effects.dirty = true;
    }

    fn finish(mut self, before: MonitorState) -> VerdictEffects {
        let after = self.state.shown();
        if before != after {
            self.effects.transition = Some((before, after));
            self.changed();
        }
        if let Some(heartbeat) = &mut self.effects.heartbeat {
            heartbeat.state = after;
            if self.state.is_held() {
                heartbeat.reason = Some(crate::reason::Reason::OwnFaultGuard);
            }
        }
        self.effects.wake_at = self.state.wake_at(self.view);
        self.effects
    }
}

/// The facts of an attempt, for messages.
fn facts_of(observation: &Observation, attempts: u32) -> Facts {
    Facts {
        reason: observation.outcome.reason(),
        message: observation.message.clone(),
        latency_ms: observation
            .latency
            .map(|latency| u32::try_from(latency.as_millis()).unwrap_or(u32::MAX)),
        attempts,
    }
}
