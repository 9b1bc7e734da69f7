//! Watches a folder: a scan at start, then one after every burst of changes, at deadlines that
//! the settler asks for, and every minute for file systems that tell nothing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kuma_core::time::Mono;
use notify::event::{EventKind, ModifyKind};
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::scan::is_configuration;
use crate::clock::SystemClock;

/// Changes that follow within this time are one burst.
const DEBOUNCE: Duration = Duration::from_millis(150);
/// Longest a burst may put a scan off.
const MAX_DEBOUNCE: Duration = Duration::from_secs(2);
/// A scan happens at least so often.
const RESCAN: Duration = Duration::from_secs(60);

/// Tells when to scan again.
pub struct FolderWatch {
    events: mpsc::Receiver<()>,
    watcher: Option<notify::RecommendedWatcher>,
    roots: Vec<PathBuf>,
    /// Which files or folders the roots were when they were last attached.
    attached: Vec<Option<Identity>>,
    clock: SystemClock,
}

/// Device and inode.
type Identity = (u64, u64);

impl FolderWatch {
    /// Watches roots. Where watching is not possible the folder is only scanned every minute.
    pub fn start(roots: Vec<PathBuf>, clock: SystemClock) -> Self {
        // One pending event is enough: a scan looks at everything.
        let (sender, events) = mpsc::channel(1);
        let places: Vec<_> = roots.iter().map(|root| absolute(root)).collect();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // What went wrong with watching may have hidden a change.
            if event.map_or(true, |event| concerns(&event, &places)) {
                // A full channel holds an event already.
                let _ = sender.try_send(());
            }
        });
        let watcher = match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, every_s = RESCAN.as_secs(), "the folder cannot be watched; it is scanned now and then");
                None
            }
        };
        let mut watch = Self { events, watcher, roots, attached: Vec::new(), clock };
        watch.follow();
        watch
    }

    /// Watches roots that are not watched yet, or that others have taken the place of. Call it
    /// before each scan.
    pub fn follow(&mut self) {
        let now: Vec<_> = self.roots.iter().map(|root| identity(root)).collect();
        let missing = now.iter().any(Option::is_none);
        if missing || now != self.attached {
            self.attach();
            self.attached = now;
        }
    }

    fn attach(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for root in &self.roots {
            if let Err(error) = watcher.watch(root, RecursiveMode::Recursive) {
                tracing::debug!(%error, root = %root.display(), "not watched");
            }
            // A folder tells of its own end. Its parent is watched only where that is not enough:
            // a root that is away, a file that editors replace, a link that is turned elsewhere.
            // The database often lies there, and each of its writes would wake the watcher.
            if root.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                continue;
            }
            let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or_else(|| Path::new("."));
            if let Err(error) = watcher.watch(parent, RecursiveMode::NonRecursive) {
                tracing::debug!(%error, parent = %parent.display(), "not watched");
            }
        }
    }

    /// Waits for the next reason to scan.
    pub async fn changed(&mut self, deadline: Option<Mono>) {
        let latest = tokio::time::Instant::now() + RESCAN;
        let deadline = deadline.map_or(latest, |at| self.clock.instant(at).min(latest));
        tokio::select! {
            event = self.events.recv() => {
                if event.is_some() {
                    self.settle().await;
                } else {
                    tokio::time::sleep_until(deadline).await;
                }
            }
            () = tokio::time::sleep_until(deadline) => {}
        }
    }

    async fn settle(&mut self) {
        let latest = tokio::time::Instant::now() + MAX_DEBOUNCE;
        loop {
            let quiet = tokio::time::timeout(DEBOUNCE, self.events.recv()).await;
            if !matches!(quiet, Ok(Some(()))) || tokio::time::Instant::now() >= latest {
                return;
            }
        }
    }
}

fn identity(root: &Path) -> Option<Identity> {
    let found = std::fs::metadata(root).ok()?;
    Some((found.dev(), found.ino()))
}

/// A path as events name it.
fn absolute(root: &Path) -> PathBuf {
    std::path::absolute(root).unwrap_or_else(|_| root.to_owned())
}

/// Whether an event can change what a scan finds. The parents of roots may be watched too, and the
/// database often lies there or in a root: its writes, many a second, are nothing to scan for.
fn concerns(event: &notify::Event, roots: &[PathBuf]) -> bool {
    if event.kind.is_access() {
        return false;
    }
    if event.need_rescan() || event.paths.is_empty() {
        return true;
    }
    let only_content = matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)));
    event.paths.iter().any(|path| {
        let near = roots.iter().any(|root| path.starts_with(root) || root.starts_with(path));
        near && !(only_content && !is_configuration(path) && !roots.contains(path))
    })
}

#[cfg(test)]
mod tests {
    use notify::Event;
    use notify::event::{CreateKind, DataChange, RemoveKind};

    use super::*;

    fn seen(kind: EventKind, path: &str) -> bool {
        let roots = [PathBuf::from("/data/monitors"), PathBuf::from("/data/one")];
        concerns(&Event::new(kind).add_path(PathBuf::from(path)), &roots)
    }

    #[test]
    fn writes_of_a_database_are_no_reason_to_scan() {
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert!(!seen(written, "/data/kubekuma.db-wal"));
        assert!(!seen(written, "/data/monitors/kubekuma.db-wal"));
        assert!(!seen(EventKind::Create(CreateKind::File), "/data/kubekuma.db-wal"));
    }

    #[test]
    fn what_changes_configuration_is() {
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert!(seen(written, "/data/monitors/a/web.yaml"));
        // A single file that was named is read whatever its name.
        assert!(seen(written, "/data/one"));
        assert!(seen(EventKind::Create(CreateKind::Folder), "/data/monitors/new"));
        assert!(seen(EventKind::Remove(RemoveKind::Folder), "/data/monitors"));
        assert!(seen(EventKind::Remove(RemoveKind::Folder), "/data"));
        assert!(seen(EventKind::Create(CreateKind::Any), "/data/./monitors/..data"));
        let roots = [PathBuf::from("/data/monitors")];
        assert!(concerns(&Event::new(EventKind::Other), &roots));
    }

    #[tokio::test]
    async fn a_folder_that_took_the_place_of_another_is_watched() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("monitors");
        std::fs::create_dir(&root).unwrap();
        let mut watch = FolderWatch::start(vec![root.clone()], SystemClock::start());
        std::fs::rename(&root, home.path().join("old")).unwrap();
        std::fs::create_dir(&root).unwrap();
        let soon = Duration::from_secs(20);
        tokio::time::timeout(soon, watch.changed(None)).await.unwrap();
        watch.follow();
        std::fs::write(root.join("a.yaml"), "kind: Monitor").unwrap();
        tokio::time::timeout(soon, watch.changed(None)).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_comes_back_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("monitors");
        std::fs::create_dir(&root).unwrap();
        let mut watch = FolderWatch::start(vec![root.clone()], SystemClock::start());
        std::fs::remove_dir(&root).unwrap();
        let soon = Duration::from_secs(20);
        tokio::time::timeout(soon, watch.changed(None)).await.unwrap();
        watch.follow();
        std::fs::create_dir(&root).unwrap();
        tokio::time::timeout(soon, watch.changed(None)).await.unwrap();
    }
}
