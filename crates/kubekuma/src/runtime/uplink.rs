//! The ways out of this host: what a check makes of a dead one is no verdict about its target
//! (`design/engine.md`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kuma_core::observation::{Observation, Outcome};
use kuma_core::reason::{Class, Reason};
use kuma_core::time::{Clock, Mono};

use super::routes::{Lost, Routes};
use crate::clock::SystemClock;

/// Where the system says how its links are.
const LINKS: &str = "/sys/class/net";
/// How often a lost way is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What a link that came back needs until something answers over it: what was sent a moment before is
/// sent again only after a second.
const SETTLES: Duration = Duration::from_secs(1);

/// What is known of the ways out of this host: nothing, until a check gets no answer.
#[derive(Debug)]
pub struct Uplink {
    clock: SystemClock,
    /// When a way was last seen to be lost, nanoseconds of the monotonic clock; zero is never.
    lost_at: AtomicU64,
    /// Whether somebody looks when it is back.
    watched: AtomicBool,
}

impl Uplink {
    /// Nothing was lost yet.
    pub fn new(clock: SystemClock) -> Self {
        Self { clock, lost_at: AtomicU64::default(), watched: AtomicBool::default() }
    }

    /// What a check says that began at `from`, on a host whose links are down or were meanwhile, or of
    /// which none leads to the target: silence is no verdict about a target that is not on this host
    /// itself.
    pub async fn excuse(self: &Arc<Self>, observation: Observation, from: Mono) -> Observation {
        if !is_silence(&observation) {
            return observation;
        }
        let why = match way_lost(observation.peer).await {
            Some(why) => {
                self.lost(observation.peer);
                why
            }
            None if self.was_lost(from) => {
                "this host had lost its way out while the check ran".to_owned()
            }
            None => return observation,
        };
        let why = format!("{why}: {}", observation.message);
        Observation { outcome: Outcome::Indeterminate(Reason::Uplink), message: why, ..observation }
    }

    fn was_lost(&self, from: Mono) -> bool {
        let lost_at = self.lost_at.load(Ordering::Relaxed);
        lost_at != 0 && from <= Mono(lost_at) + SETTLES
    }

    /// A way is lost: looks until it is back, so that it is known of a check that fails just then.
    fn lost(self: &Arc<Self>, peer: Option<IpAddr>) {
        self.lost_at.store(self.clock.now().mono.0, Ordering::Relaxed);
        if self.watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let own = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                if way_lost(peer).await.is_none() {
                    break;
                }
                own.lost_at.store(own.clock.now().mono.0, Ordering::Relaxed);
            }
            own.watched.store(false, Ordering::Relaxed);
        });
    }
}

/// A failure to hear anything of a target elsewhere.
fn is_silence(observation: &Observation) -> bool {
    let silent =
        observation.outcome.reason().is_some_and(|reason| reason.class() == Class::NoAnswer);
    let here = observation.peer.is_some_and(|peer| peer.to_canonical().is_loopback());
    matches!(observation.outcome, Outcome::Failure(_)) && silent && !here
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
pub(super) async fn links_up() -> Option<bool> {
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

    #[test]
    fn who_began_before_the_way_was_back_is_excused() {
        let uplink = Uplink::new(SystemClock::start());
        let at = |ms: u64| Mono(ms * 1_000_000);
        assert!(!uplink.was_lost(at(0)), "it never was");
        uplink.lost_at.store(at(5_000).0, Ordering::Relaxed);
        assert!(uplink.was_lost(at(1_000)) && uplink.was_lost(at(6_000)));
        assert!(!uplink.was_lost(at(6_001)));
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

    #[test]
    fn answers_and_targets_on_this_host_are_judged_without_links() {
        let mut refused = Observation::failure(Reason::ConnectionRefused, "refused");
        assert!(!is_silence(&refused));
        refused.outcome = Outcome::Failure(Reason::Timeout);
        refused.peer = Some(IpAddr::from([127, 0, 0, 1]));
        assert!(!is_silence(&refused));
        refused.peer = Some(IpAddr::from([192, 0, 2, 1]));
        assert!(is_silence(&refused));
    }
}
