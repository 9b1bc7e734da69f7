//! Who runs when (`design/engine.md`, `design/crds.md`: schedule): pure data structure, driven by
//! the runtime with the monotonic clock.
//!
//! Starts lie on a grid that the monitor's name fixes (`hash(namespace/name) mod interval`), so
//! that restarts and reloads neither bunch nor shift them. A start that finds its class or its
//! host full waits in line; one that has waited for its whole interval is skipped and counted,
//! never failed. After a pause of the process the missed starts are skipped too, so there is no
//! burst. Nothing overlaps itself.

mod timing;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::check::RunClass;
use crate::id::{IdMap, MonitorId};
use crate::time::Mono;

use timing::nanos;
pub use timing::{FIRST_RUN_SPREAD, Timing, seed};

/// How many runs may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Network checks.
    pub network: usize,
    /// Privileged checks.
    pub privileged: usize,
    /// Checks of one host.
    pub per_host: usize,
}

/// A run to start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Which monitor.
    pub id: MonitorId,
    /// When it was due.
    pub due: Mono,
    /// How late it starts.
    pub lateness: Duration,
}

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The next start on the grid.
    Regular,
    /// Another attempt at this instant.
    RetryAt(Mono),
    /// Another run at once.
    Now,
    /// Nothing until the monitor is set again.
    Stop,
}

/// Numbers about the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Starts skipped because the previous run had not ended.
    pub skipped_overrun: u64,
    /// Starts skipped because no slot came free for a whole interval, or the process was paused.
    pub skipped_late: u64,
    /// Waiting for a slot now.
    pub waiting: usize,
    /// Under way now: network, privileged.
    pub running: [usize; 2],
    /// Monitors scheduled.
    pub scheduled: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// In the heap, due at the instant.
    Due(Mono),
    /// In a line, was due at the instant.
    Waiting(Mono),
    /// Under way; the flag asks for another run at once.
    Running { again: bool },
    /// Not scheduled.
    Stopped,
}

#[derive(Debug)]
struct Plan {
    timing: Timing,
    phase: Phase,
    /// Tells heap entries of an older plan from the current one.
    version: u32,
    /// The grid start that the coming or running run belongs to.
    grid: Mono,
}

/// The schedule of all monitors.
#[derive(Debug)]
pub struct Scheduler {
    plans: IdMap<Plan>,
    heap: BinaryHeap<Reverse<(Mono, u32, MonitorId)>>,
    lines: [VecDeque<MonitorId>; 2],
    host_lines: HashMap<Arc<str>, VecDeque<MonitorId>>,
    host_running: HashMap<Arc<str>, usize>,
    running: [usize; 2],
    limits: Limits,
    skipped_overrun: u64,
    skipped_late: u64,
    versions: u32,
    /// Wall-clock nanoseconds at monotonic zero: the grid is one of the wall clock, so that it is
    /// the same after a restart.
    wall_origin: i128,
}

const fn slot(class: RunClass) -> usize {
    match class {
        RunClass::Network | RunClass::Passive => 0,
        RunClass::Privileged => 1,
    }
}

impl Scheduler {
    /// An empty schedule. `wall_origin` is the wall clock's nanoseconds since the epoch at
    /// monotonic zero.
    pub fn new(limits: Limits, wall_origin: i128) -> Self {
        Self {
            plans: IdMap::default(),
            heap: BinaryHeap::new(),
            lines: [VecDeque::new(), VecDeque::new()],
            host_lines: HashMap::new(),
            host_running: HashMap::new(),
            running: [0; 2],
            limits,
            skipped_overrun: 0,
            skipped_late: 0,
            versions: 0,
            wall_origin,
        }
    }

    /// Other limits; runs under way are not touched.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The wall clock moved: the grid follows it from the next start on.
    pub fn set_wall_origin(&mut self, wall_origin: i128) {
        self.wall_origin = wall_origin;
    }

