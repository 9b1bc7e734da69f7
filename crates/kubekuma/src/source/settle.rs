//! What a scan changes (`design/engine.md`, folder source): a broken object keeps its last valid
//! version, deletes settle for 5 s, and a vanished root or a mass disappearance keeps the last
//! catalog for 60 s. Pure: scans and time come in, a snapshot comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kuma_api::read::FileReading;
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::{Object, Origin, Problem, ProblemClass, Severity};
use kuma_core::time::Mono;

use super::scan::Scan;

/// How long a vanished object stays before it counts as deleted.
pub const DELETE_SETTLE: Duration = Duration::from_secs(5);
/// How long the last catalog is kept when much vanished at once.
pub const MASS_SETTLE: Duration = Duration::from_secs(60);
/// Fewer vanished objects than this are never "much at once".
const MASS_LEAST: usize = 5;

/// An object that cannot be used as it is written now.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// Where it is written.
    pub origin: Origin,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Whether an older version stays in force.
    pub last_valid_in_force: bool,
}

/// What is in force after a scan.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Objects in force.
    pub objects: BTreeMap<ObjectKey, Object>,
    /// Objects that cannot be used as written.
    pub invalid: BTreeMap<ObjectKey, Invalid>,
    /// What is worth knowing about objects that can be used.
    pub warnings: BTreeMap<ObjectKey, Vec<Problem>>,
    /// Files that cannot be read or parsed, and why.
    pub broken_files: BTreeMap<PathBuf, String>,
    /// Set while much has vanished at once and the last catalog is kept.
    pub holding: Option<String>,
}

/// What changed, for audit and log.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// New or changed; the paths that changed.
    Applied {
        /// Which.
        key: ObjectKey,
        /// Changed field paths, at most twenty.
        paths: Vec<String>,
        /// Whether it is new.
        new: bool,
    },
    /// Gone.
    Deleted {
        /// Which.
        key: ObjectKey,
    },
    /// Written, but not usable.
    Rejected {
        /// Which.
        key: ObjectKey,
        /// Why.
        problems: Vec<Problem>,
    },
}

/// The folder's state across scans.
#[derive(Debug, Default)]
pub struct Settler {
    snapshot: Snapshot,
    missing_since: BTreeMap<ObjectKey, Mono>,
    mass_since: Option<Mono>,
}

impl Settler {
    /// A settler that starts from the last valid objects of the store: they stay in force where
    /// the folder holds a broken version, and are otherwise forgotten by the first scan.
    pub fn new(last_valid: BTreeMap<ObjectKey, Object>) -> Self {
        let snapshot = Snapshot { objects: last_valid, ..Snapshot::default() };
        Self { snapshot, ..Self::default() }
    }

    /// The last snapshot.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// When the next scan can change something although no file changes.
    pub fn deadline(&self) -> Option<Mono> {
        let deletes = self.missing_since.values().map(|since| *since + DELETE_SETTLE).min();
        let mass = self.mass_since.map(|since| since + MASS_SETTLE);
        mass.or(deletes)
    }

    /// Takes a scan in. `first` is the scan at start, whose deletes have settled long ago.
    pub fn apply(&mut self, scan: &Scan, now: Mono, first: bool) -> Vec<Change> {
        let mut seen = read(scan);
        let mut changes = Vec::new();
        self.keep_broken(scan, &mut seen);
        for (key, object) in seen.objects {
            if let Some(change) = self.put(key, object) {
                changes.push(change);
            }
        }
        let was_invalid = std::mem::take(&mut self.snapshot.invalid);
        for (key, mut invalid) in seen.invalid {
            invalid.last_valid_in_force = self.snapshot.objects.contains_key(&key);
            if was_invalid.get(&key).map(|was| &was.problems) != Some(&invalid.problems) {
                let problems = invalid.problems.clone();
                changes.push(Change::Rejected { key: key.clone(), problems });
            }
            self.snapshot.invalid.insert(key, invalid);
        }
        self.snapshot.broken_files = seen.broken_files;
        self.snapshot.warnings = seen.warnings;
        self.settle_deletes(&seen.keys, scan.root_missing, now, first, &mut changes);
        changes
    }

    /// Objects of a file that cannot be read or parsed now are not gone: they stay as they were.
    fn keep_broken(&self, scan: &Scan, seen: &mut Seen) {
        let unreadable: BTreeSet<_> = scan.unreadable.iter().map(|(path, _)| path).collect();
        for (key, object) in &self.snapshot.objects {
            let Origin::File { path, .. } = &object.origin else { continue };
            let broken = seen.broken_files.contains_key(&**path)
                || unreadable.iter().any(|folder| path.starts_with(folder));
            if broken && !scan.root_missing && !seen.keys.contains(key) {
                seen.keys.insert(key.clone());
                let why = "the file it is written in cannot be read now; the last valid version stays in force";
                seen.invalid.entry(key.clone()).or_insert_with(|| Invalid {
                    origin: object.origin.clone(),
                    problems: vec![Problem::semantic("", why)],
                    last_valid_in_force: true,
                });
            }
        }
        // What the store kept has no file; a broken file may be where it is written.
        if !seen.broken_files.is_empty() {
            for (key, object) in &self.snapshot.objects {
                if object.origin == Origin::Store {
                    seen.keys.insert(key.clone());
                }
            }
        }
    }

