//! One list and the watch after it, again and again: what the API server says, put into the state.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use kube::Error;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::{Request, Resource as _};
use kuma_core::check::kubernetes::{ObjectKind, ObjectsError};
use kuma_core::time::Mono;
use serde::Deserialize;
use serde_json::Value;

use super::plan::Scope;
use super::resources::Resource;
use super::state::{Changed, MOST_OBJECTS, too_many};
use super::{Feed, World};

/// Objects of one page of a list.
const PAGE: u32 = 500;

/// How long one question may take until its answer begins, or a page of a list until it is there.
const ANSWER: Duration = Duration::from_secs(30);

/// How long the API server keeps a watch, in seconds.
const WATCH_SECONDS: u32 = 290;

/// Longest silence of a watch before it is begun anew. The API server sends a bookmark about every
/// minute.
const SILENCE: Duration = Duration::from_secs(90);

/// First and longest wait after something went wrong.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Why a watch ends.
enum End {
    /// The list has to be read again; nothing is wrong.
    Relist,
    /// The API server, or the way to it.
    Broken(String),
    /// There is nothing to be known until somebody mends it.
    Refused(ObjectsError),
}

/// Where the objects of a scope are.
struct Place {
    url: String,
    resource: Resource,
    namespace: Option<String>,
}

/// Lists and watches for ever.
pub(super) async fn run(world: Arc<World>, feed: Arc<Feed>) {
    let mut follower = Follower { world, feed, heard: Mono::default(), failures: 0 };
    loop {
        let end = follower.follow().await;
        follower.pause(end).await;
    }
}

struct Follower {
    world: Arc<World>,
    feed: Arc<Feed>,
    /// When the API server last said something about these objects.
    heard: Mono,
    failures: u32,
}

impl Follower {
    async fn follow(&mut self) -> End {
        match self.try_follow().await {
            Ok(end) | Err(end) => end,
        }
    }

    /// A list, then watches from there as long as they follow on each other.
    async fn try_follow(&mut self) -> Result<End, End> {
        let world = Arc::clone(&self.world);
        let (place, mut version) = {
            // Closed only with the world itself.
            let _turn = world.lists.acquire().await.map_err(|_| End::Relist)?;
            let place = self.place().await?;
            let version = self.list(&place).await?;
            (place, version)
        };
        loop {
            let began = self.world.clock.mono();
            version = self.watch(&place, &version).await?;
            // Whatever ends watches as soon as they begin is not asked without a pause.
            if self.world.clock.mono().since(began) < WAITS.0 {
                tokio::time::sleep(WAITS.0).await;
            }
        }
    }

    async fn place(&self) -> Result<Place, End> {
        let scope = &self.feed.scope;
        let resource = within(self.world.resources.of(&scope.kind)).await?;
        let Some(resource) = resource else {
            return Err(End::Refused(ObjectsError::UnknownKind(scope.kind.clone())));
        };
        if !resource.namespaced && !scope.cluster_scoped {
            return Err(End::Refused(ObjectsError::ClusterScoped(scope.kind.kind.clone())));
        }
        let namespace = resource.namespaced.then(|| scope.namespace.clone());
        let url = DynamicObject::url_path(&resource.api, namespace.as_deref());
        Ok(Place { url, resource, namespace })
    }

    /// Reads all there is, page by page; returns the version from which to watch.
    async fn list(&mut self, place: &Place) -> Result<String, End> {
        let scope = &self.feed.scope;
        let mut objects = BTreeMap::new();
        let mut next = None;
        loop {
            let parameters = ListParams {
                label_selector: scope.labels(),
                field_selector: scope.fields(),
                limit: Some(PAGE),
                continue_token: next,
                ..ListParams::default()
            };
            let request = Request::new(place.url.as_str()).list(&parameters);
            let request = request.map_err(|error| End::Broken(error.to_string()))?;
            let page: Page = match within(self.world.client.request(request)).await {
                Ok(page) => page,
                Err(end) => return Err(self.judged(place, end)),
            };
            for mut object in page.items {
                tidy(&mut object, &scope.kind);
                if let Some(name) = name(&object).filter(|name| scope.keeps(name)) {
                    objects.insert(name, Arc::new(object));
                }
            }
            if objects.len() > MOST_OBJECTS {
                return Err(End::Refused(too_many(scope)));
            }
            next = page.metadata.next.filter(|token| !token.is_empty());
            if next.is_none() {
                self.alive();
                self.feed.update(&self.world, |state| state.replace(objects));
                return Ok(page.metadata.resource_version);
            }
        }
    }

