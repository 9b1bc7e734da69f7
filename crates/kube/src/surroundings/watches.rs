//! The watches behind [`super::Shelf`]: one for each resource that somebody wants, and none else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use kube::api::{DynamicObject, ListParams};
use kube::runtime::watcher;
use kube::{Api, Client};
use kuma_core::id::ObjectName;
use tokio::task::AbortHandle;

use super::{Found, Resource, Shelf};
use crate::owned::LABEL;
use crate::rights::Rule;
use crate::watch::Backoff;

/// Objects that a page of a list holds; bounds memory while a list is read.
const PAGE: u32 = 500;

/// What stands around our own objects, as far as somebody wants to know.
pub struct Surroundings {
    client: Client,
    /// The one namespace that is looked at; none is all of them.
    namespace: Option<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who wants what.
    wishes: BTreeMap<&'static str, BTreeSet<Resource>>,
    watches: BTreeMap<Resource, Watch>,
    /// Counts watches that began and ended.
    changes: u64,
}

struct Watch {
    shelf: Arc<Mutex<Shelf>>,
    task: AbortHandle,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is known at one moment.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The objects of each resource that is watched.
    pub objects: BTreeMap<Resource, BTreeMap<ObjectName, Arc<Found>>>,
    /// The resources of which all objects are known.
    pub complete: BTreeSet<Resource>,
    /// What keeps us from looking at a resource, and what to do about it.
    pub remarks: BTreeMap<Resource, String>,
}

impl View {
    /// The objects of a resource.
    pub fn of(&self, resource: Resource) -> impl Iterator<Item = &Arc<Found>> {
        self.objects.get(&resource).into_iter().flat_map(BTreeMap::values)
    }

    /// What keeps us from looking at some resources.
    pub fn remarks_about(&self, resources: &BTreeSet<Resource>) -> Vec<String> {
        let about = self.remarks.iter().filter(|(resource, _)| resources.contains(resource));
        about.map(|(_, remark)| remark.clone()).collect()
    }

    /// One object.
    pub fn get(&self, resource: Resource, name: &ObjectName) -> Option<&Arc<Found>> {
        self.objects.get(&resource)?.get(name)
    }
}

impl Surroundings {
    /// Looks at nothing yet. With a namespace at nothing outside it.
    pub fn new(client: Client, namespace: Option<String>) -> Arc<Self> {
        Arc::new(Self { client, namespace, state: Mutex::default() })
    }

    /// The namespace that is looked at; none is all of them.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Says what somebody wants to know from now on, in place of what they said before. Watches that
    /// nobody wants end.
    pub fn want(&self, who: &'static str, resources: BTreeSet<Resource>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.wishes.insert(who, resources);
        let wanted: BTreeSet<Resource> = state.wishes.values().flatten().copied().collect();
        let before = state.watches.len();
        state.watches.retain(|resource, _| wanted.contains(resource));
        let ended = before - state.watches.len();
        let mut begun = 0;
        for resource in wanted {
            state.watches.entry(resource).or_insert_with(|| {
                begun += 1;
                self.watch(resource)
            });
        }
        state.changes += u64::try_from(ended + begun).unwrap_or_default();
    }

    fn watch(&self, resource: Resource) -> Watch {
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let api = self.api(resource);
        let scope = self.namespace.clone();
        let task = tokio::spawn(follow(resource, scope, api, Arc::clone(&shelf))).abort_handle();
        Watch { shelf, task }
    }

    /// Goes up with every change of what [`Self::view`] shows.
    pub fn version(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let shelves = state.watches.values().map(|watch| lock(&watch.shelf).version());
        // A watch that ends takes its count with it; one that begins starts at nothing.
        state.changes.wrapping_mul(1 << 40).wrapping_add(shelves.sum::<u64>())
    }

    /// The resources of which there are objects that carry our label with a writer's name. Whoever
    /// stopped while something of theirs was there finds it again; what may not be looked at or does
    /// not exist holds nothing.
    pub async fn left_by(&self, writer: &str, resources: &[Resource]) -> BTreeSet<Resource> {
        let mut left = BTreeSet::new();
        for resource in resources {
            let parameters = ListParams::default().labels(&format!("{LABEL}={writer}")).limit(1);
            if self
                .api(*resource)
                .list_metadata(&parameters)
                .await
                .is_ok_and(|it| !it.items.is_empty())
            {
                left.insert(*resource);
            }
        }
        left
    }

