//! What a scan changes (`design/engine.md`, folder source): a broken object keeps its last valid
//! version, deletes settle for 5 s, and a vanished root or a mass disappearance keeps the last
//! catalog for 60 s. Pure: scans and time come in, a snapshot comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kuma_api::read::FileReading;
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::{Object, Origin, Problem, ProblemClass, Severity};
use kuma_core::source::{Change, Invalid, Snapshot, changed_paths};
use kuma_core::time::Mono;

use super::scan::Scan;

/// How long a vanished object stays before it counts as deleted.
pub const DELETE_SETTLE: Duration = Duration::from_secs(5);
/// How long the last catalog is kept when much vanished at once.
pub const MASS_SETTLE: Duration = Duration::from_secs(60);
/// Fewer vanished objects than this are never "much at once".
const MASS_LEAST: usize = 5;

/// The folder's state across scans.
#[derive(Debug, Default)]
pub struct Settler {
    snapshot: Snapshot,
    /// Objects in force that are written nowhere now.
    missing: BTreeMap<ObjectKey, Missing>,
    /// Whether a scan of this process found every root. A root that was never there is a volume
    /// that is not mounted yet, or a wrong path: what the store knows is not deleted because of it.
    roots_seen: bool,
}

/// An object that vanished and has not settled yet.
#[derive(Debug, Clone, Copy)]
struct Missing {
    /// The first scan without it.
    since: Mono,
    /// Whether it vanished together with much else. That stays so when some of it comes back: a
    /// folder that is written anew, file by file, must not lose the rest on the way.
    mass: bool,
}

impl Missing {
    fn until(self) -> Mono {
        self.since + if self.mass { MASS_SETTLE } else { DELETE_SETTLE }
    }
}

