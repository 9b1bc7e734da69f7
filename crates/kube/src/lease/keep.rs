//! Reads and writes the Lease that elects, as [`super::elect`] says.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use kuma_core::time::{Clock, Mono, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::elect::{Elector, Record, Step};
use super::{LEASE_NAME, Terms};
use crate::client::{Cluster, FIELD_MANAGER, Fault, within_time};

/// How long one request may take: several fit into the time that a Lease lasts.
const PATIENCE: Duration = Duration::from_secs(3);
/// How soon to look again after another wrote first.
const AFTER_CONFLICT: Duration = Duration::from_millis(100);

/// How the election stands for this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// It may not open the database yet, and why.
    Waiting {
        /// For people: who has the Lease, or what keeps it from being read.
        why: String,
    },
    /// It may.
    Held {
        /// What keeps the Lease from being renewed, if anything does. No reason to stop.
        trouble: Option<String>,
    },
    /// Another has taken it: stop writing at once, then end. It does not come back.
    Lost {
        /// Who has it.
        to: String,
    },
    /// It was given back.
    Released,
}

/// Takes part in the election until it is released.
pub struct LeaseKeeper {
    state: watch::Receiver<LeaseState>,
    release: CancellationToken,
    task: JoinHandle<()>,
}

impl LeaseKeeper {
    /// Begins. `identity` must be another one at each start of a process.
    pub fn start(
        cluster: &Cluster,
        namespace: &str,
        identity: &str,
        terms: Terms,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let waiting = LeaseState::Waiting { why: "the Lease was not read yet".to_owned() };
        let (sender, state) = watch::channel(waiting);
        let release = CancellationToken::new();
        let keeping = Keeping {
            api: Api::namespaced(cluster.client.clone(), namespace),
            namespace: namespace.to_owned(),
            identity: identity.to_owned(),
            elector: Elector::new(identity, terms),
            terms,
            clock,
            state: sender,
            written: None,
        };
        let task = tokio::spawn(keeping.run(release.clone()));
        Self { state, release, task }
    }

    /// How it stands, now and later.
    pub fn state(&self) -> watch::Receiver<LeaseState> {
        self.state.clone()
    }

    /// Gives the Lease back, so that another need not wait for it to expire. Call it when the
    /// database is closed. Takes no longer than one request may.
    pub async fn release(self) {
        self.release.cancel();
        if let Err(error) = self.task.await {
            error!(%error, "the Lease could not be released");
        }
    }
}

struct Keeping {
    api: Api<Lease>,
    namespace: String,
    identity: String,
    elector: Elector,
    terms: Terms,
    clock: Arc<dyn Clock>,
    state: watch::Sender<LeaseState>,
    /// The Lease as we wrote it last.
    written: Option<Lease>,
}

