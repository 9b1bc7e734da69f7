//! Kubernetes Events of what happens to monitors, so that `kubectl describe` and `kubectl get events`
//! tell it. They are for people who look: none of them is waited for, and in a storm most are left
//! out and counted; the messages of the alerting go their own way.

mod limit;
mod words;

use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use kuma_core::engine::notice::Notice;
use kuma_core::id::{ObjectKey, ObjectName};
use kuma_core::monitor::{Monitor, MonitorOrigin};
use kuma_core::observation::bounded;
use kuma_core::stats::{Counter, Sample, StatKind, Stats};
use kuma_core::time::{Clock, Timestamp};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::client::{FIELD_MANAGER, resource, within};
use limit::Limiter;
pub use words::{Happened, happened, validity};

/// Events that may wait to be written.
const QUEUE: usize = 256;
/// Longest name and instance, and longest note, in bytes (events.k8s.io/v1).
const LONGEST_NAME: usize = 128;
const LONGEST_NOTE: usize = 1000;
/// Where Events about objects without a namespace are, as kubectl looks for them.
const OF_CLUSTER_SCOPED: &str = "default";

/// Writes Events, each for itself: two outages of one monitor, or of two items of one set, are two.
pub struct EventWriter {
    client: Client,
    instance: String,
    clock: Arc<dyn Clock>,
    limiter: Mutex<Limiter>,
    queue: mpsc::Sender<Event>,
    waiting: Mutex<Option<mpsc::Receiver<Event>>>,
    written: Counter,
    left_out: Counter,
}

impl EventWriter {
    /// Writes nothing before [`Self::run`]. `instance` is how this process is called.
    pub fn new(client: Client, instance: &str, clock: Arc<dyn Clock>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self {
            client,
            instance: bounded(instance.to_owned(), LONGEST_NAME),
            clock,
            limiter: Mutex::default(),
            queue,
            waiting: Mutex::new(Some(waiting)),
            written: Counter::default(),
            left_out: Counter::default(),
        }
    }

    /// Tells what happened to a monitor; `uid` is that of its object, if it was seen.
    pub fn tell(&self, monitor: &Monitor, notice: &Notice, uid: Option<String>) {
        if let Some(happened) = happened(notice) {
            let happened = happened.of(monitor);
            self.tell_of(&object(monitor), &monitor.name, happened, uid);
        }
    }

    /// Tells what happened to an object itself.
    pub fn tell_object(&self, key: &ObjectKey, happened: Happened, uid: Option<String>) {
        self.tell_of(key, &key.name, happened, uid);
    }

    fn tell_of(&self, key: &ObjectKey, whose: &ObjectName, what: Happened, uid: Option<String>) {
        let now = self.clock.now();
        let permitted =
            self.limiter.lock().unwrap_or_else(PoisonError::into_inner).permit(whose, now.mono);
        // A full queue is a storm, or an API server that is away.
        if !permitted || self.queue.try_send(self.event(key, what, uid, now.wall)).is_err() {
            self.left_out.inc();
        }
    }

    fn event(&self, key: &ObjectKey, what: Happened, uid: Option<String>, at: Timestamp) -> Event {
        let regarding = reference(key, uid);
        let namespace = match &*key.name.namespace {
            "" => OF_CLUSTER_SCOPED,
            namespace => namespace,
        };
        // As client-go calls them; two of one object in one nanosecond would be one too many.
        let name = format!("{}.{:x}", key.name.name, at.as_nanosecond());
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(at)),
            type_: Some(if what.is_warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(what.reason.to_owned()),
            note: Some(bounded(what.note, LONGEST_NOTE)),
            action: Some(what.action.to_owned()),
            reporting_controller: Some(FIELD_MANAGER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            regarding: Some(regarding),
            ..Event::default()
        }
    }

    /// Writes until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        while let Some(Some(event)) = stop.run_until_cancelled(waiting.recv()).await {
            let namespace = event.metadata.namespace.as_deref().unwrap_or(OF_CLUSTER_SCOPED);
            let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
            match within(api.create(&PostParams::default(), &event)).await {
                Ok(_) => self.written.inc(),
                Err(fault) => {
                    self.left_out.inc();
                    tracing::debug!(?fault, reason = event.reason, "an Event was not written");
                }
            }
        }
    }
}

/// The object that a monitor is written in.
pub fn object(monitor: &Monitor) -> ObjectKey {
    use kuma_core::id::Kind;
    match &monitor.origin {
        MonitorOrigin::Monitor => ObjectKey { kind: Kind::Monitor, name: monitor.name.clone() },
        MonitorOrigin::Set { set, .. } => ObjectKey {
            kind: Kind::MonitorSet,
            name: ObjectName::new(monitor.name.namespace.clone(), set.as_str()),
        },
    }
}

fn reference(key: &ObjectKey, uid: Option<String>) -> ObjectReference {
    let resource = resource(key.kind);
    ObjectReference {
        api_version: Some(resource.api_version),
        kind: Some(resource.kind),
        name: Some(key.name.name.to_string()),
        namespace: Some(key.name.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
        uid,
        ..ObjectReference::default()
    }
}

impl Stats for EventWriter {
    fn samples(&self) -> Vec<Sample> {
        let sample = |name, help, counter: &Counter| Sample {
            name,
            help,
            kind: StatKind::Counter,
            labels: Vec::new(),
            value: counter.get() as f64,
        };
        vec![
            sample("events_written", "Kubernetes Events written.", &self.written),
            sample(
                "events_left_out",
                "Kubernetes Events left out: too many at once, or the API server did not take them.",
                &self.left_out,
            ),
        ]
    }
}
