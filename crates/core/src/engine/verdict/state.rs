//! What is remembered of a monitor between two steps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::VerdictView;
use crate::check::Check;
use crate::engine::notice::Facts;
use crate::id::{IncidentId, MonitorId};
use crate::monitor::Monitor;
use crate::ports::{Heartbeat, Incident, IntervalWrite};
use crate::reason::{Class, Reason};
use crate::state::MonitorState;
use crate::time::{Timestamp, plus};

/// Milliseconds since the epoch in the stored form; an instant is two thirds shorter that way.
mod ms {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::time::{Timestamp, from_ms, to_ms};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to_ms(*at).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(from_ms)
    }
}

/// An instant that is stored as whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct At(#[serde(with = "ms")] pub(super) Timestamp);

impl At {
    fn shift(&mut self, by: jiff::SignedDuration) {
        let furthest = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
        self.0 = self.0.checked_add(by).unwrap_or(furthest);
    }
}

/// The last verdict, without regard to what hides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Standing {
    #[default]
    Pending,
    Up,
    Degraded,
    Down,
}

impl Standing {
    pub(super) const fn state(self) -> MonitorState {
        match self {
            Self::Pending => MonitorState::Pending,
            Self::Up => MonitorState::Up,
            Self::Degraded => MonitorState::Degraded,
            Self::Down => MonitorState::Down,
        }
    }
}

/// Failed attempts that are not confirmed yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Failing {
    /// End of the first failed attempt.
    pub(super) since: At,
    /// End of the last one.
    pub(super) last: At,
    /// Failed attempts so far.
    pub(super) failures: u32,
    /// When the next attempt is due.
    pub(super) retry_at: At,
    /// Confirmed but for the own-fault guard, which lets go then at the latest.
    pub(super) held_until: Option<At>,
    /// The last failed attempt.
    pub(super) facts: Facts,
}

/// Successes of a monitor that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recovering {
    /// End of the first success.
    pub(super) since: At,
    /// How many in a row.
    pub(super) successes: u32,
}

/// Attempts without verdict since the last one with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Indeterminate {
    /// End of the first.
    pub(super) since: At,
    /// The last.
    pub(super) facts: Facts,
    /// Whether it has lasted so long that unknown is shown.
    pub(super) shown: bool,
}

/// Slowness and the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Degradation {
    /// Slow runs in a row, counted up to three.
    pub(super) slow_runs: u32,
    /// Fast runs in a row, counted while slow.
    pub(super) fast_runs: u32,
    /// Slow three times in a row and not yet fast often enough.
    pub(super) slow: bool,
    /// The certificate is within `warnBeforeDays` of its end.
    pub(super) certificate: bool,
}

/// The latest incident, open or closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Latest {
    pub(super) started_at: At,
    pub(super) ended_at: Option<At>,
    pub(super) reason: Option<Reason>,
    pub(super) message: String,
    pub(super) closed_reason: Option<Reason>,
    pub(super) toggles: Vec<At>,
}

/// Changing too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flapping {
    /// The last toggle.
    pub(super) last_toggle: At,
    /// End of the first success of the last recovery.
    pub(super) up_since: Option<At>,
    /// Quiet until then at the latest.
    pub(super) quiet_until: At,
}

/// What the time line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The open interval's state.
    pub(super) state: MonitorState,
    /// Its start.
    pub(super) at: At,
    /// Start of the last interval that a correction may not reach behind.
    pub(super) floor: At,
}

/// What the verdict half remembers of one monitor. Serialises to a few hundred bytes; the caller
/// keeps [`STATE_VERSION`](super::STATE_VERSION) beside it. Call [`VerdictState::resume`] after
/// loading one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VerdictState {
    /// Hash of what is checked.
    pub(super) target: Option<u64>,
    pub(super) standing: Standing,
    pub(super) paused: bool,
    pub(super) maintenance: bool,
    pub(super) failing: Option<Failing>,
    pub(super) recovering: Option<Recovering>,
    pub(super) indeterminate: Option<Indeterminate>,
    pub(super) degradation: Degradation,
    /// Number of incidents so far.
    pub(super) incidents: u32,
    pub(super) latest: Option<Latest>,
    /// Confirmed changes within the flapping window.
    pub(super) toggles: Vec<At>,
    pub(super) flapping: Option<Flapping>,
    pub(super) line: Option<Line>,
    /// Members of a group: up, total, unknown.
    pub(super) members: Option<(u32, u32, u32)>,

    // What follows changes with every result and is not worth a write; `resume` mends it.
    /// The last result vouches for the state until then.
    pub(super) vouched_until: Option<At>,
    /// When a push is missing.
    pub(super) push_due: Option<At>,
    /// Time and sequence of the last heartbeat.
    pub(super) beat: Option<(At, u16)>,
    /// Hash of the last heartbeat's message; never stored, so that the first one after a start
    /// always carries its message.
    #[serde(skip)]
    pub(super) message: Option<u64>,
    /// When the time line was last written.
    #[serde(skip)]
    pub(super) line_written: Option<At>,
    /// False until the first step of this process.
    #[serde(skip)]
    pub(super) live: bool,
    /// Whether [`VerdictState::resume`] was called.
    #[serde(skip)]
    pub(super) resumed: bool,
    /// An open incident that was only found in its row waits to be spoken of.
    #[serde(skip)]
    pub(super) found: bool,
}

