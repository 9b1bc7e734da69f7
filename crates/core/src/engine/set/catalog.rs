//! What another catalog means for the monitors that run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Engine, Report};
use crate::catalog::{Catalog, Entry};
use crate::check::{Check, Criteria, GroupCheck, GroupMembers, GroupRule};
use crate::engine::step::Input;
use crate::id::{MonitorId, ObjectName};
use crate::monitor::{Alerting, Monitor, MonitorOrigin, Schedule};
use crate::shard::ShardSet;
use crate::time::Timestamp;

impl Engine {
    /// Puts a catalog in force. The first one also reconciles what was loaded: monitors that went
    /// while nobody looked are closed, the others go on.
    pub fn swap(&mut self, catalog: &Arc<Catalog>, now: Timestamp) -> Report {
        let mut report = Report::default();
        let old = std::mem::replace(&mut self.catalog, Arc::clone(catalog));
        let first = !std::mem::replace(&mut self.started, true);
        self.remove_gone(&old, catalog, now, &mut report);
        let settings_changed = first || old.settings != catalog.settings;
        let known = |id| old.entry(id).filter(|_| !first);
        self.look_again(ShardSet::ALL, &known, settings_changed, now, &mut report);
        report
    }

    /// Looks at those monitors of some shards that another catalog touches; `known` says what they
    /// were before.
    pub(super) fn look_again<'a>(
        &mut self,
        of: ShardSet,
        known: &dyn Fn(MonitorId) -> Option<&'a Entry>,
        settings_changed: bool,
        now: Timestamp,
        report: &mut Report,
    ) {
        let catalog = Arc::clone(&self.catalog);
        let of = of.and(self.owned);
        let entries = || catalog.monitors.values().filter(|entry| of.holds(entry.id));
        for entry in entries() {
            let known = known(entry.id);
            if settings_changed || self.is_touched(entry, known) {
                self.apply(entry.id, Input::Catalog, now, report);
            }
            if known.is_none_or(|known| known.windows != entry.windows) {
                self.look_at_windows(entry.id, now, report);
            }
        }
        // Groups last, when all of their members are known.
        for entry in entries() {
            let is_group = matches!(entry.monitor.check, Check::Group(_));
            if is_group && (self.is_touched(entry, known(entry.id)) || settings_changed) {
                let members = self.members(entry);
                self.apply(entry.id, members, now, report);
            }
        }
    }

    /// Whether a catalog changed anything that a monitor's state depends on.
    fn is_touched(&self, entry: &Entry, known: Option<&Entry>) -> bool {
        let Some(known) = known else { return true };
        let busy = |id| {
            let record = self.records.get(&id);
            record.is_none_or(|record| !record.announce.is_idle())
        };
        !Arc::ptr_eq(&known.monitor, &entry.monitor) && known.monitor != entry.monitor
            || known.members != entry.members
            || busy(entry.id)
    }

    /// Closes what was open of monitors that are gone.
    pub(super) fn remove_gone(
        &mut self,
        old: &Catalog,
        new: &Catalog,
        now: Timestamp,
        report: &mut Report,
    ) {
        let ours = self.records.keys().copied().filter(|id| self.owned.holds(*id));
        let mut gone: Vec<MonitorId> = ours.filter(|id| !new.by_id.contains_key(id)).collect();
        gone.sort_unstable();
        for id in gone {
            let name = self.records.get(&id).and_then(|record| record.name.clone());
            let tombstone;
            let entry = match (old.entry(id), name) {
                (Some(entry), _) => entry,
                (None, Some(name)) if self.is_unsettled(id) => {
                    tombstone = gone_while_away(id, name);
                    &tombstone
                }
                _ => continue,
            };
            self.guard.forget(id);
            let mut queue = VecDeque::new();
            self.take_step(entry, new, Input::Deleted, now, report, &mut queue);
            self.follow(queue, new, now, report);
            if let Some(record) = self.records.get_mut(&id) {
                record.wake = None;
                record.boundary = None;
            }
        }
    }

    fn is_unsettled(&self, id: MonitorId) -> bool {
        self.records.get(&id).is_some_and(|record| {
            record.verdict.open_incident(id).is_some() || !record.announce.is_idle()
        })
    }
}

/// What stands for a monitor that was deleted while nobody looked: only its name is known, and
/// it is only ever told that it is gone.
fn gone_while_away(id: MonitorId, name: ObjectName) -> Entry {
    let check = GroupCheck {
        members: GroupMembers::Names(Vec::new()),
        rule: GroupRule::All,
        suppress_members: false,
    };
    let monitor = Monitor {
        name,
        origin: MonitorOrigin::Monitor,
        generation: 0,
        labels: std::collections::BTreeMap::new(),
        enabled: true,
        check: Check::Group(Box::new(check)),
        criteria: Criteria::default(),
        schedule: Schedule {
            interval: Duration::from_secs(60),
            timeout: None,
            retries: 0,
            retry_interval: None,
            initial_delay: Duration::ZERO,
            grace_down: Duration::ZERO,
            recover_after: 1,
            jitter_percent: None,
        },
        alerting: Alerting::default(),
        depends_on: Vec::new(),
        tags: Vec::new(),
        annotations: std::collections::BTreeMap::new(),
    };
    Entry {
        id,
        monitor: Arc::new(monitor),
        routes: Vec::new(),
        parents: Vec::new(),
        children: Vec::new(),
        members: Vec::new(),
        groups: Vec::new(),
        silences: Vec::new(),
        windows: Vec::new(),
    }
}
