//! Answers as blackbox_exporter gives them: the same parameters, metric names and labels, so that
//! scrape configurations, dashboards and alert rules can stay as they are.
//!
//! [`module`] decides what is asked, [`text`] writes what was seen; both are pure.

pub mod module;
pub mod text;

use std::sync::Arc;
use std::time::Duration;

use kuma_core::particulars::Examiner;
use tokio::sync::Semaphore;

/// Most attempts for `/probe` at one time; more are turned away.
const MAX_AT_ONCE: usize = 256;
/// Taken off the scraper's own timeout, so that the answer arrives in time (the default of
/// blackbox_exporter's `--timeout-offset`).
const OFFSET: Duration = Duration::from_millis(500);
/// What a scraper is taken to wait unless it says so.
const SCRAPER_WAITS: Duration = Duration::from_secs(120);

/// Runs attempts for whoever asks.
pub struct OnDemand {
    /// Who asks the targets.
    pub examiner: Arc<dyn Examiner>,
    /// Bounds how many are asked at one time.
    pub slots: Semaphore,
}

impl OnDemand {
    /// With all its slots free.
    pub fn new(examiner: Arc<dyn Examiner>) -> Self {
        Self { examiner, slots: Semaphore::new(MAX_AT_ONCE) }
    }
}

/// How long an attempt may take: the module's time or, where that is shorter, what the scraper
/// leaves (`X-Prometheus-Scrape-Timeout-Seconds`); never more than `most`, which this server's
/// own requests may take.
pub fn timeout(module: Duration, scraper: Option<Duration>, most: Duration) -> Duration {
    let left = scraper.unwrap_or(SCRAPER_WAITS).checked_sub(OFFSET);
    let within = left.filter(|left| !left.is_zero()).map_or(module, |left| left.min(module));
    within.min(most.saturating_sub(OFFSET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_ends_before_the_scraper_gives_up() {
        let s = Duration::from_secs_f64;
        let most = s(30.0);
        for (module, scraper, expected) in [
            (5.0, None, 5.0),
            (5.0, Some(10.0), 5.0),
            (30.0, Some(10.0), 9.5),
            (5.0, Some(0.4), 5.0),
            (60.0, None, 29.5),
            (5.0, Some(0.5), 5.0),
        ] {
            assert_eq!(
                timeout(s(module), scraper.map(s), most),
                s(expected),
                "{module} {scraper:?}"
            );
        }
    }
}