impl VerdictState {
    /// The state that people see.
    pub fn shown(&self) -> MonitorState {
        if self.paused {
            MonitorState::Paused
        } else if self.maintenance {
            MonitorState::Maintenance
        } else if self.is_unknown() || self.is_held() {
            MonitorState::Unknown
        } else if self.flapping.is_some() {
            MonitorState::Flapping
        } else if self.failing.is_some() {
            MonitorState::Pending
        } else {
            self.standing.state()
        }
    }

    /// Since when the shown state holds: an outage since its first failure, a state of the time line
    /// since its interval began. None before anything was seen, and for what no interval tells.
    pub fn shown_since(&self) -> Option<Timestamp> {
        let shown = self.shown();
        let line = self.line.filter(|line| line.state == shown).map(|line| line.at);
        let outage = self.latest.as_ref().filter(|latest| latest.ended_at.is_none());
        let outage = outage.map(|latest| latest.started_at);
        let at = match shown {
            MonitorState::Pending => self.failing.as_ref().map(|failing| failing.since),
            MonitorState::Down => outage.or(line),
            MonitorState::Flapping => outage.or_else(|| self.flapping.map(|it| it.last_toggle)),
            MonitorState::Unknown => line
                .or_else(|| self.indeterminate.as_ref().map(|it| it.since))
                .or_else(|| self.failing.as_ref().map(|failing| failing.since)),
            _ => line,
        };
        at.map(|at| at.0)
    }

    /// The open incident, if there is one.
    pub fn open_incident(&self, id: MonitorId) -> Option<IncidentId> {
        let latest = self.latest.as_ref()?;
        let open = latest.ended_at.is_none();
        open.then(|| IncidentId::new(id, self.incidents))
    }

    /// The latest incident as a row, open or closed. Suppression and acknowledgement are left
    /// empty.
    pub fn latest_incident(&self, view: &VerdictView<'_>) -> Option<Incident> {
        let latest = self.latest.as_ref()?;
        Some(Incident {
            id: IncidentId::new(view.id, self.incidents),
            monitor: view.id,
            monitor_name: view.monitor.name.clone(),
            started_at: latest.started_at.0,
            ended_at: latest.ended_at.map(|at| at.0),
            reason: latest.reason,
            message: (!latest.message.is_empty()).then(|| latest.message.clone()),
            closed_reason: latest.closed_reason,
            suppressed: false,
            suppress_reason: None,
            acknowledged: None,
            toggles: latest.toggles.iter().map(|at| at.0).collect(),
        })
    }

    /// Brings a loaded state up to date with the monitor's last stored heartbeat, because results
    /// that decide nothing are not written into the state. Without it the end of what was known
    /// is unknown, and the time until the next result is left to what the store was told by
    /// [`IntervalWrite::Vouch`].
    pub fn resume(&mut self, last: Option<&Heartbeat>, view: &VerdictView<'_>) {
        self.resumed = true;
        let Some(last) = last else { return };
        let verdict = last.reason.is_none_or(|reason| reason.class() != Class::Ours);
        if verdict && last.state != MonitorState::Unknown {
            let until = At(vouch(last.at, view));
            self.vouched_until = Some(self.vouched_until.map_or(until, |at| at.max(until)));
        }
        if self.beat.is_none_or(|(at, _)| at.0 <= last.at) {
            self.beat = Some((At(last.at), last.sequence));
        }
        if let Check::Push(check) = &view.monitor.check {
            // Pushes since the state was last written moved this on.
            let missed = last.reason == Some(Reason::PushMissing);
            let grace = if missed { Duration::ZERO } else { check.grace };
            let due = At(plus(last.at, check.interval.saturating_add(grace)));
            self.push_due = Some(self.push_due.map_or(due, |known| known.max(due)));
        }
    }

