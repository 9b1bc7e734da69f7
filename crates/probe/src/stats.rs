//! Counters about attempts.

use kuma_core::check::CheckType;
use kuma_core::observation::Outcome;
use kuma_core::stats::{Counter, Sample, StatKind};

const TYPES: usize = CheckType::ALL.len();
const OUTCOMES: [&str; 3] = ["success", "failure", "indeterminate"];

/// What the prober counts.
#[derive(Debug, Default)]
pub(crate) struct ProbeStats {
    ended: [[Counter; OUTCOMES.len()]; TYPES],
    panics: Counter,
}

impl ProbeStats {
    /// Counts the end of an attempt.
    pub(crate) fn ended(&self, check: CheckType, outcome: Outcome) {
        let at = match outcome {
            Outcome::Success => 0,
            Outcome::Failure(_) => 1,
            Outcome::Indeterminate(_) => 2,
        };
        self.ended[check as usize][at].inc();
    }

    /// Counts a check that failed inside this program.
    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// The samples, without types that never ran.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for check in CheckType::ALL {
            for (outcome, counter) in OUTCOMES.iter().zip(&self.ended[check as usize]) {
                if counter.get() > 0 {
                    samples.push(Sample {
                        name: "probe_attempts",
                        help: "Attempts by check type and outcome.",
                        kind: StatKind::Counter,
                        labels: vec![
                            ("type", check.as_str().to_owned()),
                            ("outcome", (*outcome).to_owned()),
                        ],
                        value: counter.get() as f64,
                    });
                }
            }
        }
        samples.push(Sample {
            name: "probe_panics",
            help: "Attempts that failed inside this program.",
            kind: StatKind::Counter,
            labels: Vec::new(),
            value: self.panics.get() as f64,
        });
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_own_place() {
        let places: Vec<usize> = CheckType::ALL.iter().map(|check| *check as usize).collect();
        assert_eq!(places, (0..TYPES).collect::<Vec<_>>());
    }

    #[test]
    fn attempts_are_counted_by_type_and_outcome() {
        let stats = ProbeStats::default();
        stats.ended(CheckType::Http, Outcome::Success);
        stats.ended(CheckType::Http, Outcome::Success);
        let samples = stats.samples();
        assert_eq!(samples.len(), 2);
        assert!((samples[0].value - 2.0).abs() < f64::EPSILON);
        assert_eq!(samples[0].labels[1].1, "success");
    }
}
