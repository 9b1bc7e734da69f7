//! The objects of one resource, kept up with the events of its watch. Pure: what a list that begins
//! anew does not hold is gone when it ends, not before, so that nothing flickers.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::runtime::watcher::Event;
use kuma_core::id::ObjectName;

use super::found::Found;

/// The objects of one resource.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    objects: BTreeMap<ObjectName, Arc<Found>>,
    /// What a list that has not ended yet holds so far.
    coming: Option<BTreeMap<ObjectName, Arc<Found>>>,
    complete: bool,
    trouble: Option<String>,
    version: u64,
}

impl Shelf {
    /// Takes an event; objects without a name come as none and are left out.
    pub fn apply(&mut self, event: Event<Option<Found>>) {
        // A list begins before the API server is asked for it.
        if !matches!(event, Event::Init) && self.trouble.take().is_some() {
            self.version += 1;
        }
        match event {
            Event::Init => self.coming = Some(BTreeMap::new()),
            Event::InitApply(found) => {
                let coming = self.coming.get_or_insert_default();
                coming.extend(found.map(|found| (found.name.clone(), Arc::new(found))));
            }
            Event::InitDone => {
                let listed = self.coming.take().unwrap_or_default();
                if !self.complete || !say_the_same(&listed, &self.objects) {
                    self.version += 1;
                }
                self.objects = listed;
                self.complete = true;
            }
            Event::Apply(found) => {
                let Some(found) = found else { return };
                let known = self.objects.get(&found.name);
                if known.is_none_or(|known| !known.says_the_same(&found)) {
                    self.version += 1;
                }
                self.objects.insert(found.name.clone(), Arc::new(found));
            }
            Event::Delete(found) => {
                if found.is_some_and(|found| self.objects.remove(&found.name).is_some()) {
                    self.version += 1;
                }
            }
        }
    }

    /// Notes that the watch does not get on. What was seen last stays. With `refused` the API server
    /// has said that we may not look or that there is no such resource: then nothing may be concluded
    /// from what is missing here.
    pub fn trouble(&mut self, what: String, refused: bool) {
        let news = self.trouble.as_ref() != Some(&what);
        if refused && self.complete {
            self.complete = false;
            self.version += 1;
        }
        if news {
            self.trouble = Some(what);
            self.version += 1;
        }
    }

    /// The objects by name.
    pub const fn objects(&self) -> &BTreeMap<ObjectName, Arc<Found>> {
        &self.objects
    }

    /// Whether these are all there are, as far as the API server has said.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// What keeps the watch from getting on.
    pub fn remark(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Goes up with every change.
    pub const fn version(&self) -> u64 {
        self.version
    }
}

fn say_the_same(
    one: &BTreeMap<ObjectName, Arc<Found>>,
    other: &BTreeMap<ObjectName, Arc<Found>>,
) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((_, one), (_, other))| one.says_the_same(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::Resource;
    use super::*;

    fn found(name: &str, port: u16) -> Option<Found> {
        Found::read(
            Resource::Service,
            &json!({"metadata": {"name": name, "namespace": "a"}, "spec": {"ports": [{"port": port}]}}),
        )
    }

    fn names(shelf: &Shelf) -> Vec<String> {
        shelf.objects().keys().map(ToString::to_string).collect()
    }

    #[test]
    fn a_list_that_begins_anew_takes_nothing_away_before_it_ends() {
        let mut shelf = Shelf::default();
        for event in [
            Event::Init,
            Event::InitApply(found("one", 1)),
            Event::InitApply(found("two", 1)),
            Event::InitDone,
        ] {
            assert!(!shelf.is_complete());
            shelf.apply(event);
        }
        assert_eq!(names(&shelf), ["a/one", "a/two"]);
        shelf.apply(Event::Init);
        shelf.apply(Event::InitApply(found("two", 1)));
        assert_eq!(names(&shelf), ["a/one", "a/two"]);
        shelf.apply(Event::InitDone);
        assert_eq!(names(&shelf), ["a/two"]);
    }

    #[test]
    fn an_event_that_changes_nothing_is_no_change() {
        let mut shelf = Shelf::default();
        shelf.apply(Event::Apply(found("one", 1)));
        let version = shelf.version();
        shelf.apply(Event::Apply(found("one", 1)));
        shelf.apply(Event::Delete(found("two", 1)));
        shelf.apply(Event::Apply(None));
        assert_eq!(shelf.version(), version);
        shelf.apply(Event::Apply(found("one", 2)));
        assert_eq!(shelf.version(), version + 1);
    }

    #[test]
    fn a_status_that_is_written_is_no_change_but_its_version_is_known() {
        let monitor = |version: &str, state: &str| {
            Found::read(
                Resource::Monitor,
                &json!({
                    "metadata": {
                        "name": "a", "namespace": "b", "resourceVersion": version,
                        "labels": {"kubekuma.io/managed-by": "discovery"},
                        "managedFields": [{"manager": "kubekuma", "subresource": "status", "time": version}],
                    },
                    "status": {"lastResult": {"state": state}},
                }),
            )
        };
        let mut shelf = Shelf::default();
        shelf.apply(Event::Apply(monitor("1", "up")));
        let version = shelf.version();
        shelf.apply(Event::Apply(monitor("2", "down")));
        assert_eq!(shelf.version(), version);
        let (_, held) = shelf.objects().first_key_value().unwrap();
        assert_eq!(held.resource_version, "2");
    }

    #[test]
    fn trouble_keeps_what_was_seen_and_a_refusal_says_that_it_is_not_all() {
        let mut shelf = Shelf::default();
        shelf.apply(Event::Init);
        shelf.apply(Event::InitApply(found("one", 1)));
        shelf.apply(Event::InitDone);
        shelf.trouble("away".to_owned(), false);
        assert!(shelf.is_complete() && shelf.remark() == Some("away"));
        shelf.trouble("may not".to_owned(), true);
        assert!(!shelf.is_complete() && names(&shelf) == ["a/one"]);
        let version = shelf.version();
        shelf.apply(Event::Init);
        assert_eq!((shelf.remark(), shelf.version()), (Some("may not"), version));
        assert!(!shelf.is_complete());
        shelf.apply(Event::InitDone);
        assert!(shelf.is_complete() && names(&shelf).is_empty() && shelf.remark().is_none());
    }

    proptest! {
        /// Whatever came before, a list that is read to its end leaves exactly its objects.
        #[test]
        fn a_whole_list_is_the_truth(before in proptest::collection::vec((0..5_u8, 0..4_u8), 0..20), listed in proptest::collection::btree_set(0..4_u8, 0..4)) {
            let mut shelf = Shelf::default();
            for (what, which) in before {
                let object = found(&format!("s{which}"), 1);
                shelf.apply(match what {
                    0 => Event::Init,
                    1 => Event::InitApply(object),
                    2 => Event::InitDone,
                    3 => Event::Apply(object),
                    _ => Event::Delete(object),
                });
            }
            shelf.apply(Event::Init);
            for which in &listed {
                shelf.apply(Event::InitApply(found(&format!("s{which}"), 1)));
            }
            shelf.apply(Event::InitDone);
            let expected: Vec<_> = listed.iter().map(|which| format!("a/s{which}")).collect();
            prop_assert_eq!(names(&shelf), expected);
        }
    }
}
