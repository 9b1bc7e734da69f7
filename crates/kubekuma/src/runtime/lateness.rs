//! Numbers of the engine's loop, for metrics: lateness, slots, clock, own-fault guard.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kuma_core::schedule::Counts;
use kuma_core::stats::{Sample, StatKind, Stats};

/// Upper bounds in milliseconds that late starts are counted under.
const BOUNDS_MS: [u64; 8] = [1, 5, 10, 50, 100, 250, 1000, 10_000];

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    started: u64,
    late_seconds: f64,
    worst: Duration,
    under: [u64; BOUNDS_MS.len()],
    jumps: u64,
    guard_holds: bool,
    guard_trips: u64,
}

/// Written by the engine's loop, read by metrics.
#[derive(Debug, Default)]
pub struct Lateness(Mutex<Inner>);

impl Lateness {
    fn with(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A run started so late.
    pub fn started(&self, late: Duration) {
        self.with(|inner| {
            inner.started += 1;
            inner.late_seconds += late.as_secs_f64();
            inner.worst = inner.worst.max(late);
            for (count, bound) in inner.under.iter_mut().zip(BOUNDS_MS) {
                *count += u64::from(late <= Duration::from_millis(bound));
            }
        });
    }

    /// The schedule's own counts.
    pub fn counts(&self, counts: Counts) {
        self.with(|inner| inner.counts = counts);
    }

    /// Whether the own-fault guard holds downs now.
    pub fn guard(&self, holds: bool) {
        self.with(|inner| {
            inner.guard_trips += u64::from(holds && !inner.guard_holds);
            inner.guard_holds = holds;
        });
    }

    /// The wall clock jumped.
    pub fn jumped(&self) {
        self.with(|inner| inner.jumps += 1);
    }
}

fn sample(
    name: &'static str,
    help: &'static str,
    kind: StatKind,
    labels: Vec<(&'static str, String)>,
    value: f64,
) -> Sample {
    Sample { name, help, kind, labels, value }
}

impl Stats for Lateness {
    fn samples(&self) -> Vec<Sample> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (counter, gauge) = (StatKind::Counter, StatKind::Gauge);
        let counts = inner.counts;
        let mut samples = vec![
            sample(
                "scheduler_monitors",
                "Monitors scheduled.",
                gauge,
                vec![],
                counts.scheduled as f64,
            ),
            sample(
                "scheduler_queue_depth",
                "Runs that wait for a slot.",
                gauge,
                vec![],
                counts.waiting as f64,
            ),
        ];
        for (class, running) in ["network", "privileged"].into_iter().zip(counts.running) {
            let labels = vec![("class", class.to_owned())];
            samples.push(sample(
                "scheduler_running",
                "Runs under way.",
                gauge,
                labels,
                running as f64,
            ));
        }
        let skipped = [("overrun", counts.skipped_overrun), ("late", counts.skipped_late)];
        for (cause, count) in skipped {
            let labels = vec![("cause", cause.to_owned())];
            let help = "Starts skipped because the run before had not ended, or no slot came free.";
            samples.push(sample("scheduler_skipped_starts", help, counter, labels, count as f64));
        }
        samples.push(sample(
            "scheduler_starts",
            "Runs started.",
            counter,
            vec![],
            inner.started as f64,
        ));
        samples.push(sample(
            "scheduler_late_seconds",
            "Sum of how late runs started.",
            counter,
            vec![],
            inner.late_seconds,
        ));
        samples.push(sample(
            "scheduler_worst_late_seconds",
            "The latest start since this process began.",
            gauge,
            vec![],
            inner.worst.as_secs_f64(),
        ));
        for (count, bound) in inner.under.iter().zip(BOUNDS_MS) {
            let labels = vec![("within_ms", bound.to_string())];
            samples.push(sample(
                "scheduler_starts_within",
                "Runs started at most so late.",
                counter,
                labels,
                *count as f64,
            ));
        }
        samples.push(sample(
            "clock_jumps",
            "Jumps of the wall clock.",
            counter,
            vec![],
            inner.jumps as f64,
        ));
        let holds = f64::from(u8::from(inner.guard_holds));
        samples.push(sample(
            "own_fault_guard_holding",
            "1 while so much fails at once that it may be our own fault.",
            gauge,
            vec![],
            holds,
        ));
        samples.push(sample(
            "own_fault_guard_trips",
            "Times that the own-fault guard began to hold.",
            counter,
            vec![],
            inner.guard_trips as f64,
        ));
        samples
    }
}