    /// Moves every remembered instant, after the wall clock jumped by `by`.
    pub fn rebase(&mut self, by: jiff::SignedDuration) {
        if let Some(failing) = &mut self.failing {
            failing.since.shift(by);
            failing.last.shift(by);
            failing.retry_at.shift(by);
            shift(&mut failing.held_until, by);
        }
        if let Some(recovering) = &mut self.recovering {
            recovering.since.shift(by);
        }
        if let Some(indeterminate) = &mut self.indeterminate {
            indeterminate.since.shift(by);
        }
        if let Some(latest) = &mut self.latest {
            latest.started_at.shift(by);
            shift(&mut latest.ended_at, by);
            latest.toggles.iter_mut().for_each(|at| at.shift(by));
        }
        self.toggles.iter_mut().for_each(|at| at.shift(by));
        if let Some(flapping) = &mut self.flapping {
            flapping.last_toggle.shift(by);
            flapping.quiet_until.shift(by);
            shift(&mut flapping.up_since, by);
        }
        if let Some(line) = &mut self.line {
            line.at.shift(by);
            line.floor.shift(by);
        }
        shift(&mut self.vouched_until, by);
        shift(&mut self.push_due, by);
        shift(&mut self.line_written, by);
        if let Some((at, _)) = &mut self.beat {
            at.shift(by);
        }
    }

    /// What to write on a clean stop, so that nothing beyond `now` is taken for known.
    pub fn vouch_on_stop(&self, id: MonitorId, now: Timestamp) -> Option<IntervalWrite> {
        self.line?.state.counts_as_up()?;
        let until = self.vouched_until.map_or(now, |at| at.0.min(now));
        Some(IntervalWrite::Vouch { monitor: id, until })
    }

    /// When the next step is due if nothing happens before.
    pub fn wake_at(&self, view: &VerdictView<'_>) -> Option<Timestamp> {
        if self.paused || self.maintenance {
            return None;
        }
        [
            self.failing_wake(view.monitor),
            self.indeterminate
                .as_ref()
                .filter(|indeterminate| !indeterminate.shown)
                .map(|indeterminate| plus(indeterminate.since.0, unknown_after(view.monitor))),
            self.flapping_ends(view),
            self.push_due.filter(|_| is_push(view.monitor)).map(|at| at.0),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn failing_wake(&self, monitor: &Monitor) -> Option<Timestamp> {
        let failing = self.failing.as_ref()?;
        match failing.held_until {
            Some(until) => Some(until.0),
            None => is_passive(monitor).then_some(failing.retry_at.0),
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.indeterminate.as_ref().is_some_and(|indeterminate| indeterminate.shown)
    }

    /// Whether only the own-fault guard keeps a failure from being confirmed.
    pub(super) fn is_held(&self) -> bool {
        self.failing.as_ref().is_some_and(|failing| failing.held_until.is_some())
    }
}

fn shift(at: &mut Option<At>, by: jiff::SignedDuration) {
    if let Some(at) = at {
        at.shift(by);
    }
}

pub(super) use super::timer::{interval, unknown_after};

pub(super) const fn is_push(monitor: &Monitor) -> bool {
    matches!(monitor.check, Check::Push(_))
}

pub(super) const fn is_group(monitor: &Monitor) -> bool {
    matches!(monitor.check, Check::Group(_))
}

pub(super) const fn is_passive(monitor: &Monitor) -> bool {
    is_push(monitor) || is_group(monitor)
}

/// Until when a result of `at` vouches for the state: its interval plus its run budget. A group is
/// decided by its members' transitions and holds until the next.
pub(super) fn vouch(at: Timestamp, view: &VerdictView<'_>) -> Timestamp {
    let grace = match &view.monitor.check {
        Check::Group(_) => return Timestamp::MAX,
        Check::Push(check) => check.grace,
        _ => Duration::ZERO,
    };
    let budget = view.monitor.schedule.run_budget(&view.settings.scheduler);
    let interval = interval(view.monitor);
    // Starts are offset by up to the jitter, so two of them may lie that much further apart.
    let jitter =
        view.monitor.schedule.jitter_percent.unwrap_or(view.settings.scheduler.jitter_percent);
    let jitter = interval / 100 * jitter.min(100);
    let whole = interval.saturating_add(jitter).saturating_add(budget);
    plus(at, whole.saturating_add(grace))
}
