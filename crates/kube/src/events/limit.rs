//! How many Events may be written: a few of each monitor at once and then one now and then, and so
//! many of all of them together. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use kuma_core::id::ObjectName;
use kuma_core::time::Mono;

/// Of one monitor at once.
const BURST: u32 = 5;
/// After that one in this time.
const EVERY: Duration = Duration::from_secs(30);
/// Of all monitors in a second.
const OVERALL: u32 = 10;
/// Monitors remembered; who was quiet for longest is forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Limiter {
    monitors: BTreeMap<ObjectName, (u32, Mono)>,
    second: Mono,
    within: u32,
}

impl Limiter {
    /// Whether one more of a monitor may be written now.
    pub(super) fn permit(&mut self, monitor: &ObjectName, now: Mono) -> bool {
        if now.since(self.second) >= Duration::from_secs(1) {
            (self.second, self.within) = (now, 0);
        }
        if self.within >= OVERALL {
            return false;
        }
        if self.monitors.len() >= REMEMBERED {
            self.monitors.retain(|_, (_, since)| now.since(*since) < EVERY * BURST);
        }
        let (used, since) = self.monitors.entry(monitor.clone()).or_insert((0, now));
        let regained = now.since(*since).as_secs() / EVERY.as_secs();
        if regained > 0 {
            *used = used.saturating_sub(u32::try_from(regained).unwrap_or(u32::MAX));
            *since = now;
        }
        let permitted = *used < BURST;
        if permitted {
            *used += 1;
            self.within += 1;
        }
        permitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    #[test]
    fn a_monitor_that_flaps_is_told_of_a_few_times_and_then_now_and_then() {
        let mut limiter = Limiter::default();
        let web = ObjectName::new("shop", "web");
        let told = (0..20).filter(|second| limiter.permit(&web, at(10 + second))).count();
        assert_eq!(told, 5);
        assert!(limiter.permit(&web, at(45)));
        assert!(!limiter.permit(&web, at(46)));
    }

    #[test]
    fn a_storm_is_cut_down_to_ten_a_second() {
        let mut limiter = Limiter::default();
        let storm = |limiter: &mut Limiter, second| {
            (0..500)
                .filter(|number| {
                    limiter.permit(&ObjectName::new("shop", format!("m{number}")), at(second))
                })
                .count()
        };
        assert_eq!(storm(&mut limiter, 10), 10);
        assert_eq!(storm(&mut limiter, 11), 10);
    }
}
