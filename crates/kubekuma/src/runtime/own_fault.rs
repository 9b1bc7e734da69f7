//! Failures that are ours: this process stood still while a check ran, or this host has no link.
//! What they make of a check is no verdict about its target (`design/engine.md`).

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::{Class, Reason};
use kuma_core::time::{Clock, Mono};
use tokio_util::sync::CancellationToken;

use super::routes::{Lost, Routes};
use crate::clock::SystemClock;

/// How often the pulse beats.
const BEAT: Duration = Duration::from_millis(200);
/// A beat that comes later than this was kept from coming: the process was stopped, or had no
/// processor. Checks that ran then may have failed because of it.
const STILL: Duration = Duration::from_millis(800);
/// Most standstills remembered.
const REMEMBERED: usize = 64;
/// Where the system says how its links are.
const LINKS: &str = "/sys/class/net";

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

/// What a check says on a host whose links are down, or of which none leads to the target: silence is
/// no verdict about a target that is not on this host itself.
pub async fn excuse_links(observation: Observation) -> Observation {
    let silent =
        observation.outcome.reason().is_some_and(|reason| reason.class() == Class::NoAnswer);
    let here = observation.peer.is_some_and(|peer| peer.to_canonical().is_loopback());
    let failed = matches!(observation.outcome, Outcome::Failure(_));
    if !failed || !silent || here {
        return observation;
    }
    let Some(why) = way_lost(observation.peer).await else { return observation };
    let why = format!("{why}: {}", observation.message);
    Observation { outcome: Outcome::Indeterminate(Reason::Uplink), message: why, ..observation }
}

/// Why nothing can have left this host for a peer, if so.
async fn way_lost(peer: Option<IpAddr>) -> Option<String> {
    let links = links(Path::new(LINKS)).await?;
    if !any_carries(&links)? {
        return Some("no link of this host is up".to_owned());
    }
    let carries = |name: &str| links.get(name).is_none_or(|state| carries(state));
    Some(match Routes::read().await.lost(peer?, carries)? {
        Lost::Link(link) => format!("the link {link} of this host, its way there, is down"),
        Lost::NoRoute => "this host has no route that leads out".to_owned(),
    })
}

/// Whether any link but loopback is up. None where there is no other, or nothing can be known.
pub async fn links_up() -> Option<bool> {
    any_carries(&links(Path::new(LINKS)).await?)
}

fn any_carries(links: &BTreeMap<String, String>) -> Option<bool> {
    (!links.is_empty()).then(|| links.values().any(|state| carries(state)))
}

/// The operational state of each link but loopback.
async fn links(folder: &Path) -> Option<BTreeMap<String, String>> {
    let mut entries = tokio::fs::read_dir(folder).await.ok()?;
    let mut links = BTreeMap::new();
    while let Ok(Some(entry)) = entries.next_entry().await {
        if entry.file_name() == "lo" {
            continue;
        }
        // `bonding_masters` and the like are no links.
        let Ok(state) = tokio::fs::read_to_string(entry.path().join("operstate")).await else {
            continue;
        };
        links.insert(entry.file_name().to_string_lossy().into_owned(), state.trim().to_owned());
    }
    Some(links)
}

/// Whether a link in an operational state (RFC 2863, `ifOperStatus`) can carry anything. Virtual
/// links say `unknown` while they work.
fn carries(state: &str) -> bool {
    !matches!(state, "down" | "lowerlayerdown" | "notpresent")
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

    #[tokio::test]
    async fn links_are_up_if_one_can_carry_something() {
        let folder = tempfile::tempdir().unwrap();
        let look = async |folder: &Path| any_carries(&links(folder).await?);
        let link = |name: &str, state: &str| {
            let link = folder.path().join(name);
            std::fs::create_dir_all(&link).unwrap();
            std::fs::write(link.join("operstate"), format!("{state}\n")).unwrap();
        };
        link("lo", "unknown");
        assert_eq!(look(folder.path()).await, None, "a host without links is not judged by them");
        link("eth0", "down");
        assert_eq!(look(folder.path()).await, Some(false));
        // A virtual link whose other end is gone.
        link("veth0", "lowerlayerdown");
        assert_eq!(look(folder.path()).await, Some(false));
        link("tun0", "unknown");
        assert_eq!(look(folder.path()).await, Some(true));
        assert_eq!(look(&folder.path().join("nowhere")).await, None);
    }

    #[tokio::test]
    async fn answers_and_targets_on_this_host_are_judged_without_links() {
        let mut refused = Observation::failure(Reason::ConnectionRefused, "refused");
        assert_eq!(excuse_links(refused.clone()).await, refused);
        refused.outcome = Outcome::Failure(Reason::Timeout);
        refused.peer = Some(IpAddr::from([127, 0, 0, 1]));
        assert_eq!(excuse_links(refused.clone()).await, refused);
    }
}
