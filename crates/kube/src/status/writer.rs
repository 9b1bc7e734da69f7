//! The loop that writes statuses: server-side apply of the status subresource, as one field manager,
//! never by force.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use kube::Client;
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::stats::{Counter, Sample, StatKind, Stats};
use kuma_core::time::{Clock, Mono};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::apply::apply;
use super::foreign::{Foreign, without};
use super::plan::Sent;
use super::{Observed, Planner, Rates, Urgency, awaits_result, urgency};
use crate::watch::{Observed as Seen, Observer};

/// How often everything is looked at again: uptime and certificates change without an event.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Changes that follow within this time are looked at together.
const GATHER: Duration = Duration::from_millis(100);
/// How often what summarises monitors is looked at when they change.
const SUMMARISE_EVERY: Duration = Duration::from_secs(1);
/// How many statuses are worked out before others have their turn.
const AT_ONCE: usize = 32;
/// Writes under way at a time.
const IN_FLIGHT: usize = 4;

/// Whoever knows what statuses should say.
pub trait Answers: Send + Sync {
    /// Every object whose status is ours to write.
    fn ours(&self) -> Vec<ObjectKey>;

    /// Whether the status of this one is.
    fn is_ours(&self, key: &ObjectKey) -> bool;

    /// What the status of one of them should say; `before` is what it says.
    fn status(&self, key: &ObjectKey, before: &Value) -> Option<Value>;

    /// How many instances write.
    fn members(&self) -> u64;

    /// A status says something else now; `uid` is that of its object.
    fn written(&self, key: &ObjectKey, uid: &str, before: &Value, after: &Value);
}

/// What is to be looked at.
#[derive(Debug, Default)]
struct Touched {
    keys: BTreeSet<ObjectKey>,
    /// Everything that is no Monitor.
    others: bool,
    everything: bool,
    /// When the first of them was touched.
    since: Option<Mono>,
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

    fn touched(&self) -> MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Mono {
        self.clock.now().mono
    }

    /// The uid of an object that was seen.
    pub fn uid(&self, key: &ObjectKey) -> Option<String> {
        self.planner().uid(key).map(|uid| uid.to_string())
    }

    /// Something changed that the status of an object tells.
    pub fn touch(&self, key: ObjectKey) {
        self.note(|touched| {
            touched.keys.insert(key);
        });
    }

    /// Something changed that is told by objects that are no Monitors.
    pub fn touch_others(&self) {
        self.note(|touched| touched.others = true);
    }

    /// Much changed.
    pub fn touch_all(&self) {
        self.note(|touched| touched.everything = true);
    }

    fn note(&self, change: impl FnOnce(&mut Touched)) {
        let now = self.now();
        let mut touched = self.touched();
        touched.since.get_or_insert(now);
        change(&mut touched);
        drop(touched);
        self.notify.notify_one();
    }

    /// Looks and writes until it is told to stop.
    pub async fn run(&self, answers: Arc<dyn Answers>, stop: CancellationToken) {
        let running = self.rounds(&*answers);
        stop.run_until_cancelled(running).await;
    }