impl Keeping {
    async fn run(mut self, release: CancellationToken) {
        loop {
            // What was begun is not cut off: an answer that is not heard is a Lease not known of.
            let until = self.turn().await;
            let Some(until) = until else { return };
            let wait = until.since(self.clock.mono());
            if release.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                self.give_back().await;
                return;
            }
        }
    }

    /// Looks, acts, and says when to look again; none when there is nothing more to do.
    async fn turn(&mut self) -> Option<Mono> {
        let lease = match within_time(PATIENCE, self.api.get(LEASE_NAME)).await {
            Ok(lease) => Some(lease),
            Err(Fault::Missing) => None,
            Err(fault) => return Some(self.failed("read", &fault)),
        };
        let now = self.clock.mono();
        let record = lease.as_ref().map(record);
        match self.elector.observe(record.as_ref(), now) {
            Step::Wait(until) => {
                if !self.elector.holds() {
                    let holder = record.and_then(|record| record.holder).unwrap_or_default();
                    let why = format!("{holder} holds the Lease {}/{LEASE_NAME}", self.namespace);
                    self.say(LeaseState::Waiting { why });
                }
                Some(until)
            }
            Step::Acquire { transitions } => Some(self.write(lease, Some(transitions)).await),
            Step::Renew => Some(self.write(lease, None).await),
            Step::Lost { to } => {
                error!(to, "the Lease was taken by another process; this one stops");
                self.say(LeaseState::Lost { to });
                None
            }
        }
    }

    /// Writes us into the Lease, over exactly what was read. `taking` is the number of changes of
    /// hands if it is not ours yet.
    async fn write(&mut self, over: Option<Lease>, taking: Option<i32>) -> Mono {
        let wall = MicroTime(self.clock.now().wall);
        let exists = over.is_some();
        let mut lease = over.unwrap_or_default();
        let spec = lease.spec.get_or_insert_default();
        if let Some(transitions) = taking {
            spec.lease_transitions = Some(transitions);
            spec.acquire_time = Some(wall.clone());
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = i32::try_from(self.terms.duration.as_secs()).ok();
        spec.renew_time = Some(wall);
        lease.metadata = ObjectMeta {
            name: Some(LEASE_NAME.to_owned()),
            namespace: Some(self.namespace.clone()),
            managed_fields: None,
            ..lease.metadata
        };
        match self.put(&lease, exists).await {
            Ok(written) => {
                let now = self.clock.mono();
                if !self.elector.holds() {
                    info!(identity = self.identity, "holds the Lease");
                }
                self.elector.written(now);
                self.written = Some(written);
                self.say(LeaseState::Held { trouble: None });
                now + self.terms.renew
            }
            Err(Fault::Conflict | Fault::Missing) => {
                debug!("another wrote the Lease first");
                self.clock.mono() + AFTER_CONFLICT
            }
            Err(fault) => self.failed("write", &fault),
        }
    }

    async fn put(&self, lease: &Lease, exists: bool) -> Result<Lease, Fault> {
        let ours =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        if exists {
            within_time(PATIENCE, self.api.replace(LEASE_NAME, &ours, lease)).await
        } else {
            within_time(PATIENCE, self.api.create(&ours, lease)).await
        }
    }

    /// A request told nothing: says so, and when to try again.
    fn failed(&self, what: &str, fault: &Fault) -> Mono {
        let why = self.words(what, fault);
        let state = if self.elector.holds() {
            LeaseState::Held { trouble: Some(why) }
        } else {
            LeaseState::Waiting { why }
        };
        if *self.state.borrow() != state {
            warn!(?state, "the Lease cannot be reached");
        }
        self.say(state);
        self.elector.retry_at(self.clock.mono())
    }

    fn words(&self, what: &str, fault: &Fault) -> String {
        let namespace = &self.namespace;
        match fault {
            Fault::Forbidden => format!(
                "RBAC forbids to {what} the Lease {namespace}/{LEASE_NAME}: add the rule \
                 {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, \
                 update]}} to the Role of KubeKuma's ServiceAccount in namespace {namespace}"
            ),
            Fault::Missing => format!(
                "the Lease {namespace}/{LEASE_NAME} cannot be written: there is no namespace \
                 {namespace}; set KUBE_NAMESPACE to the one that KubeKuma runs in"
            ),
            Fault::Away(why) => {
                format!("cannot {what} the Lease {namespace}/{LEASE_NAME}: {why}")
            }
            Fault::Conflict | Fault::Expired => {
                format!("cannot {what} the Lease {namespace}/{LEASE_NAME} now")
            }
        }
    }

    fn say(&self, state: LeaseState) {
        self.state.send_if_modified(|before| {
            let other = *before != state;
            *before = state;
            other
        });
    }

    async fn give_back(&mut self) {
        if let Some(mut lease) = self.written.take().filter(|_| self.elector.holds()) {
            let spec = lease.spec.get_or_insert_default();
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(self.clock.now().wall));
            lease.metadata.managed_fields = None;
            match self.put(&lease, true).await {
                Ok(_) => info!("gave the Lease back"),
                Err(fault) => warn!(?fault, "the Lease was not given back; it expires"),
            }
        }
        self.say(LeaseState::Released);
    }
}

/// What a Lease says.
fn record(lease: &Lease) -> Record {
    let empty = LeaseSpec::default();
    let spec = lease.spec.as_ref().unwrap_or(&empty);
    let time = |time: &Option<MicroTime>| -> Option<Timestamp> { time.as_ref().map(|it| it.0) };
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Record {
        holder: spec.holder_identity.clone(),
        renewed: time(&spec.renew_time),
        acquired: time(&spec.acquire_time),
        duration: seconds.map_or_else(|| Terms::default().duration, Duration::from_secs),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}
