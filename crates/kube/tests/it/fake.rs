//! The server: objects with versions, lists in pages, watches with a history that can be forgotten,
//! updates guarded by version, and refusals on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Plural, namespace, name.
type Key = (String, String, String);

/// A server on a port of its own; stops when it is dropped.
pub(crate) struct Fake {
    world: Arc<World>,
    pub(crate) port: u16,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct World {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    version: u64,
    objects: BTreeMap<Key, Value>,
    history: Vec<(u64, &'static str, Value, Key)>,
    /// Nothing older than this can be watched.
    compacted: u64,
    /// `verb plural` that RBAC refuses.
    forbidden: BTreeSet<String>,
    /// Plurals that are not installed.
    missing: BTreeSet<String>,
    away: bool,
    /// Ends the watches that are open.
    cut: u64,
    /// Names whose status is refused.
    invalid: BTreeSet<String>,
    /// Names of which another manager has `status.lastResult.state`, and says this.
    owned: BTreeMap<String, Value>,
    /// `verb plural[/name]` of every request, with `metadata` where only that was asked for.
    requests: Vec<String>,
}

impl Fake {
    /// Starts it, empty.
    pub(crate) async fn start() -> Self {
        let world = Arc::new(World::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&world));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { world, port, task }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.world.inner.lock().unwrap()
    }

    /// Writes an object as a person would.
    pub(crate) fn put(&self, plural: &str, object: Value) {
        self.inner().put(plural, object);
        self.world.changed.notify_waiters();
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.inner().delete(&(plural.to_owned(), namespace.to_owned(), name.to_owned()));
        self.world.changed.notify_waiters();
    }

    /// An object as it is now.
    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        self.inner().objects.get(&key).cloned()
    }

    /// Refuses a verb on a plural, or stops refusing it.
    pub(crate) fn forbid(&self, verb: &str, plural: &str, forbid: bool) {
        let rule = format!("{verb} {plural}");
        if forbid {
            self.inner().forbidden.insert(rule);
        } else {
            self.inner().forbidden.remove(&rule);
        }
    }

    /// Takes a kind away, or installs it.
    pub(crate) fn uninstall(&self, plural: &str, uninstall: bool) {
        if uninstall {
            self.inner().missing.insert(plural.to_owned());
        } else {
            self.inner().missing.remove(plural);
        }
    }

    /// Ends all watches, and answers nothing useful while `away`.
    pub(crate) fn cut(&self, away: bool) {
        let mut inner = self.inner();
        inner.away = away;
        inner.cut += 1;
        drop(inner);
        self.world.changed.notify_waiters();
    }

    /// Forgets the history.
    pub(crate) fn compact(&self) {
        let mut inner = self.inner();
        inner.history.clear();
        inner.compacted = inner.version;
    }

    /// Refuses the status of objects of this name as one that the schema forbids, or takes it.
    pub(crate) fn refuse(&self, name: &str, refuse: bool) {
        if refuse {
            self.inner().invalid.insert(name.to_owned());
        } else {
            self.inner().invalid.remove(name);
        }
    }

    /// Lets another field manager have `status.lastResult.state` of objects of this name.
    pub(crate) fn own_state(&self, name: &str, value: Value) {
        self.inner().owned.insert(name.to_owned(), value);
    }

    /// What was asked for so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.inner().requests.clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.cut(true);
        self.task.abort();
    }
}

impl Inner {
    fn put(&mut self, plural: &str, mut object: Value) -> Value {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let key = (
            plural.to_owned(),
            text("/metadata/namespace").to_owned(),
            text("/metadata/name").to_owned(),
        );
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let known = self.objects.get(&key).map(|before| before["metadata"]["uid"].clone());
        let new = || format!("uid-{}-{}", key.2, self.version).into();
        object["metadata"]["uid"] = known.unwrap_or_else(new);
        let kind = if self.objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
        self.history.push((self.version, kind, object.clone(), key.clone()));
        self.objects.insert(key, object.clone());
        object
    }

