//! Numbers about deliveries.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kuma_core::delivery::DeliveryReason;
use kuma_core::provider::Provider;
use kuma_core::stats::{Counter, Sample, StatKind};

/// How an attempt ended, for the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Sent,
    Retried,
    Dead,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::Dead => "dead",
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct PerType {
    seconds: f64,
    sends: u64,
}

#[derive(Debug, Default)]
struct Tables {
    outcomes: BTreeMap<(String, Outcome), u64>,
    errors: BTreeMap<(String, DeliveryReason), u64>,
    durations: BTreeMap<String, PerType>,
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    tables: Mutex<Tables>,
    retries: Counter,
    dead: Counter,
    running: AtomicI64,
}

/// Counts a send as running for as long as it lives.
pub(super) struct Running<'a>(&'a AtomicI64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Numbers {
    pub(super) fn start(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(&self.running)
    }

    pub(super) fn ended(
        &self,
        provider_type: &str,
        outcome: Outcome,
        reason: Option<DeliveryReason>,
        took: Duration,
    ) {
        match outcome {
            Outcome::Sent => {}
            Outcome::Retried => self.retries.inc(),
            Outcome::Dead => self.dead.inc(),
        }
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let name = provider_type.to_owned();
        *tables.outcomes.entry((name.clone(), outcome)).or_default() += 1;
        if let Some(reason) = reason {
            *tables.errors.entry((name.clone(), reason)).or_default() += 1;
        }
        let sends = tables.durations.entry(name).or_default();
        sends.seconds += took.as_secs_f64();
        sends.sends += 1;
    }

    pub(super) fn samples(&self) -> Vec<Sample> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = |name, help, labels, value| Sample {
            name,
            help,
            kind: StatKind::Counter,
            labels,
            value,
        };
        let mut samples = Vec::new();
        for ((name, outcome), count) in &tables.outcomes {
            samples.push(counter(
                "deliveries",
                "Attempts to deliver a message by provider type and result.",
                vec![("type", name.clone()), ("result", outcome.as_str().to_owned())],
                *count as f64,
            ));
        }
        for ((name, reason), count) in &tables.errors {
            samples.push(counter(
                "delivery_errors",
                "Failed attempts to deliver by provider type and reason.",
                vec![("type", name.clone()), ("reason", reason.code().to_owned())],
                *count as f64,
            ));
        }
        for (name, sends) in &tables.durations {
            let labels = vec![("type", name.clone())];
            samples.push(counter(
                "delivery_send_seconds",
                "Time spent in attempts to deliver by provider type.",
                labels,
                sends.seconds,
            ));
        }
        for (name, sends) in &tables.durations {
            let labels = vec![("type", name.clone())];
            samples.push(counter(
                "delivery_sends",
                "Attempts that the time was spent in by provider type.",
                labels,
                sends.sends as f64,
            ));
        }
        samples.push(counter(
            "delivery_retries",
            "Attempts that failed and are made again.",
            Vec::new(),
            self.retries.get() as f64,
        ));
        samples.push(counter(
            "delivery_dead_letters",
            "Messages that were given up.",
            Vec::new(),
            self.dead.get() as f64,
        ));
        samples.push(Sample {
            name: "deliveries_running",
            help: "Attempts to deliver that run now.",
            kind: StatKind::Gauge,
            labels: Vec::new(),
            value: self.running.load(Ordering::Relaxed) as f64,
        });
        samples
    }
}

/// Whether a provider is healthy.
pub(super) fn of_health(provider: &Provider, healthy: bool) -> Sample {
    Sample {
        name: "provider_healthy",
        help: "Whether the last verification or message of a provider succeeded; three failures that may pass in a row, or one that does not, make it 0.",
        kind: StatKind::Gauge,
        labels: vec![
            ("namespace", provider.name.namespace.to_string()),
            ("provider", provider.name.name.to_string()),
            ("type", provider.config.provider_type().to_string()),
        ],
        value: f64::from(u8::from(healthy)),
    }
}
