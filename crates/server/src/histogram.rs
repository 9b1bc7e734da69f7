//! A histogram with fixed bounds, for durations in seconds.

/// Upper bounds for attempts, in seconds; one more bucket is open.
pub const CHECKS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds for incidents, in seconds: a minute to a day; one more bucket is open.
pub const INCIDENTS: &[f64] = &[60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0];

/// Counts per bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
    total: u64,
}

impl Histogram {
    /// An empty one.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0, total: 0 }
    }

    /// Adds a value in seconds.
    pub fn observe(&mut self, seconds: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[bucket] += 1;
        self.sum += seconds;
        self.total += 1;
    }

    /// Sum of all values in seconds.
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// How many values.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Upper bound and count of each bucket, not cumulated; the last bound is infinite.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        self.bounds
            .iter()
            .copied()
            .chain([f64::INFINITY])
            .zip(self.counts.iter().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_to_the_bucket_below() {
        let mut histogram = Histogram::new(CHECKS);
        histogram.observe(0.001);
        histogram.observe(0.0011);
        histogram.observe(99.0);
        let buckets = histogram.buckets();
        assert_eq!((buckets[0].1, buckets[1].1, buckets[13].1), (1, 1, 1));
        assert_eq!(histogram.total(), 3);
    }
}
