//! When a monitor is due: its grid, its first run, its offsets. All derived from its name.

use std::sync::Arc;
use std::time::Duration;

use crate::check::RunClass;
use crate::time::Mono;

/// The longest span over which first runs are spread.
pub const FIRST_RUN_SPREAD: Duration = Duration::from_secs(30);

/// What the scheduler must know of a monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// `hash(namespace/name)`: phase, first run and offsets derive from it. See [`seed`].
    pub seed: u64,
    /// Start to start; at least one millisecond.
    pub interval: Duration,
    /// Bound of the per-run offset in per cent of the interval.
    pub jitter_percent: u32,
    /// Wait before the first run.
    pub initial_delay: Duration,
    /// Which limit its runs count against.
    pub class: RunClass,
    /// The host that is asked, for the per-host limit.
    pub host: Option<Arc<str>>,
}

/// A stable 64-bit hash of a name (FNV-1a with a final mix), the same on every host and version.
pub fn seed(name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

pub(super) const fn mix(mut value: u64) -> u64 {
    value ^= value >> 30;
    value = value.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value ^= value >> 27;
    value = value.wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}

impl Timing {
    pub(super) fn spread(&self) -> Duration {
        let span = nanos(self.interval.min(FIRST_RUN_SPREAD));
        Duration::from_nanos(mix(self.seed ^ 0x5eed) % span)
    }

    /// The offset of the run at a grid start: deterministic, up to `jitter_percent` of the
    /// interval late, never early, so that starts keep their order.
    pub(super) fn jitter(&self, grid: Mono, wall_origin: i128) -> Duration {
        let bound = nanos(self.interval) / 100 * u64::from(self.jitter_percent.min(50));
        if bound == 0 {
            return Duration::ZERO;
        }
        let index = (i128::from(grid.0) + wall_origin).div_euclid(i128::from(nanos(self.interval)));
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "only hashed")]
        let index = index as u64;
        Duration::from_nanos(mix(self.seed.wrapping_add(mix(index))) % bound)
    }

    /// The first grid start after `after`.
    pub(super) fn next_grid(&self, after: Mono, wall_origin: i128) -> Mono {
        let interval = i128::from(nanos(self.interval));
        let phase = i128::from(self.seed % nanos(self.interval));
        let wall = i128::from(after.0) + wall_origin;
        let next = (wall - phase).div_euclid(interval) * interval + interval + phase;
        Mono(u64::try_from(next - wall_origin).unwrap_or(u64::MAX))
    }
}