    /// Adds a monitor, or changes its timing. A new one first runs soon, spread over
    /// `min(interval, 30 s)`; a known one keeps a start that the new timing allows.
    pub fn set(&mut self, id: MonitorId, timing: Timing, now: Mono) {
        match self.plans.get_mut(&id) {
            Some(plan) if plan.timing == timing && plan.phase != Phase::Stopped => {}
            Some(plan) => {
                let was = plan.phase;
                let class_changed = slot(plan.timing.class) != slot(timing.class)
                    || plan.timing.host != timing.host;
                // A run under way gives back the slots it took, under the old timing.
                if class_changed && matches!(was, Phase::Running { .. }) {
                    let (old_class, old_host) = (plan.timing.class, plan.timing.host.clone());
                    self.release(old_class, old_host.as_ref());
                    self.take(timing.class, timing.host.as_ref());
                }
                if let Some(plan) = self.plans.get_mut(&id) {
                    plan.timing = timing;
                }
                match was {
                    Phase::Running { .. } | Phase::Waiting(_) => {}
                    Phase::Stopped => self.first(id, now),
                    Phase::Due(_) => self.regular(id, now),
                }
            }
            None => {
                self.plans
                    .insert(id, Plan { timing, phase: Phase::Stopped, version: 0, grid: now });
                self.first(id, now);
            }
        }
    }

    /// Forgets a monitor. A run under way still has to be [`finished`](Self::finished).
    pub fn remove(&mut self, id: MonitorId) {
        if let Some(plan) = self.plans.get_mut(&id) {
            if matches!(plan.phase, Phase::Running { .. }) {
                // Kept until the run ends, so that its slot is given back.
                plan.phase = Phase::Stopped;
                let (class, host) = (plan.timing.class, plan.timing.host.clone());
                self.release(class, host.as_ref());
            }
            self.plans.remove(&id);
        }
    }

    /// Stops a monitor (paused, in maintenance) until it is [`set`](Self::set) again.
    pub fn stop(&mut self, id: MonitorId) {
        if let Some(plan) = self.plans.get_mut(&id) {
            if let Phase::Running { again } = &mut plan.phase {
                *again = false;
            } else {
                plan.phase = Phase::Stopped;
            }
        }
    }

    /// Asks for a run at once; one under way is followed by another.
    pub fn run_now(&mut self, id: MonitorId, now: Mono) {
        let Some(plan) = self.plans.get_mut(&id) else {
            return;
        };
        match &mut plan.phase {
            Phase::Running { again } => *again = true,
            Phase::Waiting(_) => {}
            Phase::Due(_) | Phase::Stopped => self.due_at(id, now),
        }
    }

    /// Moves a monitor that waits for its start to another one, for a retry decided by a timer.
    pub fn retry_at(&mut self, id: MonitorId, at: Mono) {
        if let Some(Plan { phase: Phase::Due(_) | Phase::Stopped, .. }) = self.plans.get(&id) {
            self.due_at(id, at);
        }
    }

    /// Everything that starts now. What finds no slot waits in line.
    pub fn due(&mut self, now: Mono) -> Vec<Start> {
        let mut starts = Vec::new();
        while let Some(Reverse((at, version, id))) = self.heap.peek().copied() {
            if at > now {
                break;
            }
            self.heap.pop();
            let Some(plan) = self.plans.get_mut(&id) else {
                continue;
            };
            if plan.version != version || plan.phase != Phase::Due(at) {
                continue;
            }
            if now.since(at) >= plan.timing.interval {
                self.skipped_late += 1;
                self.regular(id, now);
                continue;
            }
            plan.phase = Phase::Waiting(at);
            let line = slot(plan.timing.class);
            self.lines[line].push_back(id);
        }
        for line in 0..self.lines.len() {
            self.serve_line(line, now, &mut starts);
        }
        starts
    }

    /// An attempt ended.
    pub fn finished(&mut self, id: MonitorId, after: After, now: Mono) {
        let Some(plan) = self.plans.get_mut(&id) else {
            return;
        };
        let Phase::Running { again } = plan.phase else {
            return;
        };
        let (class, host) = (plan.timing.class, plan.timing.host.clone());
        let stopped = matches!(after, After::Stop);
        plan.phase = Phase::Stopped;
        let grid = plan.grid;
        let interval = plan.timing.interval;
        self.release(class, host.as_ref());
        if stopped {
            return;
        }
        match after {
            _ if again => self.due_at(id, now),
            After::Now => self.due_at(id, now),
            After::RetryAt(at) => self.due_at(id, at.max(now)),
            After::Regular | After::Stop => {
                let missed = now.since(grid).as_nanos() / u128::from(nanos(interval));
                self.skipped_overrun += u64::try_from(missed).unwrap_or(u64::MAX);
                self.regular(id, now);
            }
        }
    }

    /// When [`due`](Self::due) has something to do next. Slots that come free are served by the
    /// call after [`finished`](Self::finished).
    pub fn next_wakeup(&mut self) -> Option<Mono> {
        while let Some(Reverse((at, version, id))) = self.heap.peek().copied() {
            match self.plans.get(&id) {
                Some(plan) if plan.version == version && plan.phase == Phase::Due(at) => {
                    return Some(at);
                }
                _ => {
                    self.heap.pop();
                }
            }
        }
        None
    }

