//! Latency percentiles in steps of time, out of sketches of hours and days. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use kuma_core::ports::{LatencyStep, StoreError};
use kuma_core::sketch::Sketch;
use kuma_core::time::{Timestamp, from_ms, to_ms};

use crate::code::{DAY_MS, HOUR_MS};

/// The longest span that is answered, in hours: ten years.
const MAX_HOURS: i64 = 10 * 366 * 24;

/// An answer under construction. Steps begin at `from`, taken down to the hour, or to the UTC day
/// when the step is whole days; steps without results are left out.
#[derive(Debug)]
pub(crate) struct Steps {
    origin: i64,
    to: i64,
    step: i64,
    by_days: bool,
    sketches: BTreeMap<i64, Sketch>,
}

impl Steps {
    /// Prepares an answer.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a step that is no multiple of an hour, or a span too long.
    pub(crate) fn new(from: Timestamp, to: Timestamp, step: Duration) -> Result<Self, StoreError> {
        let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        if step <= 0 || step % HOUR_MS != 0 {
            return Err(invalid("the step must be a multiple of an hour"));
        }
        let by_days = step % DAY_MS == 0;
        let unit = if by_days { DAY_MS } else { HOUR_MS };
        let origin = to_ms(from).div_euclid(unit) * unit;
        let to = ceil_div(to_ms(to), HOUR_MS);
        if to - origin / HOUR_MS > MAX_HOURS {
            return Err(invalid("the span is longer than ten years"));
        }
        Ok(Self { origin, to, step, by_days, sketches: BTreeMap::new() })
    }

    /// The hours that it is about, from and before.
    pub(crate) fn hours(&self) -> (i64, i64) {
        (self.origin / HOUR_MS, self.to)
    }

    /// Part of the span is stored by days only.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when something finer was asked for.
    pub(crate) fn expect_days(&self) -> Result<(), StoreError> {
        if self.by_days {
            return Ok(());
        }
        Err(invalid("only whole days are stored for a part of the span; ask for steps of 24 hours"))
    }

    /// Adds what was measured in the hour or day that begins at `at`.
    pub(crate) fn add(&mut self, at: i64, sketch: &Sketch) {
        self.at(at).merge(sketch);
    }

    /// The sketch of the step that a moment lies in.
    pub(crate) fn at(&mut self, at: i64) -> &mut Sketch {
        let index = (at - self.origin).div_euclid(self.step);
        self.sketches.entry(index).or_default()
    }

    /// The percentiles.
    pub(crate) fn finish(&self) -> Vec<LatencyStep> {
        let steps = self.sketches.iter();
        steps
            .filter_map(|(index, sketch)| {
                Some(LatencyStep {
                    at: from_ms(self.origin + index * self.step),
                    count: sketch.count(),
                    p50_us: sketch.quantile(0.50)?,
                    p95_us: sketch.quantile(0.95)?,
                    p99_us: sketch.quantile(0.99)?,
                })
            })
            .collect()
    }
}

pub(crate) fn ceil_div(number: i64, by: i64) -> i64 {
    -(-number).div_euclid(by)
}

fn invalid(why: &str) -> StoreError {
    StoreError::Invalid(why.to_owned())
}
