//! Latency percentiles from a mergeable log histogram: each bucket is 2 % wide, so that any
//! percentile is within 1 % of the exact one, in some dozens of bytes per monitor and hour.

/// Buckets are `(GAMMA^(i-1), GAMMA^i]` with `GAMMA = (1 + error) / (1 - error)`.
const RELATIVE_ERROR: f64 = 0.01;
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// The first byte of an encoded sketch.
const FORMAT: u8 = 1;
/// The bucket of the largest `u32`; what decodes to more is damaged.
const MAX_BUCKET: u16 = 1110;

/// A histogram of durations in whole microseconds.
///
/// # Guarantees
/// [`Sketch::quantile`] differs from the exact nearest-rank percentile by at most 1 % of it.
/// Merging is commutative and associative and loses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    /// Bucket numbers and how many values fell in each, ascending. Bucket 0 holds zeros.
    bins: Vec<(u16, u32)>,
}

/// An encoded sketch that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SketchError {
    /// Written in a format that this program does not know.
    #[error("unknown sketch format {0}")]
    Format(u8),
    /// Cut off, or with numbers out of range.
    #[error("damaged sketch")]
    Damaged,
}

impl Sketch {
    /// Counts one value.
    pub fn add(&mut self, microseconds: u32) {
        self.add_bin(bucket(microseconds), 1);
    }

    /// Counts everything that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.bins {
            self.add_bin(bucket, count);
        }
    }

    fn add_bin(&mut self, bucket: u16, count: u32) {
        match self.bins.binary_search_by_key(&bucket, |bin| bin.0) {
            Ok(found) => {
                if let Some(bin) = self.bins.get_mut(found) {
                    bin.1 = bin.1.saturating_add(count);
                }
            }
            Err(place) => self.bins.insert(place, (bucket, count)),
        }
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| u64::from(bin.1)).sum()
    }

    /// The nearest-rank percentile in microseconds for `q` in 0 to 1; none without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank is between 1 and the count, and the cast saturates"
        )]
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        for &(bucket, count) in &self.bins {
            seen += u64::from(count);
            if seen >= rank {
                return Some(value(bucket));
            }
        }
        None
    }

    /// The stored form: a format byte, the number of buckets, then the distance to each bucket and
    /// its count, all as variable-length integers (7 bits a byte, low ones first).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.bins.len() * 2);
        out.push(FORMAT);
        push_varint(&mut out, u32::try_from(self.bins.len()).unwrap_or(u32::MAX));
        let mut last = 0;
        for &(bucket, count) in &self.bins {
            push_varint(&mut out, u32::from(bucket - last));
            push_varint(&mut out, count);
            last = bucket;
        }
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`SketchError`] when it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let (&format, mut rest) = bytes.split_first().ok_or(SketchError::Damaged)?;
        if format != FORMAT {
            return Err(SketchError::Format(format));
        }
        let length = take_varint(&mut rest)?;
        if length > u32::from(MAX_BUCKET) + 1 {
            return Err(SketchError::Damaged);
        }
        let mut bins: Vec<(u16, u32)> = Vec::new();
        for index in 0..length {
            let distance = take_varint(&mut rest)?;
            let count = take_varint(&mut rest)?;
            let last = bins.last().map_or(0, |bin| u32::from(bin.0));
            let bucket = u16::try_from(last.saturating_add(distance))
                .ok()
                .filter(|bucket| *bucket <= MAX_BUCKET && (index == 0 || distance > 0))
                .ok_or(SketchError::Damaged)?;
            bins.push((bucket, count));
        }
        if rest.is_empty() { Ok(Self { bins }) } else { Err(SketchError::Damaged) }
    }
}

/// The bucket of a value: 0 for zero, 1 for one, and so on.
fn bucket(microseconds: u32) -> u16 {
    if microseconds == 0 {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1109 for every u32"
    )]
    let exponent = (f64::from(microseconds).ln() / GAMMA.ln()).ceil() as u16;
    exponent + 1
}

/// The value that is at most 1 % away from everything in a bucket.
fn value(bucket: u16) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    2.0 * GAMMA.powi(i32::from(bucket) - 1) / (GAMMA + 1.0)
}

fn push_varint(out: &mut Vec<u8>, mut number: u32) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

fn take_varint(rest: &mut &[u8]) -> Result<u32, SketchError> {
    let mut number = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, after) = rest.split_first().ok_or(SketchError::Damaged)?;
        *rest = after;
        let bits = u32::from(byte & 0x7f);
        if shift == 28 && bits > 0x0f {
            return Err(SketchError::Damaged);
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(SketchError::Damaged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch(values: &[u32]) -> Sketch {
        let mut sketch = Sketch::default();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    fn latencies() -> impl Strategy<Value = Vec<u32>> {
        let one = prop_oneof![0_u32..1000, 1000_u32..10_000_000, any::<u32>()];
        prop::collection::vec(one, 1..300)
    }

    #[test]
    fn an_empty_sketch_has_no_percentile() {
        assert_eq!(Sketch::default().quantile(0.5), None);
        assert_eq!(Sketch::default().count(), 0);
    }

    #[test]
    fn the_extremes_stay_in_range() {
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(1), 1);
        assert_eq!(bucket(u32::MAX), MAX_BUCKET);
        assert_eq!(sketch(&[0]).quantile(0.99), Some(0.0));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(Sketch::decode(&[]), Err(SketchError::Damaged));
        assert_eq!(Sketch::decode(&[9, 0]), Err(SketchError::Format(9)));
        assert_eq!(Sketch::decode(&[1, 1, 5]), Err(SketchError::Damaged));
        assert_eq!(Sketch::decode(&[1, 0, 0]), Err(SketchError::Damaged));
        assert_eq!(Sketch::decode(&[1, 2, 5, 1, 0, 1]), Err(SketchError::Damaged));
    }

    proptest! {
        #[test]
        fn percentiles_are_within_one_per_cent(values in latencies(), q in 0.0_f64..=1.0) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
            let exact = f64::from(sorted[rank - 1]);
            let found = sketch(&values).quantile(q).unwrap();
            prop_assert!((found - exact).abs() <= exact * 0.010_001, "{found} for {exact}");
        }

        #[test]
        fn merging_is_counting_together(a in latencies(), b in latencies()) {
            let mut merged = sketch(&a);
            merged.merge(&sketch(&b));
            prop_assert_eq!(merged, sketch(&[a, b].concat()));
        }

        // As an hour becomes a day: stored, read and merged piece by piece.
        #[test]
        fn the_bound_holds_after_any_merging(
            parts in prop::collection::vec(latencies(), 1..30),
            q in 0.0_f64..=1.0,
        ) {
            let mut merged = Sketch::default();
            for part in &parts {
                merged.merge(&Sketch::decode(&sketch(part).encode()).unwrap());
            }
            let mut sorted = parts.concat();
            sorted.sort_unstable();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
            let exact = f64::from(sorted[rank - 1]);
            let found = merged.quantile(q).unwrap();
            prop_assert!((found - exact).abs() <= exact * 0.010_001, "{found} for {exact}");
        }

        #[test]
        fn what_is_encoded_reads_back(values in latencies()) {
            let sketch = sketch(&values);
            prop_assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Sketch::decode(&bytes);
        }
    }
}
