//! Kubernetes Events of what happens to monitors, so that `kubectl describe` and `kubectl get events`
//! tell it. They are for people who look: none of them is waited for, and in a storm most are left
//! out and counted; the messages of the alerting go their own way.

mod limit;
mod words;

use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, Recorder, Reporter};
use kuma_core::engine::notice::Notice;
use kuma_core::id::{ObjectKey, ObjectName};
use kuma_core::monitor::{Monitor, MonitorOrigin};
use kuma_core::stats::{Counter, Sample, StatKind, Stats};
use kuma_core::time::Clock;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::client::{FIELD_MANAGER, resource, within};
use limit::Limiter;
pub use words::{Happened, happened};

/// Events that may wait to be written.
const QUEUE: usize = 256;

/// Writes Events.
pub struct EventWriter {
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    limiter: Mutex<Limiter>,
    queue: mpsc::Sender<(Event, ObjectReference)>,
    waiting: Mutex<Option<mpsc::Receiver<(Event, ObjectReference)>>>,
    written: Counter,
    left_out: Counter,
}

impl EventWriter {
    /// Writes nothing before [`Self::run`]. `instance` is how this process is called.
    pub fn new(client: Client, instance: &str, clock: Arc<dyn Clock>) -> Self {
        let reporter =
            Reporter { controller: FIELD_MANAGER.to_owned(), instance: Some(instance.to_owned()) };
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self {
            recorder: Recorder::new(client, reporter),
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
        let Some(happened) = happened(notice) else { return };
        let key = object(monitor);
        let now = self.clock.now().mono;
        let permitted =
            self.limiter.lock().unwrap_or_else(PoisonError::into_inner).permit(&monitor.name, now);
        let event = happened.event(monitor);
        // A full queue is a storm, or an API server that is away.
        if !permitted || self.queue.try_send((event, reference(&key, uid))).is_err() {
            self.left_out.inc();
        }
    }

    /// Writes until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        while let Some(Some((event, about))) = stop.run_until_cancelled(waiting.recv()).await {
            match within(self.recorder.publish(&event, &about)).await {
                Ok(()) => self.written.inc(),
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
        namespace: Some(key.name.namespace.to_string()),
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
