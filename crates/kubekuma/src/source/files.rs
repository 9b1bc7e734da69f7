//! The folder as a source: watch, scan, settle.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kuma_api::read::ReadContext;
use kuma_core::id::ObjectKey;
use kuma_core::object::Object;
use kuma_core::source::{Change, Invalid, Snapshot};
use kuma_core::time::Mono;
use tracing::{error, warn};

use super::folder::FolderWatch;
use super::scan::{Scan, Scanner};
use super::settle::Settler;
use super::{Seen, Source};
use crate::clock::SystemClock;

/// A folder, or several, or single files.
pub struct Files {
    scanner: Scanner,
    watch: FolderWatch,
    settler: Settler,
    /// What was settled last.
    settled: Scan,
    scanned: bool,
}

impl Files {
    /// Watches roots; `last_valid` stays in force where they hold a broken version.
    pub fn new(
        roots: Vec<PathBuf>,
        namespace: &str,
        last_valid: BTreeMap<ObjectKey, Object>,
        clock: SystemClock,
    ) -> Self {
        let context = ReadContext { default_namespace: namespace.to_owned() };
        Self {
            scanner: Scanner::new(roots.clone(), context),
            watch: FolderWatch::start(roots, clock),
            settler: Settler::new(last_valid),
            settled: Scan::default(),
            scanned: false,
        }
    }

    /// The file and line of an object that changed, or of the version that cannot be used.
    fn actor(&self, change: &Change) -> Option<String> {
        let snapshot = self.settler.snapshot();
        match change {
            Change::Applied { key, .. } => Some(snapshot.objects.get(key)?.origin.to_string()),
            Change::Rejected { key, .. } => Some(snapshot.invalid.get(key)?.origin.to_string()),
            Change::Deleted { .. } => None,
        }
    }
}

impl Source for Files {
    fn changed(&mut self) -> BoxFuture<'_, ()> {
        let deadline = self.settler.deadline();
        self.watch.changed(deadline).boxed()
    }

    fn look(&mut self, now: Mono) -> Option<Vec<Seen>> {
        self.watch.follow();
        let scan = self.scanner.scan();
        let due = self.settler.deadline().is_some_and(|at| at <= now);
        if self.scanned && !due && scan.saw_the_same(&self.settled) {
            return None;
        }
        let first = !std::mem::replace(&mut self.scanned, true);
        let before = Standing::of(self.settler.snapshot());
        let changes = self.settler.apply(&scan, now);
        let after = self.settler.snapshot();
        before.log_news(after);
        let same = changes.is_empty() && before == Standing::of(after);
        self.settled = scan;
        if same && !first {
            return None;
        }
        let seen = |change| Seen { actor: self.actor(&change), change };
        Some(changes.into_iter().map(seen).collect())
    }

    fn snapshot(&self) -> &Snapshot {
        self.settler.snapshot()
    }

    fn synced(&self) -> bool {
        self.scanned
    }

    fn remarks(&self) -> Vec<String> {
        let missing = self.settled.root_missing().then(|| "the folder is gone".to_owned());
        self.settler.snapshot().holding.clone().or(missing).into_iter().collect()
    }
}

/// What else than its objects can change in a snapshot.
#[derive(PartialEq)]
struct Standing {
    broken_files: BTreeMap<PathBuf, String>,
    holding: Option<String>,
    invalid: BTreeMap<ObjectKey, Invalid>,
}

impl Standing {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            broken_files: snapshot.broken_files.clone(),
            holding: snapshot.holding.clone(),
            invalid: snapshot.invalid.clone(),
        }
    }

    fn log_news(&self, after: &Snapshot) {
        if let Some(holding) = &after.holding
            && self.holding.is_none()
        {
            warn!(reason = holding, "the last catalog is kept");
        }
        for (path, why) in &after.broken_files {
            if self.broken_files.get(path) != Some(why) {
                error!(file = %path.display(), why, "a file is broken; what it held stays as it was");
            }
        }
    }
}