    fn api(&self, resource: Resource) -> Api<DynamicObject> {
        let client = self.client.clone();
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource.api()),
            None => Api::all_with(client, &resource.api()),
        }
    }

    /// What is known now.
    pub fn view(&self) -> View {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = View::default();
        for (resource, watch) in &state.watches {
            let shelf = lock(&watch.shelf);
            view.objects.insert(*resource, shelf.objects().clone());
            if shelf.is_complete() {
                view.complete.insert(*resource);
            }
            view.remarks.extend(shelf.remark().map(|remark| (*resource, remark.to_owned())));
        }
        view
    }
}

fn lock(shelf: &Mutex<Shelf>) -> std::sync::MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a shelf up with the API server until it is aborted. The watcher lists anew after a 410 and
/// tries again, ever more slowly, while the server is away.
async fn follow(
    resource: Resource,
    scope: Option<String>,
    api: Api<DynamicObject>,
    shelf: Arc<Mutex<Shelf>>,
) {
    let config = watcher::Config::default().page_size(PAGE);
    // Of Monitors only those that discovery wrote; what they say is in the catalog.
    let config = if resource == Resource::Monitor { config.labels(LABEL) } else { config };
    let mut events = watcher(api, config).boxed();
    let mut backoff = Backoff::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                // The beginning of a list is no success: it comes before the API server is asked.
                if !matches!(event, watcher::Event::Init) {
                    backoff.reset();
                }
                lock(&shelf).apply(reduced(resource, event));
            }
            Err(error) => {
                let (what, refused) = explain(resource, scope.as_deref(), &error);
                tracing::debug!(resource = resource.plural(), %error, "a watch does not get on");
                lock(&shelf).trouble(what, refused);
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

fn reduced(
    resource: Resource,
    event: watcher::Event<DynamicObject>,
) -> watcher::Event<Option<Found>> {
    use watcher::Event;
    let read = |object: DynamicObject| {
        Found::read(resource, &serde_json::to_value(&object).unwrap_or_default())
    };
    match event {
        Event::Apply(object) => Event::Apply(read(object)),
        Event::Delete(object) => Event::Delete(read(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(read(object)),
        Event::InitDone => Event::InitDone,
    }
}

/// What an error means to somebody who can do something about it, and whether it is the API server's
/// answer that there is nothing for us here.
fn explain(resource: Resource, scope: Option<&str>, error: &watcher::Error) -> (String, bool) {
    use watcher::Error;
    let code = match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status))
        | Error::WatchError(status) => status.code,
        _ => 0,
    };
    let (plural, group) = (resource.plural(), resource.group());
    match code {
        401 | 403 => {
            let role = scope.map_or_else(
                || "the ClusterRole of KubeKuma".to_owned(),
                |namespace| format!("the Role of KubeKuma in {namespace}"),
            );
            (
                format!("{plural} may not be watched; add to {role}: {}", Rule::to_watch(resource)),
                true,
            )
        }
        404 if group.starts_with("gateway.") => (
            format!(
                "the cluster has no {plural} of {group}/v1; install the CRDs of the Gateway API, or take gatewayapi out of use"
            ),
            true,
        ),
        404 => (format!("the cluster has no {plural} of {}", resource.api_version()), true),
        // It names addresses and ports of the API server; the log has it.
        _ => (
            format!("{plural} cannot be watched now; what was seen last is used until it goes on"),
            false,
        ),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16) -> watcher::Error {
        let status = Status { code, ..Status::failure("no", "Forbidden") };
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn a_refusal_names_the_rule_that_is_missing() {
        let (what, refusal) = explain(Resource::Ingress, None, &refused(403));
        assert_eq!(
            what,
            "ingresses may not be watched; add to the ClusterRole of KubeKuma: \
             {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list, watch]}"
        );
        assert!(refusal);
        let (what, _) = explain(Resource::Service, Some("shop"), &refused(403));
        assert!(what.contains("the Role of KubeKuma in shop"), "{what}");
    }

    #[test]
    fn a_missing_gateway_api_is_no_outage() {
        let (what, refusal) = explain(Resource::HttpRoute, None, &refused(404));
        assert!(what.contains("install the CRDs of the Gateway API") && refusal, "{what}");
        let (what, refusal) = explain(Resource::HttpRoute, None, &refused(503));
        assert!(what.contains("what was seen last is used") && !refusal, "{what}");
    }
}
