//! Clocks as data: a monotonic one for durations, a wall clock for calendars.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use jiff::Timestamp;

/// Nanoseconds on a monotonic clock with an arbitrary origin. Never goes back, so intervals,
/// timeouts and holds are measured on it; it means nothing after a restart.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Mono(pub u64);

impl Mono {
    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The first whole multiple of `tick` that is not before it.
    #[must_use]
    pub fn round_up(self, tick: Duration) -> Self {
        let tick = u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.0.checked_next_multiple_of(tick).map_or(self, Self)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Mono {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// One instant on both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For durations.
    pub mono: Mono,
    /// For calendars and for what is stored.
    pub wall: Timestamp,
}

/// Where the time comes from. The only implementation that reads a real clock is in the binary.
pub trait Clock: Send + Sync {
    /// Both clocks, now.
    fn now(&self) -> Now;

    /// The monotonic clock alone, for what only measures.
    fn mono(&self) -> Mono {
        self.now().mono
    }
}

/// Whole milliseconds since the epoch, as stored.
pub fn to_ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The instant of stored milliseconds, clamped to what a timestamp can hold.
pub fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Adds a duration to a wall-clock instant, clamped to what a timestamp can hold.
pub fn plus(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Takes a duration off a wall-clock instant, clamped to what a timestamp can hold.
pub fn minus(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// The time from `from` to `to`, zero if `to` is earlier.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_rounded_up_and_never_down() {
        let tick = Duration::from_nanos(5);
        let rounded: Vec<_> = [0, 1, 5, 6].map(|at| Mono(at).round_up(tick).0).into();
        assert_eq!(rounded, [0, 5, 5, 10]);
        assert_eq!(Mono(u64::MAX).round_up(tick), Mono(u64::MAX));
        assert_eq!(Mono(7).round_up(Duration::ZERO), Mono(7));
    }
}