    /// Watches from a version until the API server ends it; returns the version reached.
    async fn watch(&mut self, place: &Place, from: &str) -> Result<String, End> {
        let scope = &self.feed.scope;
        let parameters = WatchParams {
            label_selector: scope.labels(),
            field_selector: scope.fields(),
            timeout: Some(WATCH_SECONDS),
            ..WatchParams::default()
        };
        let request = Request::new(place.url.as_str()).watch(&parameters, from);
        let request = request.map_err(|error| End::Broken(error.to_string()))?;
        let events = match within(self.world.client.request_events::<Value>(request)).await {
            Ok(events) => events,
            Err(end) => return Err(self.judged(place, end)),
        };
        let mut events = pin!(events);
        let mut version = from.to_owned();
        self.alive();
        let feed = Arc::clone(&self.feed);
        feed.update(&self.world, super::state::State::alive);
        loop {
            let event = match tokio::time::timeout(SILENCE, events.try_next()).await {
                // A connection that may be dead; if the API server is there, nothing was lost.
                Err(_) => return Ok(version),
                // Until now it would have told.
                Ok(Ok(None)) => {
                    self.alive();
                    return Ok(version);
                }
                Ok(Ok(Some(event))) => event,
                Ok(Err(error)) => {
                    self.alive();
                    return Err(self.judged(place, failed(&error)));
                }
            };
            self.alive();
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    version = version_of(&object).unwrap_or(version);
                    self.put(object);
                    if feed.state.borrow().is_refused() {
                        return Err(End::Refused(too_many(&feed.scope)));
                    }
                }
                WatchEvent::Deleted(object) => {
                    version = version_of(&object).unwrap_or(version);
                    if let Some(name) = name(&object) {
                        feed.update(&self.world, |state| state.remove(&name));
                    }
                }
                WatchEvent::Bookmark(mark) => version = mark.metadata.resource_version,
                WatchEvent::Error(status) => {
                    return Err(self.judged(place, failed(&Error::Api(status))));
                }
            }
        }
    }

    fn put(&self, mut object: Value) {
        let scope = &self.feed.scope;
        tidy(&mut object, &scope.kind);
        if let Some(name) = name(&object).filter(|name| scope.keeps(name)) {
            self.feed.update(&self.world, |state| state.put(scope, name, object));
        }
    }

    fn alive(&mut self) {
        self.heard = self.world.clock.mono();
        self.failures = 0;
    }

    /// What a failed question means for these objects.
    fn judged(&self, place: &Place, failure: Failure) -> End {
        let api = &place.resource.api;
        match failure {
            Failure::Status(403, _) => End::Refused(ObjectsError::Forbidden {
                group: api.group.clone(),
                resource: api.plural.clone(),
                namespace: place.namespace.clone(),
            }),
            // The version is too old to go on from.
            Failure::Status(410, _) => End::Relist,
            Failure::Status(404, why) => {
                self.world.resources.forget(&self.feed.scope.kind);
                End::Broken(why)
            }
            Failure::Status(_, why) | Failure::Other(why) => End::Broken(why),
        }
    }

    /// Puts the end into the state and waits as long as it is worth.
    async fn pause(&mut self, end: End) {
        let scope = &self.feed.scope;
        let change: Box<dyn FnOnce(&mut super::state::State) -> Changed + Send> = match end {
            End::Relist => return tokio::time::sleep(WAITS.0).await,
            End::Broken(why) => {
                tracing::debug!(objects = %scope, why, "a watch of objects broke");
                let since = self.heard;
                Box::new(move |state| state.broke(since, why))
            }
            End::Refused(error) => {
                tracing::debug!(objects = %scope, %error, "objects cannot be watched");
                self.failures = u32::MAX;
                Box::new(move |state| state.refuse(error))
            }
        };
        self.feed.update(&self.world, change);
        let wait = wait(scope, self.failures);
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(wait).await;
    }
}

/// How a question failed.
enum Failure {
    /// The API server said so.
    Status(u16, String),
    /// It said nothing, or nothing that can be read.
    Other(String),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Status(_, why) | Failure::Other(why) => Self::Broken(why),
        }
    }
}

/// Asks, and waits for the answer no longer than is sensible.
async fn within<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER, question).await {
        Ok(answer) => answer.map_err(|error| failed(&error)),
        Err(_) => Err(Failure::Other(format!("no answer after {} s", ANSWER.as_secs()))),
    }
}

fn failed(error: &Error) -> Failure {
    match error {
        Error::Api(status) => Failure::Status(status.code, told(error)),
        _ => Failure::Other(told(error)),
    }
}

/// An error in words, with its causes.
pub(super) fn told(error: &Error) -> String {
    if let Error::Api(status) = error {
        return format!("{} ({})", status.message, status.code);
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        let deeper_text = deeper.to_string();
        if !text.contains(&deeper_text) {
            text = format!("{text}: {deeper_text}");
        }
        cause = deeper.source();
    }
    text
}

/// How long to wait after so many failures in a row: longer each time, and not all watches
/// together.
fn wait(scope: &Scope, failures: u32) -> Duration {
    let mut hasher = DefaultHasher::new();
    (&scope.kind.kind, &scope.namespace, scope.fields(), scope.labels(), failures)
        .hash(&mut hasher);
    // Between three and five quarters of it.
    let quarters = 750 + hasher.finish() % 500;
    let (first, longest) = WAITS;
    let wait = first.saturating_mul(1 << failures.min(5)).min(longest);
    wait * u32::try_from(quarters).unwrap_or(1000) / 1000
}

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default)]
    items: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

fn name(object: &Value) -> Option<String> {
    object["metadata"]["name"].as_str().map(str::to_owned)
}

fn version_of(object: &Value) -> Option<String> {
    object["metadata"]["resourceVersion"].as_str().map(str::to_owned)
}

/// Adds what items of lists leave out, and takes away what is large and says nothing about an
/// object being well, or changes without anything else.
fn tidy(object: &mut Value, kind: &ObjectKind) {
    const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let Some(object) = object.as_object_mut() else {
        return;
    };
    object.insert("apiVersion".to_owned(), kind.api_version().into());
    object.insert("kind".to_owned(), kind.kind.clone().into());
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    metadata.remove("managedFields");
    metadata.remove("resourceVersion");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
}