    fn delete(&mut self, key: &Key) {
        let Some(mut object) = self.objects.remove(key) else { return };
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.history.push((self.version, "DELETED", object, key.clone()));
    }
}

/// A request, taken apart.
struct Asked {
    plural: String,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
    query: BTreeMap<String, String>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let mut parts: Vec<_> = request.uri().path().split('/').skip(1).collect();
        // api/v1/… or apis/<group>/<version>/…
        parts.drain(..if parts[0] == "api" { 2 } else { 3 });
        let namespaced = parts.len() > 2 && parts[0] == "namespaces";
        let namespace = namespaced.then(|| parts[1].to_owned());
        if namespaced {
            parts.drain(..2);
        }
        let query = request.uri().query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let part = |index: usize| parts.get(index).map(|part| (*part).to_owned());
        let (name, subresource) = (part(1), part(2));
        Self { plural: part(0).unwrap_or_default(), namespace, name, subresource, query }
    }

    fn concerns(&self, key: &Key) -> bool {
        let name = self.query.get("fieldSelector").and_then(|it| it.strip_prefix("metadata.name="));
        key.0 == self.plural
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == key.1)
            && name.is_none_or(|name| name == key.2)
    }

    fn verb(&self, method: &Method) -> &'static str {
        match (method, &self.name) {
            (&Method::GET, Some(_)) => "get",
            (&Method::GET, None) if self.query.contains_key("watch") => "watch",
            (&Method::GET, None) => "list",
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "update",
            (&Method::PATCH, _) => "patch",
            _ => "delete",
        }
    }
}

async fn answer(State(world): State<Arc<World>>, request: Request) -> Response {
    let asked = Asked::of(&request);
    let verb = asked.verb(request.method());
    let accepts = request.headers().get("accept").map(|it| it.to_str().unwrap().to_owned());
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    {
        let mut inner = world.inner.lock().unwrap();
        if inner.away {
            return status(503, "away");
        }
        let metadata = accepts.is_some_and(|it| it.contains("PartialObjectMetadata"));
        let metadata = if metadata { " metadata" } else { "" };
        let name = asked.name.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        let sub = asked.subresource.as_ref().map(|sub| format!("/{sub}")).unwrap_or_default();
        inner.requests.push(format!("{verb} {}{name}{sub}{metadata}", asked.plural));
        if inner.missing.contains(&asked.plural) {
            return status(404, "the server could not find the requested resource");
        }
        if inner.forbidden.contains(&format!("{verb} {}", asked.plural)) {
            return status(403, "forbidden by RBAC");
        }
    }
    if verb == "watch" {
        return watch(world, asked);
    }
    let answer = act(&mut world.inner.lock().unwrap(), &asked, verb, &body);
    world.changed.notify_waiters();
    answer
}

fn act(inner: &mut Inner, asked: &Asked, verb: &str, body: &Bytes) -> Response {
    let namespace = asked.namespace.clone().unwrap_or_default();
    let key = (asked.plural.clone(), namespace, asked.name.clone().unwrap_or_default());
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    match verb {
        "list" => list(inner, asked),
        "get" => inner.objects.get(&key).map_or_else(|| status(404, "not found"), ok),
        "create" => {
            let name = sent.pointer("/metadata/name").and_then(Value::as_str).unwrap().to_owned();
            if inner.objects.contains_key(&(key.0.clone(), key.1, name)) {
                return status(409, "already exists");
            }
            ok(&inner.put(&key.0, sent))
        }
        "update" => {
            let version = |object: &Value| object.pointer("/metadata/resourceVersion").cloned();
            match inner.objects.get(&key) {
                None => status(404, "not found"),
                Some(now) if version(now) != version(&sent) => status(409, "conflict"),
                Some(_) => ok(&inner.put(&key.0, sent)),
            }
        }
        "patch" if asked.subresource.as_deref() == Some("status") => {
            apply_status(inner, &key, &sent)
        }
        "patch" => {
            let mut sent = sent;
            sent["metadata"]["namespace"] = key.1.into();
            ok(&inner.put(&key.0, sent))
        }
        _ => {
            inner.delete(&key);
            status(200, "deleted")
        }
    }
}

