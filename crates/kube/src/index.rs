//! What is in force of what the API server holds: a pure index that takes objects, deletions and
//! lists in and yields what they change. Driven synchronously; knows no connection and no clock.
//!
//! The rules:
//! - An object that cannot be used keeps its last valid version in force, also the one that the
//!   store kept from before a restart ([`ClusterIndex::adopt`]).
//! - A change of the status, or of what the API server keeps in the metadata, is no change.
//! - A deletion counts at once, and so does what a complete list no longer holds, however much
//!   that is: unlike a folder, which may be half written or not mounted, the API server is the
//!   authority on what exists. A list that breaks off deletes nothing.

mod adopt;
mod judge;
mod pending;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::{Object, Origin, Problem};
use kuma_core::source::{Change, Invalid, Snapshot, changed_paths};

use judge::Verdict;
pub use judge::{Held, Judged, Received, judge};
pub use pending::Pending;

/// A change, and who made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What changed.
    pub change: Change,
    /// Who wrote it, as far as the API server tells; never known of deletions.
    pub actor: Option<String>,
}

/// The objects in force and those that cannot be used.
#[derive(Debug, Default)]
pub struct ClusterIndex {
    snapshot: Arc<Snapshot>,
    /// The names that lists under way have held so far.
    relists: BTreeMap<Kind, BTreeSet<ObjectName>>,
    /// The kinds of which a list has come to its end.
    listed: BTreeSet<Kind>,
    /// Objects that are there and of which nothing was taken over.
    unread: BTreeSet<ObjectKey>,
}

impl ClusterIndex {
    /// What is in force. Cheap; later changes do not touch what was handed out.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// What is known of an object, for [`judge()`] to tell that nothing changed. Nothing of one that
    /// has not come from the API server yet, or came as something that cannot be used.
    pub fn held(&self, key: &ObjectKey) -> Option<Held> {
        let object = self.snapshot.objects.get(key)?;
        let known = matches!(object.origin, Origin::Cluster { .. });
        (known && !self.snapshot.invalid.contains_key(key)).then(|| Held::of(object))
    }

    /// Whether there is such an object, valid or not.
    pub(crate) fn holds(&self, key: &ObjectKey) -> bool {
        self.snapshot.objects.contains_key(key) || self.snapshot.invalid.contains_key(key)
    }

    /// Takes an object in, from a list or a watch.
    pub fn apply(&mut self, judged: Judged) -> Option<Seen> {
        let Judged { key, actor, origin, verdict } = judged;
        if let Some(listed) = self.relists.get_mut(&key.kind) {
            listed.insert(key.name.clone());
        }
        let change = match verdict {
            Verdict::Same => {
                if !self.holds(&key) {
                    self.unread.insert(key);
                }
                return None;
            }
            Verdict::Absent => return self.remove(&key),
            Verdict::Usable(object, warnings) => self.put(*object, warnings),
            Verdict::Unusable(generation, problems) => {
                self.reject(key, origin, generation, problems)
            }
        };
        change.map(|change| Seen { change, actor })
    }

    /// Takes a deletion in.
    pub fn delete(&mut self, key: &ObjectKey) -> Option<Seen> {
        if let Some(listed) = self.relists.get_mut(&key.kind) {
            listed.remove(&key.name);
        }
        self.remove(key)
    }

    /// A list of all objects of a kind begins, anew if one was under way.
    pub fn begin_relist(&mut self, kind: Kind) {
        self.relists.insert(kind, BTreeSet::new());
    }

    /// The list is complete: what it did not hold is gone.
    pub fn finish_relist(&mut self, kind: Kind) -> Vec<Seen> {
        let Some(listed) = self.relists.remove(&kind) else { return Vec::new() };
        self.listed.insert(kind);
        let known = self.snapshot.objects.keys().chain(self.snapshot.invalid.keys());
        let known = known.chain(&self.unread);
        let gone: BTreeSet<ObjectKey> =
            known.filter(|key| key.kind == kind && !listed.contains(&key.name)).cloned().collect();
        gone.iter().filter_map(|key| self.remove(key)).collect()
    }

    fn put(&mut self, mut object: Object, warnings: Vec<Problem>) -> Option<Change> {
        let key = object.key.clone();
        let old = self.snapshot.objects.get(&key);
        let was_invalid = self.snapshot.invalid.contains_key(&key);
        let says_the_same = old.is_some_and(|old| old.raw.says_the_same(&object.raw));
        let new_generation = old.is_none_or(|old| old.meta.generation != object.meta.generation);
        let (new, paths) = match old {
            None => (true, Vec::new()),
            Some(_) if says_the_same => (false, Vec::new()),
            Some(old) => (false, changed_paths(&old.raw.value(), &object.raw.value())),
        };
        if let Some(old) = old.filter(|_| says_the_same) {
            // The texts that are kept already need not be kept twice.
            object.raw = old.raw.clone();
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        snapshot.invalid.remove(&key);
        if warnings.is_empty() {
            snapshot.warnings.remove(&key);
        } else {
            snapshot.warnings.insert(key.clone(), warnings);
        }
        snapshot.objects.insert(key.clone(), object);
        // A new generation of the same words is told, so that statuses can name it.
        let changed = !says_the_same || new_generation || was_invalid;
        changed.then_some(Change::Applied { key, paths, new })
    }

    fn reject(
        &mut self,
        key: ObjectKey,
        origin: Origin,
        generation: i64,
        problems: Vec<Problem>,
    ) -> Option<Change> {
        let generation = Some(generation);
        let was = self.snapshot.invalid.get(&key);
        // A new generation with the same problems is told, so that statuses can name it.
        let is_known =
            was.is_some_and(|was| was.problems == problems && was.generation == generation);
        let snapshot = Arc::make_mut(&mut self.snapshot);
        snapshot.warnings.remove(&key);
        let last_valid_in_force = snapshot.objects.contains_key(&key);
        let invalid =
            Invalid { origin, generation, problems: problems.clone(), last_valid_in_force };
        snapshot.invalid.insert(key.clone(), invalid);
        (!is_known).then_some(Change::Rejected { key, problems })
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Seen> {
        self.unread.remove(key);
        if !self.holds(key) {
            return None;
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        snapshot.objects.remove(key);
        snapshot.invalid.remove(key);
        snapshot.warnings.remove(key);
        Some(Seen { change: Change::Deleted { key: key.clone() }, actor: None })
    }
}

#[cfg(test)]
mod tests;
