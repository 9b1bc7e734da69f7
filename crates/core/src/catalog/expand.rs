//! From objects to monitors: sets are expanded, names are unique, limits of the settings hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::build::{BuildInput, Problems};
use crate::id::{Kind, MonitorId, ObjectKey, ObjectName};
use crate::monitor::{Monitor, MonitorOrigin};
use crate::object::{Body, MonitorSet, Problem};
use crate::settings::Settings;

/// A monitor that can run, on its way into the catalog.
pub(super) struct Drafted {
    pub(super) id: MonitorId,
    pub(super) monitor: Arc<Monitor>,
    /// The object that it comes from.
    pub(super) object: ObjectKey,
}

impl Drafted {
    /// Where in its object a field of the monitor stands.
    pub(super) fn path(&self, field: &str) -> String {
        path_in(&self.monitor.origin, field)
    }
}

/// The monitors in the order of their names; others refer to them by position.
pub(super) struct Expanded {
    pub(super) monitors: Vec<Drafted>,
    pub(super) positions: HashMap<ObjectName, usize>,
}

fn path_in(origin: &MonitorOrigin, field: &str) -> String {
    match origin {
        MonitorOrigin::Monitor => format!("spec.{field}"),
        MonitorOrigin::Set { item, .. } => format!("spec.items[{item}].{field}"),
    }
}

pub(super) fn expand(
    input: &BuildInput<'_>,
    settings: &Settings,
    problems: &mut Problems,
) -> Expanded {
    let mut named: BTreeMap<ObjectName, (ObjectKey, Arc<Monitor>)> = BTreeMap::new();
    for (key, object) in input.objects {
        if let Body::Monitor(monitor) = &object.body {
            named.insert(key.name.clone(), (key.clone(), Arc::clone(monitor)));
        }
    }
    for (key, object) in input.objects {
        if let Body::MonitorSet(set) = &object.body {
            add_set(input, key, set, &mut named, problems);
        }
    }
    let mut monitors = Vec::with_capacity(named.len());
    for (name, (object, monitor)) in named {
        if within_limits(&object, &monitor, settings, problems) {
            monitors.push(Drafted { id: (input.ids)(&name), monitor, object });
        }
    }
    let positions = monitors
        .iter()
        .enumerate()
        .map(|(position, drafted)| (drafted.monitor.name.clone(), position))
        .collect();
    Expanded { monitors, positions }
}

/// A Monitor wins over a set, even one that is invalid now: its name is taken. Of two sets the
/// first by name wins.
fn add_set(
    input: &BuildInput<'_>,
    key: &ObjectKey,
    set: &MonitorSet,
    named: &mut BTreeMap<ObjectName, (ObjectKey, Arc<Monitor>)>,
    problems: &mut Problems,
) {
    for bad in &set.invalid {
        for problem in &bad.problems {
            problems.add(key, problem.clone());
        }
    }
    for monitor in &set.monitors {
        let as_monitor = ObjectKey { kind: Kind::Monitor, name: monitor.name.clone() };
        let owner = match named.get(&monitor.name) {
            Some((owner, _)) => Some(owner.clone()),
            None => input.reports.contains_key(&as_monitor).then_some(as_monitor),
        };
        if let Some(owner) = owner {
            let why = format!("NAME_CONFLICT: the name is taken by {owner}, which stays");
            let problem = Problem::semantic(path_in(&monitor.origin, "name"), why)
                .with_value(&*monitor.name.name)
                .with_fix("give the item another name");
            problems.add(key, problem);
        } else {
            let entry = (key.clone(), Arc::clone(monitor));
            named.insert(monitor.name.clone(), entry);
        }
    }
}

fn within_limits(
    object: &ObjectKey,
    monitor: &Monitor,
    settings: &Settings,
    problems: &mut Problems,
) -> bool {
    let schedule = &monitor.schedule;
    let least = settings.scheduler.min_interval;
    let mut fine = true;
    if schedule.interval < least {
        let problem = Problem::semantic(
            path_in(&monitor.origin, "schedule.intervalSeconds"),
            "the interval is shorter than the settings allow; the monitor does not run",
        )
        .with_value(schedule.interval.as_secs().to_string())
        .with_fix(format!("at least {} (scheduler.minIntervalSeconds)", least.as_secs()));
        problems.add(object, problem);
        fine = false;
    }
    if let Some(timeout) = schedule.timeout.filter(|timeout| *timeout > schedule.interval) {
        let problem = Problem::semantic(
            path_in(&monitor.origin, "schedule.timeoutSeconds"),
            "the timeout is longer than the interval; the monitor does not run",
        )
        .with_value(timeout.as_secs().to_string())
        .with_fix(format!("at most {}", schedule.interval.as_secs()));
        problems.add(object, problem);
        fine = false;
    }
    fine
}
