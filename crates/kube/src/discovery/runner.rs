//! Discovery at work: on the coordinator, again whenever something has changed, with writes one by
//! one and few a second.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kuma_core::catalog::{Catalog, CatalogSource};
use kuma_core::stats::{Counter, Sample, StatKind, Stats};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::assemble::{Input, discover};
use super::known::known;
use super::suggestion::Discovery;
use super::wanted;
use super::writing::{plan_monitors, written};
use crate::owned::{Plan, WriteError, Writer};
use crate::surroundings::{Resource, Surroundings, View};

/// How often is looked whether something has changed. What changes meanwhile is looked at together.
const TICK: Duration = Duration::from_secs(1);
/// Longest look that is waited for nine times over.
const LONGEST_LOOK: Duration = Duration::from_secs(3);
/// Least time between two writes.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// Most writes before what to write is worked out again.
const BATCH: usize = 25;
/// Looks between two attempts while the API server cannot be written to.
const AGAIN_SOON: u32 = 5;
/// Looks between two attempts at what somebody has to mend first; they wait for it when they have.
const AGAIN_LATER: u32 = 30;

/// Whether this instance does what is not per monitor, and knows all objects. Asked before each
/// write.
pub trait Coordinating: Send + Sync {
    /// Whether it does now.
    fn coordinates(&self) -> bool;
}

impl<F: Fn() -> bool + Send + Sync> Coordinating for F {
    fn coordinates(&self) -> bool {
        self()
    }
}

/// What discovery knows, as the API shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Suggestions, what was left out, what people should mend.
    #[serde(flatten)]
    pub discovery: Discovery,
    /// Whether suggestions are to be shown (`behavior.showSuggestionsInUi`).
    pub shown: bool,
    /// How many Monitors discovery has written.
    pub written: usize,
    /// What keeps discovery from looking or writing.
    pub remarks: Vec<String>,
    /// Whether this instance is the one that looks; the others know nothing.
    pub coordinator: bool,
}

/// Discovery.
pub struct Discoverer {
    surroundings: Arc<Surroundings>,
    catalog: Arc<dyn CatalogSource>,
    coordinating: Arc<dyn Coordinating>,
    own_service: Arc<str>,
    writer: Writer,
    report: Mutex<Arc<Report>>,
    changed: Notify,
    writes: Counter,
    failures: Counter,
}

/// What one look at everything found, and what is to be written.
struct Look {
    report: Report,
    plan: Plan,
}

/// What a look is about; the same again finds the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    surroundings: u64,
    catalog: u64,
}

impl Discoverer {
    /// Does nothing before [`Self::run`]. `own_service` is the name of KubeKuma's own Service.
    pub fn new(
        client: Client,
        surroundings: Arc<Surroundings>,
        catalog: Arc<dyn CatalogSource>,
        coordinating: Arc<dyn Coordinating>,
        own_service: &str,
    ) -> Arc<Self> {
        Arc::new(Self {
            surroundings,
            catalog,
            coordinating,
            own_service: own_service.into(),
            writer: Writer::new(client),
            report: Mutex::default(),
            changed: Notify::new(),
            writes: Counter::default(),
            failures: Counter::default(),
        })
    }

