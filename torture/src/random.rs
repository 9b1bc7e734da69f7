//! Random numbers from a seed, so that a run can be told again (SplitMix64).

use std::ops::Range;

/// The numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence for another purpose, so that one does not disturb the other.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number of a range that is not empty.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start).max(1)
    }

    /// True so often in a hundred times.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.within(0..100) < share
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.within(0..of.len() as u64)).unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again_within_their_range() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        let numbers: Vec<_> = (0..100).map(|_| one.within(3..9)).collect();
        assert_eq!(numbers, (0..100).map(|_| two.within(3..9)).collect::<Vec<_>>());
        assert!(numbers.iter().all(|number| (3..9).contains(number)));
        assert_ne!(one.fork().within(0..1 << 60), one.fork().within(0..1 << 60));
    }
}
