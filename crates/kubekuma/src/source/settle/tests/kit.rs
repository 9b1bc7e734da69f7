//! A folder in memory: files in, what changed out, a clock of milliseconds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kuma_api::read::{ReadContext, read_file};
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::{Object, Origin};
use kuma_core::source::Change;
use kuma_core::time::Mono;

use super::super::Settler;
use crate::source::scan::Scan;

/// Where the folder would be.
const ROOT: &str = "/config";

#[derive(Debug, Default)]
pub(super) struct Folder {
    files: BTreeMap<PathBuf, String>,
    pub(super) settler: Settler,
    pub(super) root_missing: bool,
    /// Another root, with nothing in it, is gone.
    pub(super) other_root_missing: bool,
    /// Folders that may not be read.
    pub(super) unreadable: Vec<PathBuf>,
    pub(super) first_changes: String,
}

impl Folder {
    /// A folder that was scanned once.
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        Self::starting_from(BTreeMap::new(), files)
    }

    /// The same, with what the store kept of an earlier life.
    pub(super) fn starting_from(
        stored: BTreeMap<ObjectKey, Object>,
        files: &[(&str, &str)],
    ) -> Self {
        let mut folder = Self { settler: Settler::new(stored), ..Self::default() };
        for (path, text) in files {
            folder.write(path, text);
        }
        folder.first_changes = folder.scan(0);
        folder
    }

    /// A folder that is not there when the process starts.
    pub(super) fn without_root(stored: BTreeMap<ObjectKey, Object>) -> Self {
        let mut folder =
            Self { settler: Settler::new(stored), root_missing: true, ..Self::default() };
        folder.first_changes = folder.scan(0);
        folder
    }

    /// `m0` to `m<n-1>`, a file each.
    pub(super) fn many(n: u32) -> Self {
        let mut folder = Self::default();
        folder.restore(n);
        folder.first_changes = folder.scan(0);
        folder
    }

    /// Writes `m0` to `m<n-1>`, as they were.
    pub(super) fn restore(&mut self, n: u32) {
        for index in 0..n {
            let text = monitor(&format!("m{index}"), 0);
            self.write(&format!("{index:02}.yaml"), &text);
        }
    }

    pub(super) fn keep_first(&mut self, n: usize) {
        let paths: Vec<_> = self.files.keys().skip(n).cloned().collect();
        for path in paths {
            self.files.remove(&path);
        }
    }

    pub(super) fn write(&mut self, path: &str, text: &str) {
        self.files.insert(PathBuf::from(ROOT).join(path), text.to_owned());
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.files.remove(&PathBuf::from(ROOT).join(path));
    }

    /// Scans and says what changed.
    pub(super) fn scan(&mut self, ms: u64) -> String {
        let changes = self.settler.apply(&self.look(), at(ms));
        changes.iter().map(show).collect::<Vec<_>>().join(", ")
    }

    /// What a scanner would see.
    pub(super) fn look(&self) -> Scan {
        let mut scan = Scan::default();
        let gone = |scan: &mut Scan, root: &str| {
            scan.missing_roots.push(root.into());
            scan.unreadable.push((root.into(), "it does not exist".to_owned()));
        };
        if self.other_root_missing {
            gone(&mut scan, "/elsewhere");
        }
        if self.root_missing {
            gone(&mut scan, ROOT);
            return scan;
        }
        for folder in &self.unreadable {
            let path = PathBuf::from(ROOT).join(folder);
            let why = "this user may not read it".to_owned();
            scan.unreadable.push((path, why));
        }
        for (path, text) in &self.files {
            let reading = read_file(path, text.as_bytes(), &ReadContext::default());
            scan.files.insert(path.clone(), Arc::new(reading));
        }
        scan
    }

    /// The names in force.
    pub(super) fn in_force(&self) -> String {
        let objects = &self.settler.snapshot().objects;
        let names: Vec<_> = objects.keys().map(|key| &*key.name.name).collect();
        names.join(" ")
    }

    /// What the store would give back after a restart.
    pub(super) fn stored(&self) -> BTreeMap<ObjectKey, Object> {
        let objects = self.settler.snapshot().objects.clone().into_iter();
        let origin = Origin::Store;
        objects
            .map(|(key, object)| {
                let origin = origin.clone();
                (key, Object { origin, ..object })
            })
            .collect()
    }
}

fn show(change: &Change) -> String {
    match change {
        Change::Applied { key, new: true, .. } => format!("applied {} (new)", key.name.name),
        Change::Applied { key, paths, .. } => {
            format!("applied {} ({})", key.name.name, paths.join(" "))
        }
        Change::Deleted { key } => format!("deleted {}", key.name.name),
        Change::Rejected { key, .. } => format!("rejected {}", key.name.name),
    }
}

pub(super) fn at(ms: u64) -> Mono {
    Mono::default() + Duration::from_millis(ms)
}

pub(super) fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: Kind::Monitor, name: ObjectName::new("kubekuma", name) }
}

/// A monitor; versions differ in their interval.
pub(super) fn monitor(name: &str, version: u32) -> String {
    let interval = 60 + version;
    format!(
        "apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata:
  name: {name}
spec:
  type: tcp
  schedule:
    intervalSeconds: {interval}
  target:
    tcp:
      host: 127.0.0.1
      port: 9
"
    )
}

/// A monitor whose name can be read and that cannot run.
pub(super) fn invalid(name: &str) -> String {
    monitor(name, 1).replace("port: 9", "prot: 9")
}

/// No YAML at all, so that nobody can say what it held.
pub(super) const fn broken() -> &'static str {
    "}{: [\n"
}

pub(super) fn secret(value: &str, label: &str) -> String {
    let labels = if label.is_empty() {
        String::new()
    } else {
        format!("  labels:\n    {label}: \"true\"\n")
    };
    let head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: hook\n";
    format!("{head}{labels}stringData:\n  token: {value}\n")
}
