//! Whatever the order of events, cut connections and lists: the index ends with what there is.

use std::collections::{BTreeMap, BTreeSet};

use kuma_core::id::{Kind, ObjectKey};
use kuma_core::source::{Change, Snapshot};
use proptest::prelude::*;

use super::kit::{Cluster, kept, key, monitor, revived};
use crate::index::Pending;

/// What happens, on the server or between it and us.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody writes a monitor; port 0 cannot be used.
    Write(u8, u16),
    /// Somebody deletes it.
    Delete(u8),
    /// The watch tells what has happened since it told last.
    Deliver,
    /// The watch is cut off and what it had not told is lost; a list follows, of which so many
    /// objects arrive before it breaks off (all, if there are fewer).
    Relist(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, 0..4_u16).prop_map(|(name, port)| Step::Write(name, port)),
        2 => (0..6_u8).prop_map(Step::Delete),
        2 => Just(Step::Deliver),
        2 => (0..8_usize).prop_map(Step::Relist),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The server, the index, and what a reader who only hears of changes believes.
#[derive(Default)]
struct World {
    server: BTreeMap<u8, u16>,
    /// The last port of each that could be used and was told, while it exists.
    valid: BTreeMap<u8, u16>,
    untold: Vec<(u8, Option<u16>)>,
    cluster: Cluster,
    pending: Pending,
    /// Whether the index is between the beginning and the end of a list.
    broken_off: bool,
}

impl World {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Write(name, port) => {
                self.server.insert(name, port);
                self.untold.push((name, Some(port)));
            }
            Step::Delete(name) => {
                if self.server.remove(&name).is_some() {
                    self.untold.push((name, None));
                }
            }
            Step::Deliver if self.broken_off => self.relist(usize::MAX),
            Step::Deliver => {
                for (name, port) in std::mem::take(&mut self.untold) {
                    self.tell(name, port);
                }
            }
            Step::Relist(arrive) => self.relist(arrive),
        }
    }

    fn relist(&mut self, arrive: usize) {
        self.untold.clear();
        self.cluster.index.begin_relist(Kind::Monitor);
        let listed: Vec<_> = self.server.clone().into_iter().take(arrive).collect();
        for (name, port) in listed {
            self.tell(name, Some(port));
        }
        self.broken_off = arrive < self.server.len();
        if !self.broken_off {
            let before = self.cluster.index.snapshot();
            for seen in self.cluster.index.finish_relist(Kind::Monitor) {
                assert!(matches!(seen.change, Change::Deleted { .. }));
                self.pending.add(seen);
            }
            self.valid.retain(|name, _| self.server.contains_key(name));
            // Nothing flickers: what stays is untouched by the end of a list.
            for (key, object) in &self.cluster.index.snapshot().objects {
                assert_eq!(before.objects[key].raw, object.raw);
            }
        }
    }

    fn tell(&mut self, name: u8, port: Option<u16>) {
        let text = format!("m{name}");
        let seen = match port {
            Some(port) => self.cluster.apply(monitor(&text, port)),
            None => self.cluster.index.delete(&key(&text)),
        };
        match port {
            None => {
                self.valid.remove(&name);
            }
            Some(0) => {}
            Some(port) => {
                self.valid.insert(name, port);
            }
        }
        if let Some(seen) = seen {
            self.pending.add(seen);
        }
    }
}

