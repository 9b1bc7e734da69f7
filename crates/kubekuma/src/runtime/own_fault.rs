//! Failures that are ours: this process stood still while a check ran. What that makes of a check is no
//! verdict about its target (`design/engine.md`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::Reason;
use kuma_core::time::{Clock, Mono};
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;

/// How often the pulse beats.
const BEAT: Duration = Duration::from_millis(200);
/// A beat that comes later than this was kept from coming: the process was stopped, or had no
/// processor. Checks that ran then may have failed because of it.
const STILL: Duration = Duration::from_millis(800);
/// Most standstills remembered.
const REMEMBERED: usize = 64;

/// Beats while the process is alive, so that a standstill is noticed afterwards.
#[derive(Debug)]
pub struct Pulse {
    clock: SystemClock,
    /// The latest beat, nanoseconds of the monotonic clock.
    last: AtomicU64,
    /// Standstills that are over, oldest first.
    still: Mutex<VecDeque<(Mono, Mono)>>,
}

impl Pulse {
    /// A pulse that begins now.
    pub fn new(clock: SystemClock) -> Self {
        Self { clock, last: AtomicU64::new(clock.now().mono.0), still: Mutex::default() }
    }

    /// Beats until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beats.tick() => self.beat(self.clock.now().mono),
            }
        }
    }

    fn beat(&self, now: Mono) {
        let last = Mono(self.last.load(Ordering::Relaxed));
        let stood = now.since(last);
        {
            let mut still = self.still.lock().unwrap_or_else(PoisonError::into_inner);
            if stood > STILL {
                still.push_back((last, now));
                if still.len() > REMEMBERED {
                    still.pop_front();
                }
            }
            // Together with the standstill, so that nobody sees neither.
            self.last.store(now.0, Ordering::Relaxed);
        }
        if stood > STILL {
            tracing::warn!(for_ms = millis(stood), "this process stood still");
        }
    }

    /// How long the process stood still between two instants; zero if it did not.
    pub fn stood_still(&self, from: Mono, to: Mono) -> Duration {
        let still = self.still.lock().unwrap_or_else(PoisonError::into_inner);
        let last = Mono(self.last.load(Ordering::Relaxed));
        // A standstill that has just ended may be noticed here before it is by the pulse.
        let present = (to.since(last) > STILL).then_some((last, to));
        still
            .iter()
            .copied()
            .chain(present)
            .map(|(begun, ended)| ended.min(to).since(begun.max(from)))
            .sum()
    }

    /// What a check says that ran from `from` to `to`: a failure is no verdict if the process stood
    /// still meanwhile, because every deadline passed and every peer lost patience.
    pub fn excuse(&self, observation: Observation, from: Mono, to: Mono) -> Observation {
        let Outcome::Failure(reason) = observation.outcome else { return observation };
        let still = self.stood_still(from, to);
        if still.is_zero() {
            return observation;
        }
        let why = format!(
            "this process stood still for {} ms while the check ran, which then ended with {}: {}",
            millis(still),
            reason.code(),
            observation.message
        );
        Observation {
            outcome: Outcome::Indeterminate(Reason::ClockJump),
            message: why,
            ..observation
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono(ms * 1_000_000)
    }

    fn pulse(beats: &[u64]) -> Pulse {
        let pulse = Pulse::new(SystemClock::start());
        pulse.last.store(0, Ordering::Relaxed);
        for beat in beats {
            pulse.beat(at(*beat));
        }
        pulse
    }

    #[test]
    fn a_regular_pulse_excuses_nothing() {
        let pulse = pulse(&[200, 400, 900, 1_100]);
        assert_eq!(pulse.stood_still(at(0), at(1_500)), Duration::ZERO);
        let failed = Observation::failure(Reason::Timeout, "no answer");
        assert_eq!(pulse.excuse(failed.clone(), at(0), at(1_500)), failed);
    }

    #[test]
    fn a_failure_over_a_standstill_is_no_verdict() {
        let pulse = pulse(&[200, 5_200, 5_400]);
        let failed = Observation::failure(Reason::Timeout, "no answer");
        let excused = pulse.excuse(failed.clone(), at(4_000), at(5_300));
        assert_eq!(excused.outcome, Outcome::Indeterminate(Reason::ClockJump));
        assert!(excused.message.contains("1200 ms"), "{}", excused.message);
        // Before it, after it, and successes are what they are.
        assert_eq!(pulse.excuse(failed.clone(), at(0), at(200)), failed);
        assert_eq!(pulse.excuse(failed.clone(), at(5_200), at(5_600)), failed);
        let well = Observation::success("fine");
        assert_eq!(pulse.excuse(well.clone(), at(4_000), at(5_300)), well);
    }

    #[test]
    fn a_standstill_that_the_pulse_has_not_noticed_yet_counts() {
        let pulse = pulse(&[200]);
        assert_eq!(pulse.stood_still(at(100), at(900)), Duration::ZERO);
        assert_eq!(pulse.stood_still(at(100), at(3_200)), Duration::from_secs(3));
    }

    #[test]
    fn only_so_many_standstills_are_remembered() {
        let beats: Vec<u64> = (0..200).map(|n| n * 1_000).collect();
        let pulse = pulse(&beats);
        assert_eq!(pulse.still.lock().unwrap().len(), REMEMBERED);
    }
}