    /// What discovery knows now.
    pub fn report(&self) -> Arc<Report> {
        Arc::clone(&self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is something new to be known. For one caller.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Looks and writes until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut seen = None;
        let mut wait = 0_u32;
        let mut rest = Duration::ZERO;
        while stop.run_until_cancelled(tokio::time::sleep(TICK.max(rest))).await.is_some() {
            rest = Duration::ZERO;
            if !self.coordinating.coordinates() {
                self.surroundings.want("discovery", BTreeSet::new());
                self.publish(Report::default());
                seen = None;
                continue;
            }
            let catalog = self.catalog.current();
            self.surroundings.want("discovery", wanted(&catalog.settings.discovery));
            let now = Seen { surroundings: self.surroundings.version(), catalog: catalog.version };
            wait = wait.saturating_sub(1);
            if seen == Some(now) && wait != 1 {
                continue;
            }
            seen = Some(now);
            let begun = Instant::now();
            let looked = self.look(catalog).await;
            // Where a look takes long, at most a tenth of the time goes into looking.
            rest = begun.elapsed().min(LONGEST_LOOK) * 9;
            let Some(plan) = looked else { continue };
            wait = match self.write(&plan, &stop).await {
                None => 0,
                Some(error) => {
                    self.remark(&error);
                    if error.is_passing() { AGAIN_SOON } else { AGAIN_LATER }
                }
            };
        }
        self.surroundings.want("discovery", BTreeSet::new());
    }

    /// Looks at everything, publishes what it shows, and says what is to be written.
    async fn look(&self, catalog: Arc<Catalog>) -> Option<Plan> {
        let view = self.surroundings.view();
        let before = self.report();
        // Ten thousand objects take a while to read.
        let own_service = Arc::clone(&self.own_service);
        let looked = move || look(&catalog, &view, &before.discovery, &own_service);
        let Ok(look) = tokio::task::spawn_blocking(looked).await else {
            tracing::error!("discovery ended in a panic; it goes on when something changes");
            return None;
        };
        self.publish(look.report);
        Some(look.plan)
    }

    /// Adds what kept us from writing to what is known.
    fn remark(&self, error: &WriteError) {
        let mut report = (*self.report()).clone();
        report.remarks.push(error.to_string());
        self.publish(report);
    }

    /// Carries out the beginning of a plan. What is left shows at the next look, since writes change
    /// what is seen. Ends at the first failure that concerns everything; reports the last one.
    async fn write(&self, plan: &Plan, stop: &CancellationToken) -> Option<WriteError> {
        let mut failure = None;
        for write in plan.writes.iter().take(BATCH) {
            let pause = stop.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await;
            if pause.is_none() || !self.coordinating.coordinates() {
                return failure;
            }
            match self.writer.perform(write).await {
                Ok(()) => {
                    self.writes.inc();
                    tracing::info!(target = %write.target(), "discovery wrote a Monitor");
                }
                Err(error) => {
                    self.failures.inc();
                    tracing::warn!(%error, "discovery could not write a Monitor");
                    let general =
                        matches!(error, WriteError::Away { .. } | WriteError::Forbidden { .. });
                    failure = Some(error);
                    if general {
                        return failure;
                    }
                }
            }
        }
        failure
    }

    fn publish(&self, report: Report) {
        let mut held = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if **held != report {
            *held = Arc::new(report);
            self.changed.notify_one();
        }
    }
}

/// Looks at everything. Pure.
fn look(catalog: &Catalog, view: &View, before: &Discovery, own_service: &str) -> Look {
    let settings = &catalog.settings.discovery;
    let known = known(catalog);
    let discovery = discover(Input {
        view,
        settings,
        min_interval: catalog.settings.scheduler.min_interval,
        known: &known,
        isolated: catalog.settings.tenancy_isolated,
        system_namespace: &catalog.system_namespace,
        own_service,
        before: Some(before),
    });
    let looked_at: BTreeSet<Resource> = wanted(settings);
    let plan = if settings.enabled && settings.write_crds {
        plan_monitors(&discovery, view, &known, &looked_at)
    } else {
        Plan::default()
    };
    let mut remarks = view.remarks_about(&looked_at);
    remarks.extend(plan.clashes.iter().map(|clash| {
        format!("{} is somebody else's, so discovery does not write it", clash.target)
    }));
    let report = Report {
        discovery,
        shown: settings.show_suggestions,
        written: written(view).len(),
        remarks,
        coordinator: true,
    };
    Look { report, plan }
}

impl Stats for Discoverer {
    fn samples(&self) -> Vec<Sample> {
        let report = self.report();
        let sample =
            |name, help, kind, value: f64| Sample { name, help, kind, labels: Vec::new(), value };
        let open = report.discovery.suggestions.iter().filter(|it| !it.written).count();
        vec![
            sample(
                "discovery_suggestions",
                "Targets that discovery found and no monitor checks.",
                StatKind::Gauge,
                open as f64,
            ),
            sample(
                "discovery_writes",
                "Monitors that discovery created, changed or deleted.",
                StatKind::Counter,
                self.writes.get() as f64,
            ),
            sample(
                "discovery_write_failures",
                "Writes of discovery that the API server did not take.",
                StatKind::Counter,
                self.failures.get() as f64,
            ),
        ]
    }
}
