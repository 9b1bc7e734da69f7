//! The loop that writes statuses: server-side apply of the status subresource, as one field manager,
//! never by force.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::stats::{Counter, Sample, StatKind, Stats};
use kuma_core::time::Clock;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Observed, Planner, Rates};
use crate::client::{FIELD_MANAGER, Fault, resource, within};
use crate::watch::{Observed as Seen, Observer};

/// How often everything is looked at again: uptime and certificates change without an event.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Changes that follow within this time are looked at together.
const GATHER: Duration = Duration::from_millis(100);
/// How long to wait after the API server did not take a write.
const AGAIN: Duration = Duration::from_secs(2);

/// Whoever knows what statuses should say.
pub trait Answers: Send + Sync {
    /// Every object whose status is ours to write.
    fn ours(&self) -> Vec<ObjectKey>;

    /// What the status of one of them should say; `before` is what it says.
    fn status(&self, key: &ObjectKey, before: &Value) -> Option<Value>;

    /// How many instances write.
    fn members(&self) -> u64;
}

/// What is to be looked at.
#[derive(Debug, Default)]
enum Touched {
    #[default]
    Nothing,
    Some(BTreeSet<ObjectKey>),
    Everything,
}

/// Writes statuses.
pub struct StatusWriter {
    client: Client,
    clock: Arc<dyn Clock>,
    planner: Mutex<Planner>,
    touched: Mutex<Touched>,
    notify: Notify,
    written: Counter,
    failed: Counter,
    yielded: Counter,
}

impl StatusWriter {
    /// Writes nothing before [`Self::run`].
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            clock,
            planner: Mutex::new(Planner::new(Rates::default())),
            touched: Mutex::default(),
            notify: Notify::new(),
            written: Counter::default(),
            failed: Counter::default(),
            yielded: Counter::default(),
        }
    }

    fn planner(&self) -> MutexGuard<'_, Planner> {
        self.planner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The uid of an object that was seen.
    pub fn uid(&self, key: &ObjectKey) -> Option<String> {
        self.planner().uid(key).map(str::to_owned)
    }

    /// Something changed that the status of an object tells.
    pub fn touch(&self, key: ObjectKey) {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *touched {
            Touched::Everything => {}
            Touched::Some(keys) => {
                keys.insert(key);
            }
            nothing @ Touched::Nothing => *nothing = Touched::Some(BTreeSet::from([key])),
        }
        drop(touched);
        self.notify.notify_one();
    }

    /// Much changed.
    pub fn touch_all(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Touched::Everything;
        self.notify.notify_one();
    }

    /// Looks and writes until it is told to stop.
    pub async fn run(&self, answers: Arc<dyn Answers>, stop: CancellationToken) {
        let mut look_at = self.clock.now().mono;
        loop {
            let now = self.clock.now().mono;
            if now >= look_at {
                self.touch_all();
                look_at = now + LOOK_EVERY;
            }
            self.look(&*answers);
            let wake = self.planner().wake_at(now).map_or(look_at, |at| at.min(look_at));
            let wait = wake.since(now).max(Duration::from_millis(1));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                () = self.notify.notified() => tokio::time::sleep(GATHER).await,
            }
            if stop.run_until_cancelled(self.write()).await.is_none() {
                return;
            }
        }
    }

    /// Works out what the touched statuses should say.
    fn look(&self, answers: &dyn Answers) {
        let touched =
            std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner));
        let keys: Vec<ObjectKey> = match touched {
            Touched::Nothing => return,
            Touched::Some(keys) => {
                let ours: BTreeSet<ObjectKey> = answers.ours().into_iter().collect();
                // What summarises monitors changes with them.
                let summaries = ours.iter().filter(|key| key.kind != Kind::Monitor).cloned();
                keys.into_iter().filter(|key| ours.contains(key)).chain(summaries).collect()
            }
            Touched::Everything => answers.ours(),
        };
        self.planner().share(Rates::default(), answers.members());
        for key in keys {
            let Some(before) = self.planner().status(&key).cloned() else { continue };
            if let Some(status) = answers.status(&key, &before) {
                self.planner().desire(&key, status);
            }
        }
    }

    /// Makes every write that may be made now.
    async fn write(&self) {
        loop {
            let now = self.clock.now().mono;
            let Some((key, uid, status)) = self.planner().next(now) else { return };
            match self.apply(&key, &uid, &status).await {
                Ok(()) => {
                    self.written.inc();
                    self.planner().written(&key, status);
                }
                Err(Fault::Missing) => self.planner().forget(&key),
                Err(Fault::Conflict) => {
                    // Another manager has one of the fields, or the object is another one by now.
                    // It is not fought over: the watch brings what there is.
                    self.yielded.inc();
                    self.planner().written(&key, status);
                    tracing::warn!(object = %key, "another writer has the status; it is left as it is");
                }
                Err(fault) => {
                    self.failed.inc();
                    self.planner().again(&key);
                    tracing::debug!(object = %key, ?fault, "a status was not written");
                    return tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn apply(&self, key: &ObjectKey, uid: &str, status: &Value) -> Result<(), Fault> {
        let resource = resource(key.kind);
        let client = self.client.clone();
        let api: Api<DynamicObject> = if key.name.namespace.is_empty() {
            Api::all_with(client, &resource)
        } else {
            Api::namespaced_with(client, &key.name.namespace, &resource)
        };
        let patch = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": &*key.name.name, "uid": uid},
            "status": status,
        });
        let by = PatchParams::apply(FIELD_MANAGER);
        within(api.patch_status(&key.name.name, &by, &Patch::Apply(&patch))).await.map(drop)
    }
}

impl Observer for StatusWriter {
    fn observed(&self, key: &ObjectKey, observed: &Seen<'_>) {
        let uid = observed.uid.to_owned();
        let mut planner = self.planner();
        let new = planner.status(key).is_none();
        planner.observe(key, Observed { uid, status: observed.status.clone() });
        drop(planner);
        if new {
            self.touch(key.clone());
        }
    }

    fn gone(&self, key: &ObjectKey) {
        self.planner().forget(key);
    }
}

impl Stats for StatusWriter {
    fn samples(&self) -> Vec<Sample> {
        let sample =
            |name, help, kind, value| Sample { name, help, kind, labels: Vec::new(), value };
        let counter = |counter: &Counter| counter.get() as f64;
        vec![
            sample(
                "status_writes",
                "Statuses written to the API server.",
                StatKind::Counter,
                counter(&self.written),
            ),
            sample(
                "status_writes_failed",
                "Statuses that the API server did not take; they are written again.",
                StatKind::Counter,
                counter(&self.failed),
            ),
            sample(
                "status_writes_yielded",
                "Statuses left to another writer that has their fields.",
                StatKind::Counter,
                counter(&self.yielded),
            ),
            sample(
                "status_writes_waiting",
                "Statuses that wait to be written.",
                StatKind::Gauge,
                self.planner().waiting() as f64,
            ),
        ]
    }
}
