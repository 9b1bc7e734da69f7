//! The worker that carries the outbox to its end: claim, render, freeze, send, record. What is
//! claimed together is frozen together, and ends are recorded while the next ones are sent.
//!
//! Driven by wake-ups: the shell calls [`Deliverer::wake`] when it has enqueued, and otherwise the
//! worker sleeps until the next row is due. Only the heads of streams are claimed, so that an up
//! never overtakes its down; a provider that hangs fills its own lane and delays nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use kuma_core::catalog::CatalogSource;
use kuma_core::engine::announce::DeliveryFeedback;
use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{Authority, Store};
use kuma_core::secret::SecretSource;
use kuma_core::stats::{Sample, Stats};
use kuma_core::time::{Clock, Timestamp, between};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::channel::Transports;
use attempt::Ended;
use lanes::Lanes;

mod attempt;
mod direct;
mod egress;
mod health;
mod lanes;
mod numbers;
mod renewal;
mod trial;
mod verification;

pub use health::ProviderHealth;

/// Rows taken from the store at a time.
const CLAIM_LIMIT: u32 = 64;
/// How long running sends may take after a stop.
const DRAIN: Duration = Duration::from_secs(10);
/// The wait when rows are due that cannot be claimed now, and after trouble with the store.
const FLOOR: Duration = Duration::from_secs(1);
/// The longest sleep: rows are due by the wall clock, which may jump.
const NAP: Duration = Duration::from_secs(30);

/// Sends, and the recording of their ends.
type Running = JoinSet<Option<Ended>>;

/// What a [`Deliverer`] works with.
pub struct DelivererConfig {
    /// Outbox.
    pub store: Arc<dyn Store>,
    /// Providers and policies.
    pub catalog: Arc<dyn CatalogSource>,
    /// Secrets of providers.
    pub secrets: Arc<dyn SecretSource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Whether anything may be sent now, and in whose name rows are written.
    pub authority: Arc<dyn Authority>,
    /// Hears of what the engine must know: another provider was told instead.
    pub feedback: Option<Feedback>,
}

/// Takes feedback about a monitor's message; must not block.
pub type Feedback = Arc<dyn Fn(MonitorId, DeliveryFeedback) + Send + Sync>;

/// Delivers what the outbox holds.
///
/// # Guarantees
/// Every claimed row ends sent, retried or dead. Delivery is at least once: a repeat is possible
/// only for a row whose worker died between freezing and recording, and it says so.
pub struct Deliverer {
    config: DelivererConfig,
    transports: egress::ByRules,
    notify: Notify,
    health: health::Board,
    numbers: numbers::Numbers,
    pauses: Mutex<HashMap<ObjectName, Timestamp>>,
    direct: direct::Direct,
    verifications: verification::Verifications,
}

impl Deliverer {
    /// A worker that does nothing until [`Self::run`].
    pub fn new(config: DelivererConfig) -> Self {
        Self::with_transports(config, Transports::default())
    }

    /// Like [`Self::new`], with other limits or more trusted roots.
    pub fn with_transports(config: DelivererConfig, transports: Transports) -> Self {
        Self {
            config,
            transports: egress::ByRules::new(transports),
            notify: Notify::new(),
            health: health::Board::default(),
            numbers: numbers::Numbers::default(),
            pauses: Mutex::default(),
            direct: direct::Direct::default(),
            verifications: verification::Verifications::default(),
        }
    }

    /// Says that rows were enqueued, or that a provider or the clock changed.
    pub fn wake(&self) {
        self.notify.notify_one();
    }

    /// How the providers that were used are, by name.
    pub fn health(&self) -> Vec<ProviderHealth> {
        self.health.all()
    }

