//! The one place that reads real clocks.

use std::time::Instant;

use kuma_core::time::{Clock, Mono, Now, Timestamp};

/// The system's clocks; monotonic time counts from the clock's creation.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the implementation of the clock port")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The runtime's instant for a monotonic one, to sleep until it.
    pub fn instant(&self, at: Mono) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.origin + std::time::Duration::from_nanos(at.0))
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the implementation of the clock port")]
    fn now(&self) -> Now {
        Now { mono: self.mono(), wall: Timestamp::now() }
    }

    fn mono(&self) -> Mono {
        Mono(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
