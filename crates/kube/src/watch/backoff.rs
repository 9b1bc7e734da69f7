//! How long to wait before the next try: longer each time, and never the same for two replicas.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The first wait, before its jitter.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(15);

/// Waits that double from half a second to a quarter of a minute; each is between half of that and
/// all of it.
#[derive(Debug)]
pub(crate) struct Backoff {
    seed: RandomState,
    tries: u32,
}

impl Backoff {
    /// Nothing has failed yet.
    pub(crate) fn new() -> Self {
        Self { seed: RandomState::new(), tries: 0 }
    }

    /// It worked.
    pub(crate) const fn reset(&mut self) {
        self.tries = 0;
    }

    /// It failed: how long to wait.
    pub(crate) fn next(&mut self) -> Duration {
        let full = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        let share = u32::try_from(self.seed.hash_one(self.tries) % 512).unwrap_or_default();
        full / 2 + full / 2 * share / 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew_when_it_worked() {
        let mut backoff = Backoff::new();
        for full in [500, 1000, 2000, 4000, 8000, 15_000, 15_000] {
            let full = Duration::from_millis(full);
            let wait = backoff.next();
            assert!(wait >= full / 2 && wait <= full, "{wait:?} of {full:?}");
        }
        for _ in 0..100_000 {
            assert!(backoff.next() <= LONGEST);
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn two_replicas_do_not_come_at_the_same_moments() {
        let waits = || {
            let mut backoff = Backoff::new();
            std::array::from_fn::<_, 8, _>(|_| backoff.next())
        };
        assert_ne!(waits(), waits());
    }
}
