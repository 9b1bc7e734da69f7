//! The watch of one kind: lists, follows, judges what comes in and puts it into the index. Never
//! ends by itself: what fails is tried again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams, WatchParams};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Resource};
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::source::Change;

use super::{Backoff, Observed, Scope, Shared, WATCH_SECONDS};
use crate::client::{Fault, resource, within};
use crate::index::{Judged, Received, Seen, judge};

/// Objects of one page of a list, and most that are judged at once.
const PAGE: u32 = 500;
/// Fewer objects than this are not worth another thread.
const FEW: usize = 8;
/// How long the next page of a list may take.
const LIST_PATIENCE: Duration = Duration::from_secs(60);

/// What the watch yields.
enum Step {
    /// A list begins.
    Begin,
    /// An object of the list or of the watch.
    Object(Box<Received>),
    /// The list is complete.
    End,
    /// An object was deleted.
    Gone(ObjectKey),
}

type Steps = BoxStream<'static, Result<Step, watcher::Error>>;

/// Watches a kind for ever.
pub(super) async fn follow(kind: Kind, client: Client, shared: Arc<Shared>) {
    let mut backoff = Backoff::new();
    loop {
        follow_one(kind, &client, &shared, &mut backoff).await;
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Lists and follows, through whatever happens, until only a new list helps.
async fn follow_one(kind: Kind, client: &Client, shared: &Arc<Shared>, backoff: &mut Backoff) {
    let mut steps = steps(kind, client, &shared.options.scope);
    let mut listing = true;
    loop {
        let patience = if listing { LIST_PATIENCE } else { Duration::MAX };
        let next = tokio::time::timeout(patience, batch(&mut steps)).await;
        let Ok((batch, error)) = next else {
            // As from a process that is stopped: the next list goes over a new connection.
            let why = format!("a list did not come within {} s", LIST_PATIENCE.as_secs());
            return shared.stand(kind, false, Some(Fault::Away(why)));
        };
        for step in &batch {
            listing = match step {
                Step::Begin => true,
                Step::End => false,
                _ => listing,
            };
        }
        if !batch.is_empty() {
            take_in(shared, kind, batch).await;
        }
        let Some(error) = error else {
            if !listing {
                backoff.reset();
            }
            continue;
        };
        let fault = Fault::of_watch(&error);
        tracing::debug!(%kind, ?fault, "the watch broke off");
        if fault == Fault::Expired {
            return;
        }
        recover(shared, kind, client, &error, fault, backoff).await;
    }
}

/// Waits after an error until the kind can be read again. Asking for one object tells that, where
/// a watch of a kind that never changes would tell nothing.
async fn recover(
    shared: &Shared,
    kind: Kind,
    client: &Client,
    error: &watcher::Error,
    mut fault: Fault,
    backoff: &mut Backoff,
) {
    let watching = matches!(error, watcher::Error::WatchStartFailed(_));
    // A cut connection is no trouble if the next one works.
    let mut told = matches!(error, watcher::Error::WatchFailed(_));
    loop {
        if !told {
            shared.stand(kind, false, Some(fault));
        }
        told = false;
        tokio::time::sleep(backoff.next()).await;
        match probe(kind, client, &shared.options.scope, watching).await {
            Ok(()) => return shared.stand(kind, false, None),
            Err(now) => fault = now,
        }
    }
}

/// Asks for one object of the kind, or for a moment of watching where that is what failed.
async fn probe(kind: Kind, client: &Client, scope: &Scope, watching: bool) -> Result<(), Fault> {
    let api = objects(kind, client, scope);
    let field = single(kind, scope).map(|name| format!("metadata.name={name}"));
    if watching {
        let mut moment = WatchParams::default().timeout(1);
        moment.field_selector = field;
        return within(api.watch_metadata(&moment, "0")).await.map(drop);
    }
    let mut one = ListParams::default().limit(1);
    one.field_selector = field;
    within(api.list_metadata(&one)).await.map(drop)
}

/// The one object of a cluster-scoped kind that is read with a Role for one namespace.
fn single(kind: Kind, scope: &Scope) -> Option<&str> {
    match (scope, kind) {
        (Scope::Namespace(namespace), Kind::Namespace) => Some(namespace),
        (Scope::Namespace(_), Kind::KubeKumaSettings) => Some("kubekuma"),
        _ => None,
    }
}

fn objects(kind: Kind, client: &Client, scope: &Scope) -> Api<DynamicObject> {
    match scope {
        Scope::Namespace(namespace) if !kind.is_cluster_scoped() => {
            Api::namespaced_with(client.clone(), namespace, &resource(kind))
        }
        _ => Api::all_with(client.clone(), &resource(kind)),
    }
}

fn steps(kind: Kind, client: &Client, scope: &Scope) -> Steps {
    let mut config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
    if let Some(name) = single(kind, scope) {
        config = config.fields(&format!("metadata.name={name}"));
    }
    if kind == Kind::Namespace {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
        return reduced(kind, watcher(api, config), |object| Received::namespace(object.metadata));
    }
    let api = objects(kind, client, scope);
    reduced(kind, watcher(api, config), move |object| Received::custom(kind, object))
}

fn reduced<K: Resource + Send + 'static>(
    kind: Kind,
    events: impl futures_util::Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    reduce: impl Fn(K) -> Received + Send + 'static,
) -> Steps {
    let step = move |event| match event {
        Event::Init => Step::Begin,
        Event::InitDone => Step::End,
        Event::Apply(object) | Event::InitApply(object) => Step::Object(Box::new(reduce(object))),
        Event::Delete(object) => Step::Gone(Received::key(kind, object.meta())),
    };
    events.map(move |event| event.map(&step)).boxed()
}

/// What is there, at least one step or an error. Stops at an error, so that the next try is not
/// begun before its time.
async fn batch(steps: &mut Steps) -> (Vec<Step>, Option<watcher::Error>) {
    let mut batch = Vec::new();
    let mut next = steps.next().await;
    loop {
        match next {
            Some(Ok(step)) => batch.push(step),
            Some(Err(error)) => return (batch, Some(error)),
            None => return (batch, None),
        }
        if batch.len() >= PAGE as usize {
            return (batch, None);
        }
        next = match steps.next().now_or_never() {
            Some(next) => next,
            None => return (batch, None),
        };
    }
}

/// What a step does to the index.
enum Act {
    Begin,
    Apply(Judged),
    End,
    Gone(ObjectKey),
}

/// Judges what came in, and puts it into the index in its order.
async fn take_in(shared: &Arc<Shared>, kind: Kind, batch: Vec<Step>) {
    observe(shared, &batch);
    let acts = judged(shared, batch).await;
    let complete = acts.iter().any(|act| matches!(act, Act::End));
    let mut gone = Vec::new();
    shared.update(|state| {
        let mut news = false;
        for act in acts {
            let seen = match act {
                Act::Begin => {
                    state.index.begin_relist(kind);
                    Vec::new()
                }
                Act::Apply(judged) => state.index.apply(judged).into_iter().collect(),
                Act::End => state.index.finish_relist(kind),
                Act::Gone(key) => state.index.delete(&key).into_iter().collect(),
            };
            news |= !seen.is_empty();
            gone.extend(seen.iter().filter_map(deleted).cloned());
            for seen in seen {
                state.pending.add(seen);
            }
        }
        // One that was deleted and made again meanwhile was seen again already.
        gone.retain(|key| !state.index.holds(key));
        news
    });
    if let Some(observer) = &shared.options.observer {
        for key in &gone {
            observer.gone(key);
        }
    }
    if complete {
        shared.stand(kind, true, None);
    }
}

fn observe(shared: &Shared, batch: &[Step]) {
    let Some(observer) = &shared.options.observer else { return };
    for step in batch {
        if let Step::Object(received) = step
            && received.key.kind != Kind::Namespace
        {
            let Received { uid, generation, status, .. } = &**received;
            let (generation, version) = (*generation, received.version());
            observer.observed(&received.key, &Observed { uid, generation, version, status });
        }
    }
}

fn deleted(seen: &Seen) -> Option<&ObjectKey> {
    match &seen.change {
        Change::Deleted { key } => Some(key),
        _ => None,
    }
}

/// Judges the objects of a batch: a handful here, a page of a list on all processors.
async fn judged(shared: &Arc<Shared>, batch: Vec<Step>) -> Vec<Act> {
    let objects = batch.iter().filter(|step| matches!(step, Step::Object(_))).count();
    if objects <= FEW {
        return batch.into_iter().map(|step| act(shared, step)).collect();
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = batch.len().div_ceil(threads);
    let mut rest = batch.into_iter();
    let parts = std::iter::from_fn(|| {
        let part: Vec<_> = rest.by_ref().take(share).collect();
        (!part.is_empty()).then_some(part)
    });
    let parts = parts.map(|part| {
        let shared = Arc::clone(shared);
        let unjudged: Vec<_> = part.iter().map(unjudged).collect();
        let judging = tokio::task::spawn_blocking(move || {
            part.into_iter().map(|step| act(&shared, step)).collect::<Vec<_>>()
        });
        async move {
            judging.await.unwrap_or_else(|error| {
                tracing::error!(%error, "objects could not be judged; they stay as they were");
                unjudged
            })
        }
    });
    join_all(parts.collect::<Vec<_>>()).await.into_iter().flatten().collect()
}

/// The step without its object, which counts as there and unchanged.
fn unjudged(step: &Step) -> Act {
    match step {
        Step::Begin => Act::Begin,
        Step::End => Act::End,
        Step::Gone(key) => Act::Gone(key.clone()),
        Step::Object(received) => Act::Apply(Judged::kept(received.key.clone())),
    }
}

fn act(shared: &Shared, step: Step) -> Act {
    match step {
        Step::Begin => Act::Begin,
        Step::End => Act::End,
        Step::Gone(key) => Act::Gone(key),
        Step::Object(received) => {
            let held = shared.lock().index.held(&received.key);
            Act::Apply(judge(*received, held.as_ref(), &shared.context))
        }
    }
}
