//! A worker with its surroundings: store, clock and catalog that the tests hold in their hands.

use std::sync::Arc;
use std::time::Duration;

use kuma_core::policy::Policy;
use kuma_core::ports::{OutboxRow, Store};
use kuma_core::provider::{Provider, ProviderConfig, WebhookConfig};
use kuma_core::stats::Stats;
use kuma_core::time::Clock;
use kuma_notify::{Deliverer, DelivererConfig, ProviderHealth, Transports};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::kit::{FixedCatalog, ManualClock, MapSecrets, name, provider, text, until};
use crate::memory_store::{MemoryStore, Status};

pub(crate) fn hook(called: &str, url: &str) -> Provider {
    provider(
        called,
        ProviderConfig::Webhook(WebhookConfig {
            url: text(url),
            method: "POST".into(),
            headers: Vec::new(),
            body: None,
            signing_secret: None,
        }),
    )
}

pub(crate) struct Bench {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) worker: Arc<Deliverer>,
    catalog: Arc<FixedCatalog>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: Option<JoinHandle<()>>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Bench {
    pub(crate) fn new(providers: Vec<Provider>, policies: Vec<Policy>) -> Self {
        Self::on(Arc::default(), Arc::default(), FixedCatalog::of(providers, policies))
    }

    fn on(store: Arc<MemoryStore>, clock: Arc<ManualClock>, catalog: Arc<FixedCatalog>) -> Self {
        let config = DelivererConfig {
            store: Arc::clone(&store) as Arc<dyn Store>,
            catalog: Arc::clone(&catalog) as _,
            secrets: Arc::new(MapSecrets::default()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            authority: Arc::new(kuma_core::ports::Alone),
            feedback: None,
        };
        let transports = Transports::with_timeout(Duration::from_secs(5));
        Self {
            store,
            clock,
            worker: Arc::new(Deliverer::with_transports(config, transports)),
            catalog,
            stop: CancellationToken::new(),
            task: None,
        }
    }

    pub(crate) fn start(&mut self) {
        let worker = Arc::clone(&self.worker);
        self.task = Some(tokio::spawn(worker.run(self.stop.clone())));
    }

    /// The process dies: nothing is finished or drained.
    pub(crate) async fn die(mut self) -> Self {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
        Self::on(Arc::clone(&self.store), Arc::clone(&self.clock), Arc::clone(&self.catalog))
    }

    pub(crate) fn enqueue(&self, row: OutboxRow) -> String {
        let key = row.key.clone();
        self.store.enqueue(row, self.clock.now().wall);
        self.worker.wake();
        key
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.worker.wake();
    }

    pub(crate) async fn becomes(&self, key: &str, status: Status) {
        let what = format!("{key} becomes {status:?}");
        until(&what, || self.store.status(key) == status).await;
    }

    pub(crate) async fn attempted(&self, key: &str, attempts: u32) {
        let what = format!("{key} is attempted {attempts} times");
        until(&what, || {
            let row = self.store.row(key);
            row.attempts == attempts && row.status != Status::Sending
        })
        .await;
    }

    pub(crate) fn health(&self, of: &str) -> ProviderHealth {
        let health = self.worker.health();
        health.into_iter().find(|known| known.name == name(of)).unwrap()
    }

    pub(crate) fn number(&self, called: &str) -> String {
        let samples = self.worker.samples();
        let of_name = samples.iter().filter(|sample| sample.name == called);
        of_name.map(|sample| sample.value).sum::<f64>().to_string()
    }
}
