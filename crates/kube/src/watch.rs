//! The cluster as a source of objects: one watch for each kind fills the index, and what changed
//! is handed on in bursts. Takes the place that the folder's scans have without a cluster.
//!
//! What to expect:
//! - Lists come in pages, so memory is bounded by a page and by what is in force.
//! - While the API server is away, a kind is not installed or RBAC forbids it, what was read last
//!   stays in force and [`ClusterSource::remarks`] says why and what to do. All of it is tried
//!   again, with a wait of at most 15 s.
//! - A watch that was cut off goes on where it was; where the API server no longer knows that
//!   place, a new list is compared with the index. Nothing flickers in between.
//! - A connection that died without a word is noticed within [`WATCH_SECONDS`] and a little.

mod backoff;
mod kind;
mod standing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kuma_api::read::ReadContext;
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::Object;
use kuma_core::ports::StoredObject;
use kuma_core::source::Snapshot;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use backoff::Backoff;
use standing::Standing;

use crate::client::{Cluster, Fault};
use crate::index::{ClusterIndex, Pending, Seen};

/// How long a watch is asked for; the API server ends it then, and it goes on in a new one.
pub const WATCH_SECONDS: u32 = 90;
/// Changes that follow within this time are one burst.
const QUIET: Duration = Duration::from_millis(100);
/// Longest a burst may put its news off.
const LONGEST_BURST: Duration = Duration::from_secs(1);

/// Which namespaces are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them, with a ClusterRole.
    Cluster,
    /// One, with a Role in it. The settings and the Namespace itself are read where a ClusterRole
    /// permits these two objects by name.
    Namespace(String),
}

/// What the API server said of an object that is written to, not only read.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Its `metadata.uid`.
    pub uid: &'a str,
    /// Its `metadata.generation`.
    pub generation: i64,
    /// Its `metadata.resourceVersion`; greater is newer, 0 if it is no number.
    pub version: u64,
    /// Its `status`; null if it has none.
    pub status: &'a Value,
}

