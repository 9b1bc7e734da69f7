//! Watches a folder: a scan at start, then one after every burst of changes, at deadlines that
//! the settler asks for, and every minute for file systems that tell nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kuma_core::time::Mono;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;

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
    clock: SystemClock,
}

impl FolderWatch {
    /// Watches roots. Where watching is not possible the folder is only scanned every minute.
    pub fn start(roots: Vec<PathBuf>, clock: SystemClock) -> Self {
        // One pending event is enough: a scan looks at everything.
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let reads_only = event.as_ref().is_ok_and(|event| event.kind.is_access());
            if !reads_only {
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
        let mut watch = Self { events, watcher, roots, clock };
        watch.attach();
        watch
    }

    /// Watches the roots, again after they were away.
    pub fn attach(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for root in &self.roots {
            if let Err(error) = watcher.watch(root, RecursiveMode::Recursive) {
                tracing::debug!(%error, root = %root.display(), "not watched");
            }
            // A root that is removed and made again is seen through its parent.
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