impl Settler {
    /// A settler that starts from the last valid objects of the store: they stay in force where
    /// the folder holds a broken version. Those that the folder does not hold settle from the first
    /// scan on, as if they had vanished just now: how long they were gone before nobody knows.
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
        self.missing.values().copied().map(Missing::until).min()
    }

    /// Takes a scan in.
    pub fn apply(&mut self, scan: &Scan, now: Mono) -> Vec<Change> {
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
        self.roots_seen |= !scan.root_missing();
        if self.roots_seen {
            self.settle_deletes(&seen.keys, scan.root_missing(), now, &mut changes);
        } else {
            self.wait_for_roots(&seen.keys);
        }
        changes
    }

    /// Objects of a file that cannot be read or parsed now are not gone: they stay as they were.
    /// A root that is gone is another matter, and settles.
    fn keep_broken(&self, scan: &Scan, seen: &mut Seen) {
        let gone = |path: &Path| scan.missing_roots.iter().any(|root| path.starts_with(root));
        let broken: BTreeSet<&Path> =
            seen.broken_files.keys().map(PathBuf::as_path).filter(|path| !gone(path)).collect();
        if broken.is_empty() {
            return;
        }
        for (key, object) in &self.snapshot.objects {
            if seen.keys.contains(key) {
                continue;
            }
            match &object.origin {
                // A folder that cannot be read breaks what lies below it.
                Origin::File { path, .. } if path.ancestors().any(|path| broken.contains(path)) => {
                    let why = "the file it is written in cannot be read now; the last valid version stays in force";
                    seen.invalid.entry(key.clone()).or_insert_with(|| Invalid {
                        origin: object.origin.clone(),
                        generation: None,
                        problems: vec![Problem::semantic("", why)],
                        last_valid_in_force: true,
                    });
                }
                // What the store kept has no file; a broken one may be where it is written.
                Origin::Store => {}
                _ => continue,
            }
            seen.keys.insert(key.clone());
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
        let paths =
            old.map_or_else(Vec::new, |old| changed_paths(&old.raw.value(), &object.raw.value()));
        let new = old.is_none();
        object.meta.generation = generation + 1;
        self.snapshot.objects.insert(key.clone(), object);
        Some(Change::Applied { key, paths, new })
    }

    /// A root was not there since the start: nothing is deleted until it is.
    fn wait_for_roots(&mut self, seen: &BTreeSet<ObjectKey>) {
        let total = self.snapshot.objects.len();
        let held = self.snapshot.objects.keys().filter(|key| !seen.contains(*key)).count();
        self.snapshot.holding = (held > 0).then(|| {
            format!(
                "the folder has not been there since the start: {held} of {total} objects stay in force as they last were"
            )
        });
    }

    fn settle_deletes(
        &mut self,
        seen: &BTreeSet<ObjectKey>,
        root_missing: bool,
        now: Mono,
        changes: &mut Vec<Change>,
    ) {
        let objects = &self.snapshot.objects;
        let gone: BTreeSet<_> = objects.keys().filter(|key| !seen.contains(*key)).collect();
        let total = objects.len();
        let much = root_missing || (gone.len() >= MASS_LEAST && gone.len() * 2 > total);
        self.missing.retain(|key, _| gone.contains(key));
        for key in gone {
            let new = Missing { since: now, mass: false };
            self.missing.entry(key.clone()).or_insert(new).mass |= much;
        }
        let settled: Vec<_> = self
            .missing
            .iter()
            .filter(|(_, missing)| missing.until() <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in settled {
            self.missing.remove(&key);
            self.snapshot.objects.remove(&key);
            changes.push(Change::Deleted { key });
        }
        let held = self.missing.values().filter(|missing| missing.mass).count();
        self.snapshot.holding = (held > 0).then(|| {
            let what = if root_missing { "the folder is gone" } else { "much vanished at once" };
            let seconds = MASS_SETTLE.as_secs();
            format!(
                "{what}: {held} of {total} objects; the last catalog stays in force for up to {seconds} s"
            )
        });
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// Every object written somewhere, usable or not.
    keys: BTreeSet<ObjectKey>,
    /// Where each of them is written first.
    firsts: BTreeMap<ObjectKey, Origin>,
    objects: BTreeMap<ObjectKey, Object>,
    invalid: BTreeMap<ObjectKey, Invalid>,
    warnings: BTreeMap<ObjectKey, Vec<Problem>>,
    broken_files: BTreeMap<PathBuf, String>,
}

impl Seen {
    /// Whether an object written at `origin` in the file `path` is the one that counts. An object
    /// that an earlier path holds already, valid or not, is an error on the later path.
    fn claim(&mut self, key: &ObjectKey, origin: &Origin, path: &Path) -> bool {
        self.keys.insert(key.clone());
        let Some(first) = self.firsts.get(key) else {
            self.firsts.insert(key.clone(), origin.clone());
            return true;
        };
        if matches!(first, Origin::File { path: before, .. } if ***before == *path) {
            return true;
        }
        let twice = |why: String| {
            Problem::semantic("metadata.name", why)
                .with_fix("remove one of the two, or give it another name")
        };
        if let Some(invalid) = self.invalid.get_mut(key) {
            invalid.problems.push(twice(format!("the same object is also written at {origin}")));
        } else {
            let problems = vec![twice(format!("the same object is already written at {first}"))];
            let invalid = Invalid {
                origin: origin.clone(),
                generation: None,
                problems,
                last_valid_in_force: true,
            };
            self.invalid.insert(key.clone(), invalid);
        }
        false
    }
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
            if seen.claim(&object.key, &object.origin, path) {
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
            if !seen.claim(key, &bad.origin, path) {
                continue;
            }
            let invalid = Invalid {
                origin: bad.origin.clone(),
                generation: None,
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
    old.raw.says_the_same(&new.raw)
}

fn secrets_equal(old: &Object, new: &Object) -> bool {
    use kuma_core::object::Body;
    use kuma_core::secret::ExposeSecret;
    let (Body::Secret(old), Body::Secret(new)) = (&old.body, &new.body) else {
        return false;
    };
    old.labels == new.labels
        && old.data.len() == new.data.len()
        && old.data.iter().zip(&new.data).all(|((old_key, old), (new_key, new))| {
            old_key == new_key && old.expose_secret() == new.expose_secret()
        })
}

#[cfg(test)]
mod tests;