    async fn rounds(&self, answers: &dyn Answers) {
        let mut look_at = self.now();
        let mut summarise_at = None;
        let mut flights: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            let now = self.now();
            if now >= look_at {
                self.touched().everything = true;
                look_at = now + LOOK_EVERY;
            }
            self.look(answers, now, &mut summarise_at).await;
            while flights.len() < IN_FLIGHT {
                let next = self.planner().next(self.now());
                let Some((key, urgency)) = next else { break };
                flights.push(Box::pin(self.write(answers, key, urgency)));
            }
            let gathered = self.touched().since.map(|since| since + GATHER);
            let free = (flights.len() < IN_FLIGHT).then(|| self.planner().wake_at()).flatten();
            let wake = [Some(look_at), gathered, summarise_at, free].into_iter().flatten().min();
            let wait = wake.unwrap_or(look_at).since(self.now()).max(Duration::from_millis(1));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.notify.notified() => {}
                Some(()) = flights.next() => {}
            }
        }
    }

    /// Works out what the touched statuses should say, once they had the time to gather.
    async fn look(&self, answers: &dyn Answers, now: Mono, summarise_at: &mut Option<Mono>) {
        let touched = {
            let mut touched = self.touched();
            let gathering = touched.since.is_some_and(|since| now < since + GATHER);
            if gathering && !touched.everything {
                Touched::default()
            } else {
                std::mem::take(&mut *touched)
            }
        };
        let keys: Vec<ObjectKey> = if touched.everything {
            *summarise_at = None;
            answers.ours()
        } else {
            let of_monitors =
                |key: &ObjectKey| matches!(key.kind, Kind::Monitor | Kind::MonitorSet);
            if touched.others || touched.keys.iter().any(of_monitors) {
                summarise_at.get_or_insert(now + SUMMARISE_EVERY);
            }
            let mut keys: Vec<_> =
                touched.keys.into_iter().filter(|key| answers.is_ours(key)).collect();
            if summarise_at.is_some_and(|at| now >= at) {
                *summarise_at = None;
                let ours = answers.ours().into_iter();
                keys.extend(ours.filter(|key| key.kind != Kind::Monitor));
            }
            keys
        };
        if keys.is_empty() {
            return;
        }
        self.planner().share(Rates::default(), answers.members());
        for some in keys.chunks(AT_ONCE) {
            for key in some {
                self.judge(answers, key, now);
            }
            tokio::task::yield_now().await;
        }
    }

    fn judge(&self, answers: &dyn Answers, key: &ObjectKey, now: Mono) {
        let Some((_, before)) = self.planner().before(key) else { return };
        let Some(after) = answers.status(key, &before) else { return };
        let mut planner = self.planner();
        if awaits_result(&before, &after) {
            return planner.want_with_more(key, now);
        }
        let wanted = difference(&before, after, planner.foreign(key, now)).map(|(it, _)| it);
        planner.want(key, wanted);
    }

    /// Writes one, as it should be by now.
    async fn write(&self, answers: &dyn Answers, key: ObjectKey, urgency: Urgency) {
        let sent = self.send(answers, &key).await;
        let now = self.now();
        self.planner().sent(&key, urgency, sent, now);
    }

    async fn send(&self, answers: &dyn Answers, key: &ObjectKey) -> Sent {
        let before = self.planner().before(key);
        let Some((uid, before)) = before.filter(|_| answers.is_ours(key)) else {
            return Sent::Unneeded;
        };
        let Some(after) = answers.status(key, &before) else { return Sent::Unneeded };
        let after = {
            let planner = self.planner();
            difference(&before, after, planner.foreign(key, self.now()))
        };
        let Some((_, after)) = after else { return Sent::Unneeded };
        let sent = apply(&self.client, key, &uid, &after).await;
        match &sent {
            Sent::Written { status, .. } => {
                self.written.inc();
                answers.written(key, &uid, &before, status);
            }
            Sent::Foreign(fields) => {
                self.yielded.inc();
                let fields: Vec<_> = fields
                    .iter()
                    .map(|field| format!("{} ({})", field.path, field.owner))
                    .collect();
                tracing::warn!(
                    object = %key,
                    fields = fields.join(", "),
                    "fields of a status belong to another field manager and are left to it",
                );
            }
            Sent::Refused | Sent::Forbidden | Sent::Away => self.failed.inc(),
            Sent::Gone(_) | Sent::Unneeded => {}
        }
        sent
    }
}

/// What to write, and how soon; nothing where only fields of other managers differ.
fn difference(before: &Value, after: Value, foreign: &[Foreign]) -> Option<(Urgency, Value)> {
    if foreign.is_empty() {
        return Some((urgency(before, &after)?, after));
    }
    let after = without(after, foreign);
    let urgency = urgency(&without(before.clone(), foreign), &after)?;
    Some((urgency, after))
}

impl Observer for StatusWriter {
    fn observed(&self, key: &ObjectKey, seen: &Seen<'_>) {
        let (uid, version) = (seen.uid.to_owned(), seen.version);
        let observed = Observed { uid, version, status: seen.status.clone() };
        let news = self.planner().observe(key, observed);
        if news {
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
                "Statuses of which some fields were left to another field manager that has them.",
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