    /// Works until `stop`, then gives running sends ten seconds. Rows that were claimed and not
    /// sent stay `sending` and are given out again at the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if !self.recover(&stop).await {
            return;
        }
        let mut lanes = Lanes::default();
        let mut running = JoinSet::new();
        let mut renewing = JoinSet::new();
        renewing.spawn(Arc::clone(&self).renew_often(stop.clone()));
        let mut look = true;
        let mut wait = Instant::now();
        while !stop.is_cancelled() {
            if look {
                wait = Instant::now() + self.fill(&mut lanes, &mut running).await.unwrap_or(NAP);
            }
            self.start(&mut lanes, &mut running);
            look = tokio::select! {
                () = stop.cancelled() => break,
                () = self.notify.notified() => true,
                Some(done) = running.join_next_with_id(), if !running.is_empty() => {
                    self.settle(&mut lanes, &mut running, done)
                }
                () = tokio::time::sleep_until(wait) => true,
            };
            while let Some(done) = running.try_join_next_with_id() {
                look |= self.settle(&mut lanes, &mut running, done);
            }
        }
        let drained = async {
            while let Some(done) = running.join_next_with_id().await {
                self.settle(&mut lanes, &mut running, done);
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(left = running.len(), "sends were cut short by the stop");
        }
        running.abort_all();
    }

    /// Makes what a dead process left `sending` due again. False when stopped meanwhile.
    async fn recover(&self, stop: &CancellationToken) -> bool {
        loop {
            match self.try_recover().await {
                Ok(recovered) => {
                    if recovered > 0 {
                        tracing::info!(recovered, "messages of an earlier process are sent again");
                    }
                    return true;
                }
                Err(error) => tracing::warn!(%error, "the outbox cannot be read yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(FLOOR) => {}
            }
        }
    }

    async fn try_recover(&self) -> Result<u64, kuma_core::ports::StoreError> {
        let recovered = self.config.store.recover_sending(self.wall()).await?;
        let pauses = self.config.store.provider_pauses().await?;
        self.pauses().extend(pauses);
        Ok(recovered)
    }

    /// Claims and starts as much as there is room for. Says after how long to look again; none
    /// when only a wake-up or a finished send can change anything.
    async fn fill(self: &Arc<Self>, lanes: &mut Lanes, running: &mut Running) -> Option<Duration> {
        loop {
            if !self.config.authority.may_act() {
                return Some(FLOOR);
            }
            self.start(lanes, running);
            if lanes.is_full() {
                return None;
            }
            let now = self.wall();
            let mut busy = lanes.busy();
            busy.extend(self.paused(now));
            match self.config.store.claim(now, &busy, CLAIM_LIMIT).await {
                Ok(claims) if claims.is_empty() => return self.until_due(now).await,
                Ok(claims) => {
                    let prepared = join_all(claims.into_iter().map(|claim| self.prepare(claim)));
                    prepared.await.into_iter().for_each(|claim| lanes.push(claim));
                }
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read");
                    return Some(FLOOR);
                }
            }
        }
    }

    /// Starts as many of the waiting sends as may run.
    fn start(self: &Arc<Self>, lanes: &mut Lanes, running: &mut Running) {
        while let Some((lane, claim)) = lanes.next() {
            let worker = Arc::clone(self);
            let task = running.spawn(async move { worker.deliver(claim).await });
            lanes.started(task.id(), lane);
        }
    }

    /// Takes note of a task's end. A send makes room for the next one of its provider at once,
    /// while its end is recorded beside it; only with that recorded there may be more to claim,
    /// and then it returns true.
    fn settle(
        self: &Arc<Self>,
        lanes: &mut Lanes,
        running: &mut Running,
        done: Result<(Id, Option<Ended>), JoinError>,
    ) -> bool {
        match done {
            Ok((id, Some(ended))) => {
                lanes.finished(id);
                let worker = Arc::clone(self);
                running.spawn(async move {
                    worker.record(ended).await;
                    None
                });
                return false;
            }
            Ok((id, None)) => lanes.finished(id),
            Err(error) => {
                tracing::error!(%error, "a delivery ended in a bug; its message stays `sending`");
                lanes.finished(error.id());
            }
        }
        true
    }

    /// When the next row is due. A row that is due and was not claimed belongs to a busy or paused
    /// provider: the floor looks again, should nothing wake the worker before.
    async fn until_due(&self, now: Timestamp) -> Option<Duration> {
        match self.config.store.next_due().await {
            Ok(None) => None,
            Ok(Some(at)) if at > now => Some(between(now, at).min(NAP)),
            Ok(Some(_)) | Err(_) => Some(FLOOR),
        }
    }

    fn wall(&self) -> Timestamp {
        self.config.clock.now().wall
    }

    fn pauses(&self) -> MutexGuard<'_, HashMap<ObjectName, Timestamp>> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paused_until(&self, provider: &ObjectName, now: Timestamp) -> Option<Timestamp> {
        self.pauses().get(provider).copied().filter(|until| *until > now)
    }

    /// Providers that asked to be left alone and still are.
    fn paused(&self, now: Timestamp) -> Vec<ObjectName> {
        let mut pauses = self.pauses();
        pauses.retain(|_, until| *until > now);
        pauses.keys().cloned().collect()
    }
}

impl Stats for Deliverer {
    fn samples(&self) -> Vec<Sample> {
        let mut samples = self.numbers.samples();
        let catalog = self.config.catalog.current();
        for known in self.health.all() {
            if let Some(provider) = catalog.providers.get(&known.name) {
                samples.push(numbers::of_health(provider, known.healthy));
            }
        }
        samples
    }
}
