//! One step of one monitor: the verdict, then what is told of it, then everything that must be
//! stored together.

use super::announce::{
    self, AnnounceEffects, AnnounceInput, AnnounceView, DeliveryFeedback, Operator, Related,
};
use super::notice::Notice;
use super::record::{Mark, MonitorRecord};
use super::verdict::{self, Next, VerdictEffects, VerdictInput, VerdictView};
use crate::catalog::{Catalog, Entry};
use crate::check::RunClass;
use crate::id::MonitorId;
use crate::observation::{Observation, Outcome};
use crate::ports::Batch;
use crate::state::MonitorState;
use crate::time::Timestamp;

/// What happened to a monitor.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// An attempt ended, or a push arrived (then both times are the arrival's).
    Attempt {
        /// What it saw.
        observation: &'a Observation,
        /// When it began.
        started: Timestamp,
        /// When it ended.
        ended: Timestamp,
    },
    /// Time passed.
    Timer,
    /// Another catalog is in force, or this is the first step after a start.
    Catalog,
    /// Whether a maintenance window with `pauseChecks` is open now.
    Window {
        /// It is.
        paused_by_maintenance: bool,
    },
    /// The members of a group changed.
    Members {
        /// Up or degraded.
        up: u32,
        /// All of them.
        total: u32,
        /// Nothing is known about them.
        unknown: u32,
    },
    /// The monitor is gone.
    Deleted,
    /// A parent changed.
    Related,
    /// A person did something.
    Operator(Operator),
    /// A delivery ended in a way that matters here.
    Delivery(DeliveryFeedback),
}

impl<'a> Input<'a> {
    /// The part that concerns the verdict; time passes with every input.
    fn verdict(&self) -> VerdictInput<'a> {
        match *self {
            Self::Attempt { observation, started, ended } => {
                VerdictInput::Attempt { observation, started, ended }
            }
            Self::Catalog => VerdictInput::Catalog,
            Self::Window { paused_by_maintenance } => {
                VerdictInput::Window { paused_by_maintenance }
            }
            Self::Members { up, total, unknown } => VerdictInput::Members { up, total, unknown },
            Self::Deleted => VerdictInput::Deleted,
            Self::Timer | Self::Related | Self::Operator(_) | Self::Delivery(_) => {
                VerdictInput::Timer
            }
        }
    }

    /// The part that concerns announcing alone.
    fn announce(self) -> AnnounceInput<'static> {
        match self {
            Self::Catalog => AnnounceInput::Catalog,
            Self::Deleted => AnnounceInput::Deleted,
            Self::Related => AnnounceInput::Related,
            Self::Operator(operator) => AnnounceInput::Operator(operator),
            Self::Delivery(feedback) => AnnounceInput::Delivery(feedback),
            _ => AnnounceInput::Timer,
        }
    }
}

/// What a step may look at.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The monitor; of a deleted one as it last was.
    pub entry: &'a Entry,
    /// The catalog in force.
    pub catalog: &'a Catalog,
    /// Until when the own-fault guard holds downs, if it does.
    pub guard_until: Option<Timestamp>,
    /// Its parents that exist; asked only when there is something to tell.
    pub parents: &'a dyn Fn() -> Vec<Related>,
}

/// What a step decided.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// To be committed in one transaction.
    pub batch: Batch,
    /// When the monitor runs next.
    pub next: Next,
    /// When to step again if nothing comes before.
    pub wake_at: Option<Timestamp>,
    /// Monitors whose next run should start at once.
    pub run_now: Vec<MonitorId>,
    /// The state shown before and after, if it changed.
    pub transition: Option<(MonitorState, MonitorState)>,
    /// Whether children must be told.
    pub related_changed: bool,
    /// Events that no route takes.
    pub unrouted: u32,
    /// What happened, for logs.
    pub notices: Vec<Notice>,
}

/// What children look at, to see whether a step changed it.
#[derive(PartialEq)]
struct Outward {
    announced_down: bool,
    covered: bool,
    waits_until: Option<Timestamp>,
    verdict_begun: Option<Timestamp>,
}

impl Outward {
    fn of(record: &MonitorRecord) -> Self {
        Self {
            announced_down: record.announce.announced_down(),
            covered: record.announce.covered(),
            waits_until: record.announce.waits_until(),
            verdict_begun: record.verdict_begun,
        }
    }
}

