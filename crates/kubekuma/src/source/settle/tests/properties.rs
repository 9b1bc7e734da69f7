//! What holds whatever is written, broken, removed and put back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Change, DELETE_SETTLE, MASS_SETTLE};
use super::kit::{Folder, at, broken, invalid, key, monitor};

/// Objects of the model. Each has a file of its own, so that a broken file is about one object.
const OBJECTS: usize = 8;

/// How an object's file stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Written {
    Valid(u32),
    Invalid,
    Broken,
    Gone,
}

/// One scan: how the files stand, whether the folder is there, how long after the last one.
#[derive(Debug, Clone)]
struct Look {
    files: Vec<Written>,
    root_missing: bool,
    after_ms: u64,
}

fn written() -> impl Strategy<Value = Written> {
    prop_oneof![
        4 => (0_u32..3).prop_map(Written::Valid),
        1 => Just(Written::Invalid),
        1 => Just(Written::Broken),
        4 => Just(Written::Gone),
    ]
}

fn look() -> impl Strategy<Value = Look> {
    let files = proptest::collection::vec(written(), OBJECTS);
    let after = prop_oneof![0_u64..4_000, 4_000_u64..8_000, 8_000_u64..70_000];
    (files, proptest::bool::weighted(0.15), after)
        .prop_map(|(files, root_missing, after_ms)| Look { files, root_missing, after_ms })
}

fn name(index: usize) -> String {
    format!("m{index}")
}

fn put(folder: &mut Folder, look: &Look) {
    folder.root_missing = look.root_missing;
    for (index, written) in look.files.iter().enumerate() {
        let path = format!("{index}.yaml");
        match written {
            Written::Valid(version) => folder.write(&path, &monitor(&name(index), *version)),
            Written::Invalid => folder.write(&path, &invalid(&name(index))),
            Written::Broken => folder.write(&path, broken()),
            Written::Gone => folder.remove(&path),
        }
    }
}

/// What the property knows of the past: since which scan an object in force is written nowhere.
#[derive(Default)]
struct Model {
    now: u64,
    missing: BTreeMap<String, u64>,
}

impl Model {
    fn scan(&mut self, folder: &mut Folder, look: &Look) -> Result<(), TestCaseError> {
        self.now += look.after_ms;
        put(folder, look);
        for (index, written) in look.files.iter().enumerate() {
            let name = name(index);
            let away = look.root_missing || *written == Written::Gone;
            let objects = &folder.settler.snapshot().objects;
            if away && objects.contains_key(&key(&name)) {
                self.missing.entry(name).or_insert(self.now);
            } else {
                self.missing.remove(&name);
            }
        }
        let changes = folder.settler.apply(&folder.look(), at(self.now));
        for change in &changes {
            let Change::Deleted { key } = change else {
                continue;
            };
            let Some(since) = self.missing.remove(&*key.name.name) else {
                return Err(TestCaseError::fail(format!("{key} is written")));
            };
            let least = if look.root_missing { MASS_SETTLE } else { DELETE_SETTLE };
            let waited = u128::from(self.now - since);
            prop_assert!(waited >= least.as_millis(), "{key} at {}", self.now);
        }
        // Whoever is missing is still in force, waited for, and what is held at length is said.
        let snapshot = folder.settler.snapshot();
        for name in self.missing.keys() {
            prop_assert!(snapshot.objects.contains_key(&key(name)), "{name} vanished");
        }
        let deadline = folder.settler.deadline();
        prop_assert_eq!(deadline.is_some(), !self.missing.is_empty());
        prop_assert!(deadline.is_none_or(|deadline| deadline > at(self.now)));
        if look.root_missing && !self.missing.is_empty() {
            prop_assert!(snapshot.holding.is_some());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_vanishes_before_its_time_and_all_converges(
        mut looks in proptest::collection::vec(look(), 1..12),
    ) {
        let mut folder = Folder::default();
        let mut model = Model::default();
        for look in &looks {
            model.scan(&mut folder, look)?;
        }
        // The folder comes to rest, and every object is either written or gone.
        let Some(mut last) = looks.pop() else { return Ok(()) };
        last.root_missing = false;
        for written in &mut last.files {
            if matches!(written, Written::Invalid | Written::Broken) {
                *written = Written::Valid(7);
            }
        }
        model.scan(&mut folder, &last)?;
        let mut turns = 0;
        while let Some(deadline) = folder.settler.deadline() {
            last.after_ms = deadline.0 / 1_000_000 - model.now;
            model.scan(&mut folder, &last)?;
            turns += 1;
            prop_assert!(turns <= OBJECTS, "it spins");
        }
        let snapshot = folder.settler.snapshot();
        for (index, written) in last.files.iter().enumerate() {
            let object = snapshot.objects.get(&key(&name(index)));
            let interval = object
                .and_then(|object| {
                    let raw = object.raw.value();
                    raw.pointer("/spec/schedule/intervalSeconds").and_then(serde_json::Value::as_u64)
                });
            let expected = match written {
                Written::Valid(version) => Some(60 + u64::from(*version)),
                _ => None,
            };
            prop_assert_eq!(interval, expected, "m{}", index);
        }
        prop_assert!(snapshot.holding.is_none() && snapshot.invalid.is_empty());
    }
}