    /// When a monitor starts next, if it waits for a start.
    pub fn next_run(&self, id: MonitorId) -> Option<Mono> {
        match self.plans.get(&id)?.phase {
            Phase::Due(at) | Phase::Waiting(at) => Some(at),
            Phase::Running { .. } | Phase::Stopped => None,
        }
    }

    /// Whether it has been set and not been stopped since.
    pub fn is_scheduled(&self, id: MonitorId) -> bool {
        self.plans.get(&id).is_some_and(|plan| plan.phase != Phase::Stopped)
    }

    /// Whether a run of it is under way.
    pub fn is_running(&self, id: MonitorId) -> bool {
        matches!(self.plans.get(&id), Some(Plan { phase: Phase::Running { .. }, .. }))
    }

    /// The numbers.
    pub fn counts(&self) -> Counts {
        Counts {
            skipped_overrun: self.skipped_overrun,
            skipped_late: self.skipped_late,
            waiting: self.lines.iter().map(VecDeque::len).sum::<usize>()
                + self.host_lines.values().map(VecDeque::len).sum::<usize>(),
            running: self.running,
            scheduled: self.plans.len(),
        }
    }

    fn serve_line(&mut self, line: usize, now: Mono, starts: &mut Vec<Start>) {
        let limit = if line == 0 { self.limits.network } else { self.limits.privileged };
        while self.running[line] < limit {
            let Some(id) = self.lines[line].pop_front() else {
                break;
            };
            let Some(plan) = self.plans.get(&id) else {
                continue;
            };
            let Phase::Waiting(at) = plan.phase else {
                continue;
            };
            if now.since(at) >= plan.timing.interval {
                self.skipped_late += 1;
                self.regular(id, now);
                continue;
            }
            let host = plan.timing.host.clone();
            if let Some(host) = &host {
                let busy = self.host_running.get(host).copied().unwrap_or(0);
                if busy >= self.limits.per_host {
                    self.host_lines.entry(host.clone()).or_default().push_back(id);
                    continue;
                }
            }
            let class = plan.timing.class;
            self.take(class, host.as_ref());
            if let Some(plan) = self.plans.get_mut(&id) {
                plan.phase = Phase::Running { again: false };
            }
            starts.push(Start { id, due: at, lateness: now.since(at) });
        }
    }

    fn take(&mut self, class: RunClass, host: Option<&Arc<str>>) {
        self.running[slot(class)] += 1;
        if let Some(host) = host {
            *self.host_running.entry(host.clone()).or_default() += 1;
        }
    }

    fn release(&mut self, class: RunClass, host: Option<&Arc<str>>) {
        let line = slot(class);
        self.running[line] = self.running[line].saturating_sub(1);
        let Some(host) = host else { return };
        if let Some(busy) = self.host_running.get_mut(host) {
            *busy -= 1;
            if *busy == 0 {
                self.host_running.remove(host);
            }
        }
        let next = self.host_lines.get_mut(host).and_then(VecDeque::pop_front);
        if self.host_lines.get(host).is_some_and(VecDeque::is_empty) {
            self.host_lines.remove(host);
        }
        if let Some(next) = next {
            let line = self.plans.get(&next).map_or(line, |plan| slot(plan.timing.class));
            self.lines[line].push_front(next);
        }
    }

    fn first(&mut self, id: MonitorId, now: Mono) {
        let Some(plan) = self.plans.get(&id) else {
            return;
        };
        let at = now + plan.timing.initial_delay + plan.timing.spread();
        self.due_at(id, at);
    }

    fn regular(&mut self, id: MonitorId, now: Mono) {
        let Some(plan) = self.plans.get_mut(&id) else {
            return;
        };
        // A run that started late through its offset must not be followed by its own grid start.
        let grid = plan.timing.next_grid(now.max(plan.grid), self.wall_origin);
        plan.grid = grid;
        let at = grid + plan.timing.jitter(grid, self.wall_origin);
        self.due_at(id, at);
    }

    fn due_at(&mut self, id: MonitorId, at: Mono) {
        self.versions = self.versions.wrapping_add(1);
        let version = self.versions;
        if let Some(plan) = self.plans.get_mut(&id) {
            plan.phase = Phase::Due(at);
            plan.version = version;
            self.heap.push(Reverse((at, version, id)));
        }
    }
}

#[cfg(test)]
mod tests;