/// Takes one step of one monitor.
pub fn step(
    record: &mut MonitorRecord,
    input: Input<'_>,
    view: &View<'_>,
    now: Timestamp,
) -> Effects {
    let id = view.entry.id;
    let outward = Outward::of(record);
    let verdict_view = VerdictView {
        id,
        monitor: &view.entry.monitor,
        settings: &view.catalog.settings,
        guard_until: view.guard_until,
    };
    let verdict = verdict::step(&mut record.verdict, input.verdict(), &verdict_view, now);
    note_verdict(record, &input, now);
    let told = tell(record, input, &verdict.notices, view, now);
    record.wake = [verdict.wake_at, record.announce.wake_at()].into_iter().flatten().min();
    let incident_open = record.verdict.open_incident(id).is_some();
    let remarked = incident_open && remark(record);
    let mut effects = Effects {
        next: verdict.next,
        wake_at: record.wake,
        transition: verdict.transition,
        related_changed: verdict.transition.is_some() || Outward::of(record) != outward,
        unrouted: told.unrouted,
        run_now: told.run_now,
        ..Effects::default()
    };
    let dirty = verdict.dirty || told.dirty || remarked;
    let incident = match verdict.incident {
        None if remarked => record.verdict.latest_incident(&verdict_view),
        ref changed => changed.clone(),
    };
    fill(&mut effects.batch, verdict, told.outbox, told.suppressed, &mut effects.notices);
    if let Some(mut incident) = incident {
        incident.suppressed = record.mark.suppressed_by.is_some();
        incident.suppress_reason.clone_from(&record.mark.suppressed_by);
        incident.acknowledged.clone_from(&record.mark.acknowledged);
        effects.batch.incidents.push(incident);
    }
    if dirty {
        record.name.get_or_insert_with(|| view.entry.monitor.name.clone());
        effects.batch.states.push(record.encode(id));
    }
    effects.batch.durable = effects.transition.is_some_and(is_news)
        || !effects.batch.outbox.is_empty()
        || !effects.batch.incidents.is_empty();
    effects
}

/// Whether a transition is worth a write of its own, at once and through to the disk. That a
/// monitor is well may wait for company: nobody is told of it, and if a crash takes it the next run
/// finds it again. Ten thousand monitors that are checked for the first time are ten thousand of it.
const fn is_news((from, to): (MonitorState, MonitorState)) -> bool {
    !matches!((from, to), (MonitorState::Pending, MonitorState::Up))
}

/// Remembers when the attempt began that the latest verdict rests on. A failure that is not
/// confirmed yet is no verdict.
fn note_verdict(record: &mut MonitorRecord, input: &Input<'_>, now: Timestamp) {
    let decided = matches!(
        record.verdict.shown(),
        MonitorState::Up | MonitorState::Degraded | MonitorState::Down | MonitorState::Flapping
    );
    match input {
        Input::Attempt { observation, started, .. }
            if decided && !matches!(observation.outcome, Outcome::Indeterminate(_)) =>
        {
            record.verdict_begun = Some(*started);
        }
        Input::Members { .. } if decided => record.verdict_begun = Some(now),
        _ => {}
    }
}

/// Lets the announcing half hear of the notices and of the input itself.
fn tell(
    record: &mut MonitorRecord,
    input: Input<'_>,
    notices: &[Notice],
    view: &View<'_>,
    now: Timestamp,
) -> AnnounceEffects {
    let state = record.verdict.shown();
    if record.announce.is_idle() && notices.is_empty() {
        return AnnounceEffects::default();
    }
    let parents = if view.entry.parents.is_empty() { Vec::new() } else { (view.parents)() };
    let announce_view = AnnounceView {
        id: view.entry.id,
        entry: Some(view.entry),
        catalog: view.catalog,
        parents: &parents,
        state,
    };
    let input = input.announce();
    if notices.is_empty() {
        return announce::step(&mut record.announce, input, &announce_view, now);
    }
    let mut told =
        announce::step(&mut record.announce, AnnounceInput::Notices(notices), &announce_view, now);
    if !matches!(input, AnnounceInput::Timer) {
        let more = announce::step(&mut record.announce, input, &announce_view, now);
        told.outbox.extend(more.outbox);
        told.suppressed.extend(more.suppressed);
        told.run_now.extend(more.run_now);
        told.unrouted += more.unrouted;
        told.dirty |= more.dirty;
    }
    told
}

/// Keeps what the incident's row says up to date; true if it changed.
fn remark(record: &mut MonitorRecord) -> bool {
    let mark = Mark {
        suppressed_by: record.announce.suppressed_by(),
        acknowledged: record.announce.acknowledged().cloned(),
    };
    let changed = record.mark != mark;
    record.mark = mark;
    changed
}

fn fill(
    batch: &mut Batch,
    verdict: VerdictEffects,
    outbox: Vec<crate::ports::OutboxRow>,
    suppressed: Vec<crate::ports::SuppressedRow>,
    notices: &mut Vec<Notice>,
) {
    batch.heartbeats.extend(verdict.heartbeat);
    batch.intervals = verdict.intervals;
    batch.outbox = outbox;
    batch.suppressed = suppressed;
    *notices = verdict.notices;
}

/// Whether a monitor can be asked to run.
pub(super) fn is_probed(entry: &Entry) -> bool {
    entry.monitor.enabled && entry.monitor.check.run_class() != RunClass::Passive
}