/// The ports in force, and the names of what cannot be used.
fn standing(snapshot: &Snapshot) -> (BTreeMap<ObjectKey, i64>, Vec<ObjectKey>) {
    let ports = snapshot.objects.iter().map(|(key, object)| (key.clone(), object.meta.generation));
    (ports.collect(), snapshot.invalid.keys().cloned().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_course_ends_with_what_there_is(steps in steps(), takes in 1..9_usize) {
        let mut world = World::default();
        let mut believed: BTreeSet<ObjectKey> = BTreeSet::new();
        let end = [Step::Deliver, Step::Relist(usize::MAX)];
        for (at, step) in steps.iter().chain(&end).enumerate() {
            world.step(step);
            if at % takes == 0 || at + 1 == steps.len() + end.len() {
                for seen in world.pending.take() {
                    match seen.change {
                        Change::Applied { key, .. } | Change::Rejected { key, .. } => {
                            believed.insert(key);
                        }
                        Change::Deleted { key } => {
                            believed.remove(&key);
                        }
                    }
                }
            }
        }
        let expected: BTreeMap<_, _> = world
            .valid
            .iter()
            .map(|(name, port)| (key(&format!("m{name}")), i64::from(*port)))
            .collect();
        let unusable: Vec<_> = world
            .server
            .iter()
            .filter(|(_, port)| **port == 0)
            .map(|(name, _)| key(&format!("m{name}")))
            .collect();
        prop_assert_eq!(standing(&world.cluster.index.snapshot()), (expected, unusable));
        // Who only heard of the changes knows the same objects.
        let snapshot = world.cluster.index.snapshot();
        let there: BTreeSet<_> =
            snapshot.objects.keys().chain(snapshot.invalid.keys()).cloned().collect();
        prop_assert_eq!(believed, there);
    }

    #[test]
    fn what_a_standby_heard_and_the_store_kept_make_what_there_is(
        stored in proptest::collection::btree_map(0..6_u8, 1..4_u16, 0..6),
        server in proptest::collection::btree_map(0..6_u8, 0..4_u16, 0..6),
        arrive in 0..8_usize,
        steps in steps(),
    ) {
        let mut store = Cluster::default();
        for (name, port) in stored {
            store.apply(monitor(&format!("m{name}"), port));
        }
        let mut listened = World { server, ..World::default() };
        let end = [Step::Deliver, Step::Relist(usize::MAX)];
        for step in std::iter::once(&Step::Relist(arrive)).chain(&steps).chain(&end) {
            listened.step(step);
        }
        let heard = listened.pending.take();
        let news = listened.cluster.index.adopt(heard, kept(&store), revived);
        let snapshot = listened.cluster.index.snapshot();
        let before = store.index.snapshot();
        let port = |snapshot: &Snapshot, key: &ObjectKey| {
            snapshot.objects.get(key).map(|object| object.meta.generation)
        };
        for (name, written) in &listened.server {
            let key = key(&format!("m{name}"));
            let in_force = port(&snapshot, &key);
            if let Some(valid) = listened.valid.get(name) {
                prop_assert_eq!(in_force, Some(i64::from(*valid)));
                continue;
            }
            // Never usable since we listen: what the store kept, unless it was deleted since.
            prop_assert_eq!(*written, 0);
            prop_assert!(in_force.is_none() || in_force == port(&before, &key));
        }
        let server = &listened.server;
        let there: BTreeSet<_> = server.keys().map(|name| key(&format!("m{name}"))).collect();
        prop_assert!(snapshot.objects.keys().all(|key| there.contains(key)));
        for (key, invalid) in &snapshot.invalid {
            prop_assert_eq!(invalid.last_valid_in_force, snapshot.objects.contains_key(key));
        }
        // Exactly what differs from the store is news, whatever happened in between.
        let mut changed: BTreeSet<ObjectKey> = BTreeSet::new();
        for seen in news {
            match seen.change {
                Change::Applied { key, new, .. } => {
                    prop_assert_eq!(new, !before.objects.contains_key(&key));
                    changed.insert(key);
                }
                Change::Deleted { key } => {
                    prop_assert!(before.objects.contains_key(&key));
                    changed.insert(key);
                }
                Change::Rejected { key, .. } => {
                    prop_assert!(snapshot.invalid.contains_key(&key));
                }
            }
        }
        let all: BTreeSet<_> = before.objects.keys().chain(snapshot.objects.keys()).collect();
        for key in all {
            let differs = port(&before, key) != port(&snapshot, key);
            prop_assert!(!differs || changed.contains(key), "{key} is no news");
        }
    }

    #[test]
    fn a_list_told_twice_changes_nothing(ports in proptest::collection::btree_map(0..6_u8, 0..4_u16, 0..6)) {
        let mut world = World { server: ports, ..World::default() };
        world.relist(usize::MAX);
        world.pending.take();
        world.relist(usize::MAX);
        prop_assert!(world.pending.take().is_empty());
    }
}
