//! What the store kept, taken in beside what the API server has told already. A standby listens
//! long before it may open the store, so it is told everything as new; what of that is a change is
//! known once the store is open.

use std::collections::BTreeMap;

use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::Object;
use kuma_core::ports::StoredObject;
use kuma_core::source::{Change, changed_paths};

use super::{ClusterIndex, Seen};

impl ClusterIndex {
    /// Takes in what the store kept from before a start; once, and before anybody has taken what was
    /// `seen` since the index began. Returns what of it is a change against the store.
    ///
    /// Versions that the store kept come into force where the API server has told nothing else: of
    /// kinds whose first list has not come to its end, and of objects that cannot be used as they
    /// are. Only those are read, with `read`, which yields nothing for what is not valid any more.
    pub fn adopt(
        &mut self,
        seen: Vec<Seen>,
        kept: Vec<StoredObject>,
        read: impl Fn(StoredObject) -> Option<Object>,
    ) -> Vec<Seen> {
        let kept = kept.into_iter().map(|kept| (kept.key.clone(), kept));
        let mut kept: BTreeMap<ObjectKey, StoredObject> = kept.collect();
        let mut news = Vec::new();
        for Seen { change, actor } in seen {
            let change = match change {
                Change::Applied { key, paths, new } => match kept.remove(&key) {
                    Some(before) => self.against(key, &before),
                    None => Some(Change::Applied { key, paths, new }),
                },
                // Secrets are never kept, and news of them are never about what was before.
                Change::Deleted { key } if key.kind != Kind::Secret => {
                    kept.remove(&key).map(|_| Change::Deleted { key })
                }
                change => Some(change),
            };
            news.extend(change.map(|change| Seen { change, actor }));
        }
        for (key, before) in kept {
            if self.tells_nothing_of(&key) {
                if let Some(object) = read(before) {
                    self.put_back(object);
                }
            } else {
                news.push(Seen { change: Change::Deleted { key }, actor: None });
            }
        }
        news
    }

    /// What the object in force changes of the version that was kept.
    fn against(&self, key: ObjectKey, before: &StoredObject) -> Option<Change> {
        let object = self.snapshot.objects.get(&key)?;
        if !object.raw.says_the_same(&before.raw) {
            let paths = changed_paths(&before.raw.value(), &object.raw.value());
            return Some(Change::Applied { key, paths, new: false });
        }
        let new_generation = object.meta.generation != before.meta.generation;
        new_generation.then(|| Change::Applied { key, paths: Vec::new(), new: false })
    }

    /// Whether a version that was kept is the best there is of an object.
    fn tells_nothing_of(&self, key: &ObjectKey) -> bool {
        !self.listed.contains(&key.kind)
            || self.snapshot.invalid.contains_key(key)
            || self.unread.contains(key)
    }

    fn put_back(&mut self, object: Object) {
        let snapshot = std::sync::Arc::make_mut(&mut self.snapshot);
        if let Some(invalid) = snapshot.invalid.get_mut(&object.key) {
            invalid.last_valid_in_force = true;
        }
        snapshot.objects.insert(object.key.clone(), object);
    }
}