    fn put(&mut self, key: ObjectKey, mut object: Object) -> Option<Change> {
        let old = self.snapshot.objects.get(&key);
        let generation = old.map_or(0, |old| old.meta.generation);
        let unchanged = old.is_some_and(|old| same(old, &object));
        if unchanged {
            object.meta.generation = generation;
            self.snapshot.objects.insert(key, object);
            return None;
        }
        let paths = old.map_or_else(Vec::new, |old| changed_paths(&old.raw, &object.raw));
        let new = old.is_none();
        object.meta.generation = generation + 1;
        self.snapshot.objects.insert(key.clone(), object);
        Some(Change::Applied { key, paths, new })
    }

    fn settle_deletes(
        &mut self,
        seen: &BTreeSet<ObjectKey>,
        root_missing: bool,
        now: Mono,
        first: bool,
        changes: &mut Vec<Change>,
    ) {
        let gone: Vec<_> =
            self.snapshot.objects.keys().filter(|key| !seen.contains(*key)).cloned().collect();
        let total = self.snapshot.objects.len();
        let much = !gone.is_empty()
            && (root_missing || (gone.len() >= MASS_LEAST && gone.len() * 2 > total));
        self.missing_since.retain(|key, _| gone.contains(key));
        self.snapshot.holding = None;
        let settle = if much && !first {
            let since = *self.mass_since.get_or_insert(now);
            if now.since(since) < MASS_SETTLE {
                let what = if root_missing { "the folder is gone" } else { "much vanished at once" };
                self.snapshot.holding = Some(format!(
                    "{what}: {} of {total} objects; the last catalog stays in force for up to {} s",
                    gone.len(),
                    MASS_SETTLE.as_secs()
                ));
            }
            MASS_SETTLE
        } else {
            self.mass_since = None;
            DELETE_SETTLE
        };
        for key in gone {
            let since = *self.missing_since.entry(key.clone()).or_insert(now);
            if first || now.since(since) >= settle {
                self.missing_since.remove(&key);
                self.snapshot.objects.remove(&key);
                changes.push(Change::Deleted { key });
            }
        }
        if self.missing_since.is_empty() {
            self.mass_since = None;
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// Every object written somewhere, usable or not.
    keys: BTreeSet<ObjectKey>,
    objects: BTreeMap<ObjectKey, Object>,
    invalid: BTreeMap<ObjectKey, Invalid>,
    warnings: BTreeMap<ObjectKey, Vec<Problem>>,
    broken_files: BTreeMap<PathBuf, String>,
}

/// Sorts a scan by object; the same object in two files is an error on the later path.
fn read(scan: &Scan) -> Seen {
    let mut seen = Seen::default();
    for (path, why) in &scan.unreadable {
        seen.broken_files.insert(path.clone(), why.clone());
    }
    for (path, reading) in &scan.files {
        if let Some(why) = syntax_error(reading) {
            seen.broken_files.insert(path.clone(), why);
        }
        for object in &reading.objects {
            if let Some(first) = seen.objects.get(&object.key) {
                let why = format!("the same object is already written at {}", first.origin);
                let problem = Problem::semantic("metadata.name", why)
                    .with_fix("remove one of the two, or give it another name");
                let invalid = Invalid {
                    origin: object.origin.clone(),
                    problems: vec![problem],
                    last_valid_in_force: true,
                };
                seen.invalid.insert(object.key.clone(), invalid);
            } else {
                seen.keys.insert(object.key.clone());
                seen.objects.insert(object.key.clone(), object.clone());
            }
        }
        for finding in &reading.findings {
            if let (Some(key), Severity::Warning) = (&finding.object, finding.problem.severity) {
                seen.warnings.entry(key.clone()).or_default().push(finding.problem.clone());
            }
        }
        for bad in &reading.invalid {
            let Some(key) = &bad.key else { continue };
            seen.keys.insert(key.clone());
            let invalid = Invalid {
                origin: bad.origin.clone(),
                problems: bad.problems.iter().map(|finding| finding.problem.clone()).collect(),
                last_valid_in_force: false,
            };
            seen.invalid.insert(key.clone(), invalid);
        }
    }
    seen
}

/// Why a file, or a document of it, cannot even be parsed: what it held is not known then.
fn syntax_error(reading: &FileReading) -> Option<String> {
    let finding =
        reading.findings.iter().find(|finding| finding.problem.class == ProblemClass::Syntax)?;
    Some(format!("line {}: {}", finding.location.line, finding.problem))
}

fn same(old: &Object, new: &Object) -> bool {
    if new.key.kind == Kind::Secret {
        return secrets_equal(old, new);
    }
    Arc::ptr_eq(&old.raw, &new.raw) || old.raw == new.raw
}

fn secrets_equal(old: &Object, new: &Object) -> bool {
    use kuma_core::object::Body;
    use kuma_core::secret::ExposeSecret;
    let (Body::Secret(old), Body::Secret(new)) = (&old.body, &new.body) else { return false };
    old.labels == new.labels
        && old.data.len() == new.data.len()
        && old.data.iter().zip(&new.data).all(|((old_key, old), (new_key, new))| {
            old_key == new_key && old.expose_secret() == new.expose_secret()
        })
}

/// The field paths that differ, at most twenty.
pub fn changed_paths(old: &serde_json::Value, new: &serde_json::Value) -> Vec<String> {
    let mut paths = Vec::new();
    differ("", old, new, &mut paths);
    paths.truncate(20);
    paths
}

fn differ(path: &str, old: &serde_json::Value, new: &serde_json::Value, paths: &mut Vec<String>) {
    use serde_json::Value::Object;
    match (old, new) {
        _ if old == new || paths.len() >= 20 => {}
        (Object(old), Object(new)) => {
            let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let null = &serde_json::Value::Null;
                differ(&below, old.get(key).unwrap_or(null), new.get(key).unwrap_or(null), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests;
