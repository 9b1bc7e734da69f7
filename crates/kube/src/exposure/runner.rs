//! Exposure at work: on the coordinator, again whenever something has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kuma_core::catalog::CatalogSource;
use kuma_core::id::ObjectName;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::options::Options;
use super::standing::{Reason, Standing};
use super::{MADE, WRITER, expose, made, wanted};
use crate::discovery::Coordinating;
use crate::owned::{Plan, Target, WriteError, Writer};
use crate::surroundings::{Resource, Surroundings};

/// How often is looked whether something has changed.
const TICK: Duration = Duration::from_secs(1);
/// Least time between two writes.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// Most writes before what to write is worked out again.
const BATCH: usize = 25;
/// Looks between two attempts while the API server cannot be written to.
const AGAIN_SOON: u32 = 5;
/// Looks between two attempts at what somebody has to mend first; they wait for it when they have.
const AGAIN_LATER: u32 = 30;

/// What exposure knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExposureReport {
    /// How each page stands that says how it is exposed.
    pub standings: BTreeMap<ObjectName, Standing>,
    /// What keeps exposure from looking or writing.
    pub remarks: Vec<String>,
}

impl ExposureReport {
    /// The same with what could not be written: its page says why, since nobody reads remarks.
    fn with(mut self, failures: &[(Target, WriteError)]) -> Self {
        for (target, error) in failures {
            self.remarks.push(error.to_string());
            let waiting = self.standings.iter_mut().find(|(page, standing)| {
                standing.reason == Reason::Pending && made::name(page) == target.name
            });
            if let Some((_, standing)) = waiting {
                standing.message = kuma_core::observation::bounded(error.to_string(), 1024);
            }
        }
        self
    }
}

/// Exposure.
pub struct Exposer {
    surroundings: Arc<Surroundings>,
    catalog: Arc<dyn CatalogSource>,
    coordinating: Arc<dyn Coordinating>,
    options: Options,
    writer: Writer,
    report: Mutex<Arc<ExposureReport>>,
    changed: Notify,
}

impl Exposer {
    /// Does nothing before [`Self::run`].
    pub fn new(
        client: Client,
        surroundings: Arc<Surroundings>,
        catalog: Arc<dyn CatalogSource>,
        coordinating: Arc<dyn Coordinating>,
        options: Options,
    ) -> Arc<Self> {
        Arc::new(Self {
            surroundings,
            catalog,
            coordinating,
            options,
            writer: Writer::new(client),
            report: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// What exposure knows now.
    pub fn report(&self) -> Arc<ExposureReport> {
        Arc::clone(&self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is something new to be known. For one caller.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Looks and writes until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut seen = None;
        let mut left: Option<BTreeSet<Resource>> = None;
        let mut wait = 0_u32;
        let mut failures = Vec::new();
        while stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_some() {
            if !self.coordinating.coordinates() {
                self.surroundings.want("exposure", BTreeSet::new());
                self.publish(ExposureReport::default());
                (seen, left) = (None, None);
                continue;
            }
            let catalog = self.catalog.current();
            let mut resources = wanted(&catalog);
            // What was made while pages were different is found again, and goes.
            let left = match &mut left {
                Some(left) => left,
                None => left.insert(self.surroundings.left_by(WRITER, &MADE).await),
            };
            left.extend(resources.iter().filter(|resource| MADE.contains(resource)));
            resources.extend(left.iter());
            self.surroundings.want("exposure", resources.clone());
            let now = (self.surroundings.version(), catalog.version);
            wait = wait.saturating_sub(1);
            if seen == Some(now) && wait != 1 {
                continue;
            }
            seen = Some(now);
            let (view, options) = (self.surroundings.view(), self.options.clone());
            let remarks = view.remarks_about(&resources);
            // A hundred pages and ten thousand Ingresses take a moment to compare.
            let looked = move || expose(&catalog, &view, &options);
            let Ok(exposures) = tokio::task::spawn_blocking(looked).await else {
                tracing::error!("exposure ended in a panic; it goes on when something changes");
                continue;
            };
            let report = ExposureReport { standings: exposures.standings, remarks };
            // What failed before is true until it succeeds.
            self.publish(report.clone().with(&failures));
            failures = self.write(&exposures.plan, &stop).await;
            self.publish(report.with(&failures));
            wait = match failures.iter().map(|(_, error)| error.is_passing()).max() {
                None => 0,
                Some(true) => AGAIN_SOON,
                Some(false) => AGAIN_LATER,
            };
        }
        self.surroundings.want("exposure", BTreeSet::new());
    }

    /// Carries out the beginning of a plan; one page that cannot be exposed stops no other.
    async fn write(&self, plan: &Plan, stop: &CancellationToken) -> Vec<(Target, WriteError)> {
        let mut failures = Vec::new();
        for write in plan.writes.iter().take(BATCH) {
            let pause = stop.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await;
            if pause.is_none() || !self.coordinating.coordinates() {
                break;
            }
            match self.writer.perform(write).await {
                Ok(()) => tracing::info!(target = %write.target(), "exposure wrote an object"),
                Err(error) => {
                    tracing::warn!(%error, "exposure could not write an object");
                    failures.push((write.target().clone(), error));
                }
            }
        }
        failures
    }

    fn publish(&self, report: ExposureReport) {
        let mut held = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if **held != report {
            *held = Arc::new(report);
            self.changed.notify_one();
        }
    }
}
