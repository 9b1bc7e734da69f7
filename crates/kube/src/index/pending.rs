//! Changes that nobody has taken yet. A thousand objects applied at once, or one object a thousand
//! times, wait as what is left of them in the end: what was replaced before anybody looked was
//! never in force.

use std::collections::BTreeMap;

use kuma_core::id::ObjectKey;
use kuma_core::source::Change;

use super::Seen;

/// What waits, at most two changes for each object: a version that can be used, and one after it
/// that cannot.
#[derive(Debug, Default)]
pub struct Pending(BTreeMap<ObjectKey, Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// The last version that came into force, or the deletion.
    settled: Option<Seen>,
    /// A later version that cannot be used.
    rejected: Option<Seen>,
}

impl Pending {
    /// Adds a change.
    pub fn add(&mut self, seen: Seen) {
        let waiting = self.0.entry(key(&seen.change).clone()).or_default();
        match seen.change {
            Change::Rejected { .. } => waiting.rejected = Some(seen),
            Change::Deleted { .. } => {
                *waiting = Waiting { settled: Some(seen), rejected: None };
            }
            Change::Applied { key, paths, new } => {
                let change = match waiting.settled.take().map(|before| before.change) {
                    Some(Change::Applied { paths: before, new: was_new, .. }) => {
                        Change::Applied { key, paths: joined(before, paths), new: was_new || new }
                    }
                    _ => Change::Applied { key, paths, new },
                };
                let settled = Some(Seen { change, actor: seen.actor });
                *waiting = Waiting { settled, rejected: None };
            }
        }
    }

    /// Takes all of it, by object.
    pub fn take(&mut self) -> Vec<Seen> {
        let waiting = std::mem::take(&mut self.0).into_values();
        waiting.flat_map(|it| it.settled.into_iter().chain(it.rejected)).collect()
    }
}

fn key(change: &Change) -> &ObjectKey {
    match change {
        Change::Applied { key, .. } | Change::Deleted { key } | Change::Rejected { key, .. } => key,
    }
}

/// Both lists of paths, each path once, at most twenty.
fn joined(mut before: Vec<String>, after: Vec<String>) -> Vec<String> {
    before.extend(after);
    before.sort();
    before.dedup();
    before.truncate(20);
    before
}

#[cfg(test)]
mod tests {
    use kuma_core::id::{Kind, ObjectName};

    use super::*;

    fn named() -> ObjectKey {
        ObjectKey { kind: Kind::Monitor, name: ObjectName::new("shop", "web") }
    }

    fn applied(new: bool, path: &str) -> Change {
        let paths = if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
        Change::Applied { key: named(), paths, new }
    }

    fn rejected() -> Change {
        Change::Rejected { key: named(), problems: Vec::new() }
    }

    fn left(changes: &[Change]) -> Vec<Change> {
        let mut pending = Pending::default();
        for change in changes {
            pending.add(Seen { change: change.clone(), actor: None });
        }
        pending.take().into_iter().map(|seen| seen.change).collect()
    }

    #[test]
    fn edits_of_one_object_wait_as_one() {
        let edits = [applied(true, ""), applied(false, "spec.b"), applied(false, "spec.a")];
        let both = vec!["spec.a".to_owned(), "spec.b".to_owned()];
        assert_eq!(left(&edits), [Change::Applied { key: named(), paths: both, new: true }]);
    }

    #[test]
    fn the_last_version_that_can_be_used_is_not_lost_to_one_that_cannot() {
        assert_eq!(left(&[applied(true, ""), rejected()]), [applied(true, ""), rejected()]);
        assert_eq!(left(&[rejected(), applied(false, "a")]), [applied(false, "a")]);
        assert_eq!(left(&[rejected(), rejected()]), [rejected()]);
    }

    #[test]
    fn a_deletion_ends_what_was_before_and_a_new_object_begins_anew() {
        let deleted = Change::Deleted { key: named() };
        let all = [applied(true, ""), rejected(), deleted.clone()];
        assert_eq!(left(&all), all[2..]);
        assert_eq!(left(&[deleted.clone(), applied(true, "")]), [applied(true, "")]);
        assert_eq!(left(&[deleted.clone(), rejected()]), [deleted, rejected()]);
    }
}
