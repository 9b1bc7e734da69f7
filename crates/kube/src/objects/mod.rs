//! The objects that `kubernetes` monitors look at, kept by watches instead of asked for.
//!
//! Guarantees: exactly what [`ObjectWatches::sync`] was last told is watched, and what several
//! monitors look at is watched once; what cannot be true any more is not handed out: when a watch
//! has been broken for a minute the answer is that nothing is known.
//!
//! Assumptions: one reader of [`ObjectWatches::changed`].
//!
//! `plan` says which watches there are, `state` what one of them knows, both pure; `follow` is the
//! list and the watch behind it, `pulse` whether the API server answers at all.

mod changes;
mod follow;
mod plan;
mod pulse;
mod resources;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kube::Client;
use kuma_core::check::kubernetes::{ClusterObjects, ObjectQuery, ObjectsError};
use kuma_core::stats::{Sample, StatKind, Stats};
use kuma_core::time::Clock;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use changes::Changes;
use plan::Scope;
use pulse::Pulse;
use resources::Resources;
use state::State;

/// How long somebody who looks waits for the first list.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many lists are read at the same time.
const LISTS_AT_ONCE: usize = 8;

/// Objects of a cluster, kept by watches. Dropping it stops them.
pub struct ObjectWatches {
    world: Arc<World>,
    feeds: Mutex<BTreeMap<Scope, Running>>,
    by_query: watch::Sender<HashMap<ObjectQuery, Arc<Feed>>>,
    _pulse: AbortOnDropHandle<()>,
}

/// What all watches share.
struct World {
    client: Client,
    clock: Arc<dyn Clock>,
    resources: Resources,
    lists: Semaphore,
    changes: Changes,
    pulse: Pulse,
}

/// What one watch knows, and for whom.
struct Feed {
    scope: Scope,
    queries: Mutex<BTreeSet<ObjectQuery>>,
    state: watch::Sender<State>,
}

/// A feed and the task that fills it.
struct Running {
    feed: Arc<Feed>,
    _task: AbortOnDropHandle<()>,
}

impl ObjectWatches {
    /// Watches nothing yet. Needs a runtime to run in.
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        let world = Arc::new(World {
            resources: Resources::new(client.clone()),
            client,
            clock,
            lists: Semaphore::new(LISTS_AT_ONCE),
            changes: Changes::default(),
            pulse: Pulse::default(),
        });
        let pulse = tokio::spawn(pulse::run(Arc::clone(&world)));
        Self {
            world,
            feeds: Mutex::default(),
            by_query: watch::Sender::new(HashMap::new()),
            _pulse: AbortOnDropHandle::new(pulse),
        }
    }

    /// Says what monitors look at now (`Catalog::object_queries`). Watches of what is new begin,
    /// those that nobody needs any more end, the others are not disturbed.
    pub fn sync(&self, queries: &BTreeSet<ObjectQuery>) {
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = BTreeMap::new();
        for (scope, queries) in plan::plan(queries) {
            let running = feeds.remove(&scope).unwrap_or_else(|| self.start(scope.clone()));
            *running.feed.queries.lock().unwrap_or_else(PoisonError::into_inner) = queries;
            kept.insert(scope, running);
        }
        let mut by_query = HashMap::new();
        for running in kept.values() {
            let queries = running.feed.queries.lock().unwrap_or_else(PoisonError::into_inner);
            by_query.extend(queries.iter().map(|it| (it.clone(), Arc::clone(&running.feed))));
        }
        *feeds = kept;
        self.world.pulse.wanted(!by_query.is_empty());
        self.by_query.send_replace(by_query);
    }

    /// The queries whose objects changed since this was last asked, as soon as there are some, and
    /// at most once a second: monitors that look at them should run now. Cancelling it loses
    /// nothing.
    pub async fn changed(&self) -> BTreeSet<ObjectQuery> {
        self.world.changes.next().await
    }

    fn start(&self, scope: Scope) -> Running {
        let feed = Arc::new(Feed {
            scope,
            queries: Mutex::default(),
            state: watch::Sender::new(State::default()),
        });
        let task = tokio::spawn(follow::run(Arc::clone(&self.world), Arc::clone(&feed)));
        Running { feed, _task: AbortOnDropHandle::new(task) }
    }

    async fn answer(&self, query: &ObjectQuery) -> Result<Vec<Arc<Value>>, ObjectsError> {
        let deadline = Instant::now() + PATIENCE;
        let mut known = self.by_query.subscribe();
        loop {
            let feed = known.borrow_and_update().get(query).cloned();
            let Some(feed) = feed else {
                if tokio::time::timeout_at(deadline, known.changed()).await.is_err() {
                    return Err(ObjectsError::NotSynced(query.to_string()));
                }
                continue;
            };
            let now = self.world.clock.mono();
            if let Some(why) = self.world.pulse.silent(now) {
                return Err(ObjectsError::Unavailable { what: query.to_string(), why });
            }
            let mut state = feed.state.subscribe();
            let found = state.borrow_and_update().look(query, now);
            if let Some(found) = found {
                return found;
            }
            tokio::select! {
                _ = state.changed() => {}
                _ = known.changed() => {}
                () = tokio::time::sleep_until(deadline) => {
                    return Err(feed.state.borrow().not_yet(query));
                }
            }
        }
    }
}

impl ClusterObjects for ObjectWatches {
    fn look<'a>(
        &'a self,
        query: &'a ObjectQuery,
    ) -> BoxFuture<'a, Result<Vec<Arc<Value>>, ObjectsError>> {
        self.answer(query).boxed()
    }
}

impl Feed {
    /// Changes what is known, and tells whoever looks and whoever runs monitors.
    fn update(&self, world: &World, change: impl FnOnce(&mut State) -> state::Changed) {
        let mut changed = state::Changed::Nothing;
        self.state.send_if_modified(|state| {
            changed = change(state);
            !matches!(changed, state::Changed::Nothing)
        });
        let queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        world.changes.add(queries.iter().filter(|query| changed.concerns(query)));
    }
}

impl Stats for ObjectWatches {
    fn samples(&self) -> Vec<Sample> {
        let feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        let mut standing = BTreeMap::from(state::STANDINGS.map(|name| (name, 0_u32)));
        let mut objects = 0;
        for running in feeds.values() {
            let state = running.feed.state.borrow();
            *standing.entry(state.standing()).or_default() += 1;
            objects += state.len();
        }
        let gauge =
            |name, help, labels, value| Sample { name, help, kind: StatKind::Gauge, labels, value };
        let mut samples: Vec<Sample> = standing
            .into_iter()
            .map(|(name, count)| {
                let labels = vec![("state", name.to_owned())];
                let help = "Watches of objects that kubernetes monitors look at.";
                gauge("object_watches", help, labels, f64::from(count))
            })
            .collect();
        let help = "Objects kept in memory for kubernetes monitors.";
        samples.push(gauge("objects_watched", help, Vec::new(), objects as f64));
        samples
    }
}
