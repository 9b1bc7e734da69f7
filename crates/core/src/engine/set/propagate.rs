//! One step and whatever follows from it: groups see their members change, children their
//! parents, and due wake-ups come round.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Change, Engine, Report};
use crate::catalog::{Catalog, Entry};
use crate::engine::announce::{MASS_OUTAGE_SPEAKS, Related, is_muted, mass_outage};
use crate::engine::record::MonitorRecord;
use crate::engine::step::{self, Effects, Input, View, is_probed};
use crate::id::{IdMap, MonitorId};
use crate::state::MonitorState;
use crate::time::{Timestamp, plus};

/// Most steps of one monitor within one call; more is a circle that validation let through.
const MAX_STEPS: u32 = 16;

/// How soon a wake-up that changed nothing comes again.
const RETRY: Duration = Duration::from_secs(1);

/// A step that follows from another.
pub(super) enum Follow {
    /// A member changed.
    Members(MonitorId),
    /// A parent changed.
    Related(MonitorId),
}

impl Engine {
    /// When [`Engine::due`] should be called if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        [self.wakeups.next(), self.guard_until].into_iter().flatten().min()
    }

    /// Does everything that has become due.
    pub fn due(&mut self, now: Timestamp) -> Report {
        let mut report = Report::default();
        if self.guard_until.is_some_and(|until| until <= now) {
            self.ask_guard(now, &mut report);
        }
        let mut ids = Vec::new();
        while let Some(id) = self.wakeups.pop_due(now) {
            let next = self.records.get(&id).and_then(|record| record.next());
            if next.is_some_and(|next| next <= now) {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            self.wake(id, now, &mut report);
        }
        report
    }

    fn wake(&mut self, id: MonitorId, now: Timestamp, report: &mut Report) {
        let is_boundary =
            self.records.get(&id).and_then(|record| record.boundary).is_some_and(|at| at <= now);
        if is_boundary {
            self.look_at_windows(id, now, report);
        }
        self.apply(id, Input::Timer, now, report);
        // Whatever a step leaves undone is tried again soon, but not without a pause.
        let next = self.records.get(&id).and_then(|record| record.next());
        if next.is_some_and(|next| next <= now) {
            self.wakeups.set(id, plus(now, RETRY));
        }
    }

    /// Sees whether a window that pauses checks is open, and when that changes next.
    pub(super) fn look_at_windows(&mut self, id: MonitorId, now: Timestamp, report: &mut Report) {
        let catalog = Arc::clone(&self.catalog);
        let Some(entry) = catalog.entry(id) else {
            return;
        };
        let (paused, boundary) = windows(entry, now);
        if let Some(record) = self.records.get_mut(&id) {
            record.boundary = boundary;
        }
        if let Some(at) = boundary {
            self.wakeups.set(id, at);
        }
        let input = Input::Window { paused_by_maintenance: paused };
        self.apply(id, input, now, report);
    }

    /// Asks the guard how it stands; tells of a mass outage that outlived the hold.
    pub(super) fn ask_guard(&mut self, now: Timestamp, report: &mut Report) {
        let catalog = Arc::clone(&self.catalog);
        let settings = &catalog.settings.networking.self_check;
        let status = self.guard.status(settings, now);
        self.guard_until = status.until.filter(|_| status.holding);
        if let Some(outage) = status.mass_outage {
            let concerned = outage.monitors.iter().filter_map(|id| catalog.entry(*id));
            let rows = mass_outage(&catalog, concerned, outage.since, now);
            if !rows.is_empty() {
                self.speak_for(&outage.monitors, now);
            }
            report.batch.durable |= !rows.is_empty();
            report.batch.outbox.extend(rows);
        }
    }

    /// The mass-outage message stands for the downs that are confirmed now.
    fn speak_for(&mut self, monitors: &[MonitorId], now: Timestamp) {
        for id in monitors.iter().filter(|id| self.owned.holds(**id)) {
            if let Some(record) = self.records.get_mut(id) {
                record.announce.spoken_for(plus(now, MASS_OUTAGE_SPEAKS));
            }
        }
    }

    /// Applies an input to a monitor of the catalog, and what follows from it.
    pub(super) fn apply(
        &mut self,
        id: MonitorId,
        input: Input<'_>,
        now: Timestamp,
        report: &mut Report,
    ) {
        let catalog = Arc::clone(&self.catalog);
        let Some(entry) = catalog.entry(id) else {
            return;
        };
        let mut queue = VecDeque::new();
        self.take_step(entry, &catalog, input, now, report, &mut queue);
        self.follow(queue, &catalog, now, report);
    }

    /// Works off what follows until nothing does.
    pub(super) fn follow(
        &mut self,
        mut queue: VecDeque<Follow>,
        catalog: &Catalog,
        now: Timestamp,
        report: &mut Report,
    ) {
        let mut steps: IdMap<u32> = IdMap::default();
        while let Some(follow) = queue.pop_front() {
            let (Follow::Members(id) | Follow::Related(id)) = follow;
            let count = steps.entry(id).or_default();
            *count += 1;
            if *count > MAX_STEPS {
                continue;
            }
            let Some(entry) = catalog.entry(id) else {
                continue;
            };
            let input = match follow {
                Follow::Members(_) => self.members(entry),
                Follow::Related(_) => Input::Related,
            };
            self.take_step(entry, catalog, input, now, report, &mut queue);
        }
    }

    /// One step of one monitor, if it is ours; what follows goes into the queue.
    pub(super) fn take_step(
        &mut self,
        entry: &Entry,
        catalog: &Catalog,
        input: Input<'_>,
        now: Timestamp,
        report: &mut Report,
        queue: &mut VecDeque<Follow>,
    ) {
        let id = entry.id;
        if !self.owned.holds(id) {
            return;
        }
        // Taken out so that the step may look at other records.
        let mut record = self.records.remove(&id).unwrap_or_default();
        let waited = record.announce.waits_for_parents();
        let wake = record.wake;
        let effects = {
            let parents = || self.related(entry, catalog, now);
            let view = View { entry, catalog, guard_until: self.guard_until, parents: &parents };
            step::step(&mut record, input, &view, now)
        };
        match (waited, record.announce.waits_for_parents()) {
            (false, true) => self.waiting += 1,
            (true, false) => self.waiting = self.waiting.saturating_sub(1),
            _ => {}
        }
        let next = record.wake;
        self.records.insert(id, record);
        if let Some(at) = next.filter(|_| next != wake) {
            self.wakeups.set(id, at);
        }
        if effects.transition.is_some() {
            queue.extend(entry.groups.iter().copied().map(Follow::Members));
        }
        if effects.related_changed && self.waiting > 0 {
            let waits = |child: &&MonitorId| {
                let record = self.records.get(*child);
                record.is_some_and(|record| record.announce.waits_for_parents())
            };
            let children = entry.children.iter().filter(waits).copied();
            queue.extend(children.map(Follow::Related));
        }
        collect(id, effects, catalog, report);
    }

    /// The parents of a monitor as its step must know them.
    fn related(&self, entry: &Entry, catalog: &Catalog, now: Timestamp) -> Vec<Related> {
        entry
            .parents
            .iter()
            .filter_map(|id| {
                let parent = catalog.entry(*id)?;
                let unseen = MonitorRecord::default();
                let record = self.records.get(id).map_or(&unseen, |record| &**record);
                let state = record.verdict.shown();
                let schedule = &parent.monitor.schedule;
                Some(Related {
                    id: *id,
                    name: parent.monitor.name.clone(),
                    state,
                    announced_down: record.announce.announced_down(),
                    covered: record.announce.covered(),
                    waits_until: record.announce.waits_until(),
                    verdict_begun: record.verdict_begun,
                    enabled: parent.monitor.enabled,
                    muted: state == MonitorState::Maintenance
                        || parent.routes.is_empty()
                        || is_muted(parent, now),
                    budget: schedule.run_budget(&catalog.settings.scheduler),
                    interval: schedule.interval,
                })
            })
            .collect()
    }

    /// The members of a group, counted.
    pub(super) fn members(&self, entry: &Entry) -> Input<'static> {
        let (mut up, mut total, mut unknown) = (0, 0, 0);
        for id in &entry.members {
            match self.state(*id).unwrap_or_default() {
                MonitorState::Paused => continue,
                MonitorState::Up | MonitorState::Degraded => up += 1,
                MonitorState::Pending | MonitorState::Unknown | MonitorState::Maintenance => {
                    unknown += 1;
                }
                MonitorState::Down | MonitorState::Flapping => {}
            }
            total += 1;
        }
        Input::Members { up, total, unknown }
    }
}

/// Whether checks are paused by a window now, and when that may change next.
fn windows(entry: &Entry, now: Timestamp) -> (bool, Option<Timestamp>) {
    let mut paused = false;
    let mut boundary: Option<Timestamp> = None;
    for window in entry.windows.iter().filter(|window| window.pause_checks) {
        let active = window.active_at(now);
        paused |= active.is_some();
        let next = active.map(|(_, end)| end).or_else(|| window.next_occurrence(now));
        boundary = [boundary, next].into_iter().flatten().min();
    }
    (paused, boundary)
}

fn collect(id: MonitorId, effects: Effects, catalog: &Catalog, report: &mut Report) {
    report.batch.append(effects.batch);
    report.unrouted += effects.unrouted;
    let probed = |id: &MonitorId| catalog.entry(*id).is_some_and(is_probed);
    report.run_now.extend(effects.run_now.into_iter().filter(probed));
    report.changes.push(Change {
        id,
        next: effects.next,
        transition: effects.transition,
        notices: effects.notices,
    });
}