/// Server-side apply of a status, as the API server does it as far as is asked of it here.
fn apply_status(inner: &mut Inner, key: &Key, sent: &Value) -> Response {
    let Some(object) = inner.objects.get(key).cloned() else { return status(404, "not found") };
    let uid = |object: &Value| object.pointer("/metadata/uid").cloned();
    if uid(sent).is_some_and(|sent| Some(sent) != uid(&object)) {
        return status(409, "Precondition failed: UID in precondition");
    }
    if inner.invalid.contains(&key.2) {
        return status(422, "status.lastResult.state: Unsupported value");
    }
    let mut merged = sent["status"].clone();
    if let Some(owned) = inner.owned.get(&key.2) {
        if sent.pointer("/status/lastResult/state").is_some_and(|sent| sent != owned) {
            return conflict(".status.lastResult.state");
        }
        merged["lastResult"]["state"] = owned.clone();
    }
    let same = object.get("status") == Some(&merged);
    let object = Value::Object(
        object
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .chain([("status".into(), merged)])
            .collect(),
    );
    // What changes nothing is no new version.
    ok(&if same { object } else { inner.put(&key.0, object) })
}

fn conflict(field: &str) -> Response {
    let mut response = ok(&json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict",
        "message": "Apply failed with 1 conflict",
        "details": {"causes": [{
            "reason": "FieldManagerConflict", "field": field,
            "message": "conflict with \"somebody\" using monitoring.kubekuma.io/v1",
        }]},
    }));
    *response.status_mut() = StatusCode::CONFLICT;
    response
}

fn list(inner: &Inner, asked: &Asked) -> Response {
    let limit = asked.query.get("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
    let from: usize = asked.query.get("continue").map_or(0, |from| from.parse().unwrap());
    let all: Vec<_> =
        inner.objects.iter().filter(|(key, _)| asked.concerns(key)).map(|(_, it)| it).collect();
    let items: Vec<_> = all.iter().skip(from).take(limit).collect();
    let next = from + items.len();
    let next = if next < all.len() { next.to_string() } else { String::new() };
    ok(&json!({
        "apiVersion": "v1", "kind": "List",
        "metadata": {"resourceVersion": inner.version.to_string(), "continue": next},
        "items": items,
    }))
}

fn watch(world: Arc<World>, asked: Asked) -> Response {
    let from: u64 = asked.query["resourceVersion"].parse().unwrap_or_default();
    let cut = {
        let inner = world.inner.lock().unwrap();
        if from < inner.compacted && from != 0 {
            return status(410, "too old resource version");
        }
        inner.cut
    };
    let events = stream::unfold((world, asked, from), move |(world, asked, mut seen)| async move {
        loop {
            let mut lines = String::new();
            {
                let inner = world.inner.lock().unwrap();
                if inner.cut != cut {
                    return None;
                }
                for (version, kind, object, key) in &inner.history {
                    if *version > seen && asked.concerns(key) {
                        lines += &json!({"type": kind, "object": object}).to_string();
                        lines.push('\n');
                    }
                }
                seen = inner.version;
            }
            if !lines.is_empty() {
                return Some((Ok::<_, Infallible>(Bytes::from(lines)), (world, asked, seen)));
            }
            // Looks again now and then: a wake-up may come between the look and the wait.
            let soon = std::time::Duration::from_millis(20);
            let _ = tokio::time::timeout(soon, world.changed.notified()).await;
        }
    });
    Response::new(Body::from_stream(events))
}

fn ok(value: &Value) -> Response {
    Response::new(Body::from(value.to_string()))
}

fn status(code: u16, message: &str) -> Response {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        _ => "",
    };
    let success = if code < 300 { "Success" } else { "Failure" };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": success, "code": code, "message": message,
        "reason": reason,
    });
    let mut response = ok(&status);
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