/// Somebody who wants to see statuses pass by, such as the one who writes them. Called for every
/// version of every object of ours, also for those that change nothing.
pub trait Observer: Send + Sync {
    /// An object as it is now.
    fn observed(&self, key: &ObjectKey, observed: &Observed<'_>);
    /// An object is gone.
    fn gone(&self, key: &ObjectKey);
}

/// How to watch.
#[derive(Clone)]
pub struct Options {
    /// What to watch.
    pub scope: Scope,
    /// `KUBE_NAMESPACE`.
    pub system_namespace: String,
    /// Who sees statuses.
    pub observer: Option<Arc<dyn Observer>>,
}

/// What a burst of changes left.
#[derive(Debug, Clone)]
pub struct News {
    /// What changed; empty when only what is told of it did.
    pub seen: Vec<Seen>,
    /// What is in force after it.
    pub snapshot: Arc<Snapshot>,
}

/// The watches and what they have found.
pub struct ClusterSource {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What the watches share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something changed.
    changed: Notify,
    /// A kind settled.
    settled: Notify,
    options: Options,
    server: String,
    context: ReadContext,
}

struct State {
    index: ClusterIndex,
    pending: Pending,
    standings: BTreeMap<Kind, Standing>,
    /// Whether there is news that nobody has taken.
    news: bool,
}

/// A way to hand a change to the source from beside its watches.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

impl Feed {
    /// Hands a change on.
    pub fn push(&self, seen: Seen) {
        self.0.update(|state| {
            state.pending.add(seen);
            true
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes who waits for news if the change says that it is one.
    fn update(&self, change: impl FnOnce(&mut State) -> bool) {
        let mut state = self.lock();
        let news = change(&mut state);
        state.news |= news;
        drop(state);
        if news {
            self.changed.notify_one();
        }
    }

    /// Says how the watch of a kind stands; news only if that is another thing than before.
    fn stand(&self, kind: Kind, listed: bool, fault: Option<Fault>) {
        let mut state = self.lock();
        let before = state.standings.entry(kind).or_default();
        let now = before.after(listed, fault);
        if before.is_like(&now) {
            *before = now;
            return;
        }
        if before.fault != now.fault {
            let without = standing::done_without(kind, now.fault.as_ref(), &self.options.scope);
            if let Some(without) = without {
                tracing::info!(%kind, "is not readable with a Role for one namespace: {without}");
            } else if let Some(fault) = &now.fault {
                tracing::warn!(%kind, ?fault, "cannot be read from the API server");
            } else {
                tracing::info!(%kind, "can be read from the API server again");
            }
        }
        *before = now;
        state.news = true;
        drop(state);
        self.changed.notify_one();
        self.settled.notify_waiters();
    }
}

impl ClusterSource {
    /// Starts watching, from nothing.
    pub fn start(cluster: &Cluster, options: Options, stop: &CancellationToken) -> Self {
        let kinds = || Kind::OURS.into_iter().chain([Kind::Namespace]);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                index: ClusterIndex::default(),
                pending: Pending::default(),
                standings: kinds().map(|kind| (kind, Standing::default())).collect(),
                news: false,
            }),
            changed: Notify::new(),
            settled: Notify::new(),
            server: cluster.server.clone(),
            context: ReadContext { default_namespace: options.system_namespace.clone() },
            options,
        });
        let (stop, tasks) = (stop.child_token(), TaskTracker::new());
        for kind in kinds() {
            let task = Box::pin(kind::follow(kind, cluster.client.clone(), Arc::clone(&shared)));
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled_owned(task).await });
        }
        tasks.close();
        Self { shared, stop, tasks }
    }

    /// Waits until every kind has been listed, or refused in a way that only a person can mend.
    /// False when that takes longer than `patience`: the last valid objects are in force then.
    pub async fn synced_within(&self, patience: Duration) -> bool {
        let settled = async {
            loop {
                let next = self.shared.settled.notified();
                tokio::pin!(next);
                // Who comes between the look and the wait is heard too.
                next.as_mut().enable();
                if self.synced() {
                    return;
                }
                next.await;
            }
        };
        tokio::time::timeout(patience, settled).await.is_ok()
    }

    /// Whether every kind has been listed, or refused in a way that only a person can mend.
    pub fn synced(&self) -> bool {
        self.shared.lock().standings.values().all(|standing| standing.settled)
    }

    /// What is in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.lock().index.snapshot()
    }

    /// What keeps the source from being up to date, and what to do about it; empty when all is
    /// well.
    pub fn remarks(&self) -> Vec<String> {
        let state = self.shared.lock();
        standing::remarks(&state.standings, &self.shared.options.scope, &self.shared.server)
    }

    /// Waits for a burst of changes to be over and takes it. May be dropped at any point: what was
    /// not taken comes with the next call.
    pub async fn changed(&self) -> News {
        while !self.shared.lock().news {
            self.shared.changed.notified().await;
        }
        let latest = Instant::now() + LONGEST_BURST;
        loop {
            let quiet = (Instant::now() + QUIET).min(latest);
            let more = tokio::time::timeout_at(quiet, self.shared.changed.notified()).await;
            if more.is_err() || Instant::now() >= latest {
                return self.take();
            }
        }
    }

    /// What has changed since it was asked for last, without waiting.
    pub fn take(&self) -> News {
        let mut state = self.shared.lock();
        state.news = false;
        News { seen: state.pending.take(), snapshot: state.index.snapshot() }
    }

    /// Takes in what the store kept, which stays in force where the API server has told nothing
    /// better; to be called once, before any news are taken. Only what differs from the store is
    /// news then. `read` turns what was kept into an object, if it is still valid.
    pub fn adopt(&self, kept: Vec<StoredObject>, read: impl Fn(StoredObject) -> Option<Object>) {
        self.shared.update(|state| {
            let seen = state.pending.take();
            for seen in state.index.adopt(seen, kept, read) {
                state.pending.add(seen);
            }
            true
        });
    }

    /// A way to hand changes in from beside the watches.
    pub fn feed(&self) -> Feed {
        Feed(Arc::clone(&self.shared))
    }

    /// Ends the watches.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for ClusterSource {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
