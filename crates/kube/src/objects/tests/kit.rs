//! An API server of one kind of objects, as far as lists and watches go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::StatusCode;
use kube::Client;
use kuma_core::check::kubernetes::{ObjectChoice, ObjectKind, ObjectQuery};
use kuma_core::time::{Clock, Mono, Now, Timestamp};
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// Tokio's clock, which the tests turn.
pub(super) struct TokioClock(tokio::time::Instant);

impl TokioClock {
    pub(super) fn start() -> Arc<Self> {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let nanos = u64::try_from(self.0.elapsed().as_nanos()).unwrap();
        Now { mono: Mono(nanos), wall: Timestamp::UNIX_EPOCH }
    }
}

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// As it should.
    Well,
    /// With this status to lists and watches.
    Says(u16),
    /// Not at all.
    Silent,
}

/// The API server.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    at: Mutex<At>,
    events: broadcast::Sender<Value>,
}

struct At {
    mood: Mood,
    version: u64,
    objects: BTreeMap<String, Value>,
    asked: Vec<String>,
}

impl Api {
    pub(super) fn new() -> Self {
        let at = At { mood: Mood::Well, version: 1, objects: BTreeMap::new(), asked: Vec::new() };
        Self(Arc::new(Inner { at: Mutex::new(at), events: broadcast::Sender::new(64) }))
    }

    pub(super) fn client(&self) -> Client {
        let router = Router::new().fallback(answer).with_state(self.clone());
        Client::new(router, "shop")
    }

    /// What lists and watches were asked, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.at.lock().unwrap().asked.clone()
    }

    pub(super) fn mood(&self, mood: Mood) {
        self.0.at.lock().unwrap().mood = mood;
    }

    /// Ends every watch with an event of this kind: an error, or what cannot be read.
    pub(super) fn shout(&self, event: Value) {
        let _ = self.0.events.send(event);
    }

    /// Creates or changes an object.
    pub(super) fn apply(&self, name: &str, ready: u32) {
        let mut at = self.0.at.lock().unwrap();
        at.version += 1;
        let object = json!({
            "metadata": {"name": name, "resourceVersion": at.version.to_string(), "managedFields": [{}]},
            "spec": {"replicas": 3},
            "status": {"availableReplicas": ready},
        });
        let known = at.objects.insert(name.to_owned(), object.clone()).is_some();
        let kind = if known { "MODIFIED" } else { "ADDED" };
        self.shout(json!({"type": kind, "object": object}));
    }

    pub(super) fn delete(&self, name: &str) {
        let mut at = self.0.at.lock().unwrap();
        at.version += 1;
        let mut object = at.objects.remove(name).unwrap();
        object["metadata"]["resourceVersion"] = at.version.to_string().into();
        self.shout(json!({"type": "DELETED", "object": object}));
    }

    fn page(&self, query: &str) -> Value {
        let at = self.0.at.lock().unwrap();
        let pairs: BTreeMap<String, String> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let wanted = pairs.get("fieldSelector").map(|text| text.replace("metadata.name=", ""));
        let from: usize = pairs.get("continue").map_or(0, |token| token.parse().unwrap());
        let limit: usize = pairs["limit"].parse().unwrap();
        let all: Vec<&Value> = at
            .objects
            .iter()
            .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == *name))
            .map(|(_, object)| object)
            .collect();
        let page: Vec<_> = all.iter().skip(from).take(limit).collect();
        let next = (from + limit < all.len()).then(|| (from + limit).to_string());
        json!({"metadata": {"resourceVersion": at.version.to_string(), "continue": next}, "items": page})
    }
}

async fn answer(State(api): State<Api>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let is_objects = path.ends_with("/deployments");
    let mood = {
        let mut at = api.0.at.lock().unwrap();
        if is_objects {
            at.asked.push(if query.contains("watch=true") { "watch" } else { "list" }.to_owned());
        }
        at.mood
    };
    match mood {
        Mood::Silent => return std::future::pending().await,
        Mood::Says(code) if is_objects => {
            let status = StatusCode::from_u16(code).unwrap();
            let body = json!({"kind": "Status", "status": "Failure", "message": "no", "reason": "no", "code": code});
            return (status, axum::Json(body)).into_response();
        }
        Mood::Says(_) | Mood::Well => {}
    }
    match path.as_str() {
        "/version" => axum::Json(json!({"major": "1", "minor": "36", "gitVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})).into_response(),
        "/apis/apps/v1" => axum::Json(json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "", "namespaced": true, "kind": "Deployment", "verbs": ["list", "watch"]},
            {"name": "clusterthings", "singularName": "", "namespaced": false, "kind": "ClusterThing", "verbs": ["list", "watch"]},
        ]})).into_response(),
        _ if !is_objects => {
            let body = json!({"kind": "Status", "status": "Failure", "message": "not found", "reason": "NotFound", "code": 404});
            (StatusCode::NOT_FOUND, axum::Json(body)).into_response()
        }
        _ if query.contains("watch=true") => {
            let events = api.0.events.subscribe();
            let lines = futures_util::stream::unfold(events, |mut events| async {
                let event = events.recv().await.ok()?;
                Some((Ok::<_, std::convert::Infallible>(format!("{event}\n")), events))
            });
            Response::new(Body::from_stream(lines.boxed()))
        }
        _ => axum::Json(api.page(&query)).into_response(),
    }
}

/// A query for a Deployment.
pub(super) fn deployment(name: &str) -> ObjectQuery {
    ObjectQuery {
        kind: ObjectKind::new("apps", "v1", "Deployment"),
        namespace: "shop".to_owned(),
        which: ObjectChoice::Name(name.to_owned()),
        cluster_scoped: true,
    }
}
