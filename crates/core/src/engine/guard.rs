//! The own-fault guard: when so much fails at once that the fault may be ours, downs wait a
//! moment (`design/engine.md`, "Own-fault guard: it may delay, never swallow").
//!
//! Guarantees: a trip holds for at most max(90 s, two rounds), a round being the shortest interval
//! among the monitors that tripped it; it trips again only after what tripped it was over; a
//! trip whose monitors are still failing at its end reports one [`MassOutage`].

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::id::{IdMap, MonitorId};
use crate::observation::{Observation, Outcome};
use crate::reason::{Class, Reason};
use crate::settings::SelfCheckSettings;
use crate::time::{Timestamp, between, plus};

/// How far back runs and failures count.
const WINDOW: Duration = Duration::from_secs(30);
/// Shortest bound of a hold.
const LEAST_HOLD: Duration = Duration::from_secs(90);

/// Where a target is: what shares a network shares its fate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// The first 24 bits of an IPv4 address.
    V4([u8; 3]),
    /// The first 48 bits of an IPv6 address.
    V6([u8; 6]),
    /// A name that was not resolved.
    Host(String),
}

impl Network {
    /// The network of an attempt: of the address that was asked, else of the host as configured.
    pub fn of(peer: Option<IpAddr>, host: Option<&str>) -> Option<Self> {
        let literal = host.map(|host| host.trim_start_matches('[').trim_end_matches(']'));
        let address = peer.or_else(|| literal?.parse().ok());
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(v4)) => {
                let [a, b, c, _] = v4.octets();
                Some(Self::V4([a, b, c]))
            }
            Some(IpAddr::V6(v6)) => v6.octets().first_chunk().copied().map(Self::V6),
            None => host.map(|host| Self::Host(host.to_ascii_lowercase())),
        }
    }
}

/// An attempt of a probed monitor, as far as the guard cares. Group monitors say nothing of their
/// own and are not observed.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardRun {
    /// Which monitor.
    pub monitor: MonitorId,
    /// Where its target is.
    pub network: Option<Network>,
    /// Its interval.
    pub interval: Duration,
    /// What came of it.
    pub result: RunResult,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunResult {
    /// The path works: a success, or a failure that is an answer.
    Answered,
    /// Nothing came back.
    NoAnswer,
    /// Nothing can be said.
    NoVerdict,
}

impl RunResult {
    /// The result of an observation.
    pub fn of(observation: &Observation) -> Self {
        let class = observation.outcome.reason().map(Reason::class);
        match (observation.outcome, class) {
            (Outcome::Indeterminate(_), _) => Self::NoVerdict,
            (Outcome::Failure(_), Some(Class::NoAnswer)) => Self::NoAnswer,
            _ => Self::Answered,
        }
    }
}

/// Much failed at once and still fails after the hold.
#[derive(Debug, Clone, PartialEq)]
pub struct MassOutage {
    /// The monitors that still fail, in order.
    pub monitors: Vec<MonitorId>,
    /// On how many networks.
    pub networks: usize,
    /// When the guard tripped.
    pub since: Timestamp,
}

/// How the guard stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GuardStatus {
    /// Whether downs are held now.
    pub holding: bool,
    /// Until when at the latest.
    pub until: Option<Timestamp>,
    /// What to tell after a hold; returned once.
    pub mass_outage: Option<MassOutage>,
}

#[derive(Debug, Clone)]
struct Trip {
    since: Timestamp,
    until: Timestamp,
    /// Monitors that fail without answer since the trip or shortly before it.
    failing: BTreeMap<MonitorId, Option<Network>>,
    /// Whether our own self-checks or links tripped it, not the count.
    ours: bool,
}

/// The guard of one process. In memory only: after a restart it begins anew.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Runs of the window, oldest first, and each monitor's last.
    runs: VecDeque<(Timestamp, MonitorId)>,
    last_run: IdMap<Timestamp>,
    /// Monitors whose last attempt got no answer: when that began.
    silent: IdMap<Silent>,
    /// Those of the window, oldest first.
    fresh: VecDeque<(Timestamp, MonitorId)>,
    self_check: Option<(bool, Timestamp)>,
    links_up: bool,
    trip: Option<Trip>,
    armed: bool,
    outage: Option<MassOutage>,
}

#[derive(Debug, Clone)]
struct Silent {
    since: Timestamp,
    network: Option<Network>,
    interval: Duration,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            runs: VecDeque::new(),
            last_run: IdMap::default(),
            silent: IdMap::default(),
            fresh: VecDeque::new(),
            self_check: None,
            links_up: true,
            trip: None,
            armed: true,
            outage: None,
        }
    }
}

impl Guard {
    /// A guard that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of an attempt. Call it before the verdict on the same attempt, so that the
    /// failure which trips the guard is held too.
    pub fn observe(&mut self, run: GuardRun, settings: &SelfCheckSettings, now: Timestamp) {
        self.prune(now);
        self.runs.push_back((now, run.monitor));
        self.last_run.insert(run.monitor, now);
        match run.result {
            RunResult::NoVerdict => {}
            RunResult::Answered => {
                self.silent.remove(&run.monitor);
                if let Some(trip) = &mut self.trip {
                    trip.failing.remove(&run.monitor);
                }
            }
            RunResult::NoAnswer => self.note_silence(run, now),
        }
        self.decide(settings, now);
    }

    /// Takes note of a round of `networking.selfCheck.targets`. One success is a network.
    pub fn observe_self_checks(
        &mut self,
        succeeded: u32,
        failed: u32,
        settings: &SelfCheckSettings,
        now: Timestamp,
    ) {
        if succeeded + failed > 0 {
            self.self_check = Some((succeeded > 0, now));
        }
        self.decide(settings, now);
    }

    /// Takes note of whether any of the host's links but loopback is up.
    pub fn observe_links(&mut self, up: bool, settings: &SelfCheckSettings, now: Timestamp) {
        self.links_up = up;
        self.decide(settings, now);
    }

    /// Forgets a monitor that is gone or paused.
    pub fn forget(&mut self, monitor: MonitorId) {
        self.last_run.remove(&monitor);
        self.silent.remove(&monitor);
        if let Some(trip) = &mut self.trip {
            trip.failing.remove(&monitor);
        }
    }

    /// How it stands. `until` is also when to ask again.
    pub fn status(&mut self, settings: &SelfCheckSettings, now: Timestamp) -> GuardStatus {
        self.decide(settings, now);
        let until = self.trip.as_ref().map(|trip| trip.until);
        GuardStatus { holding: until.is_some(), until, mass_outage: self.outage.take() }
    }

    /// Begins anew after the wall clock jumped or the host slept; a hold under way ends.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn note_silence(&mut self, run: GuardRun, now: Timestamp) {
        if let Some(trip) = &mut self.trip {
            trip.failing.insert(run.monitor, run.network.clone());
        }
        let mut fresh = false;
        self.silent.entry(run.monitor).or_insert_with(|| {
            fresh = true;
            Silent { since: now, network: run.network, interval: run.interval }
        });
        if fresh {
            self.fresh.push_back((now, run.monitor));
        }
    }

    fn prune(&mut self, now: Timestamp) {
        while let Some((at, monitor)) = self.runs.front().copied() {
            if between(at, now) <= WINDOW {
                break;
            }
            self.runs.pop_front();
            if self.last_run.get(&monitor) == Some(&at) {
                self.last_run.remove(&monitor);
            }
        }
        while let Some((at, _)) = self.fresh.front().copied() {
            if between(at, now) <= WINDOW {
                break;
            }
            self.fresh.pop_front();
        }
    }

    fn decide(&mut self, settings: &SelfCheckSettings, now: Timestamp) {
        self.prune(now);
        self.end_trip_if_over(settings, now);
        if self.trip.is_some() {
            return;
        }
        let cause = self.cause(settings, now);
        match cause {
            None => self.armed = true,
            Some(ours) if self.armed => self.start_trip(ours, now),
            Some(_) => {}
        }
    }

    fn vetoed(&self, now: Timestamp) -> bool {
        self.self_check.is_some_and(|(well, at)| well && between(at, now) <= WINDOW)
    }

    /// Whether there is cause to hold, and if so whether it is known to be ours.
    fn cause(&self, settings: &SelfCheckSettings, now: Timestamp) -> Option<bool> {
        if !settings.enabled {
            return None;
        }
        let targets_fail =
            self.self_check.is_some_and(|(well, at)| !well && between(at, now) <= WINDOW);
        if !self.links_up || targets_fail {
            return Some(true);
        }
        // Cheap bounds first: this is asked for every attempt of every monitor.
        let ran = self.last_run.len().max(1) as f64;
        let at_most = self.fresh.len();
        if self.vetoed(now)
            || at_most < settings.min_monitors.max(1) as usize
            || at_most as f64 / ran <= settings.fraction
        {
            return None;
        }
        let failed = self.fresh_failures();
        let networks: HashSet<_> =
            failed.iter().filter_map(|(_, silent)| silent.network.as_ref()).collect();
        let share = failed.len() as f64 / ran;
        (failed.len() >= settings.min_monitors as usize
            && networks.len() >= settings.min_hosts as usize
            && share > settings.fraction)
            .then_some(false)
    }

    /// Monitors that began to fail without answer within the window and still do.
    fn fresh_failures(&self) -> Vec<(MonitorId, &Silent)> {
        self.fresh
            .iter()
            .filter_map(|(at, monitor)| {
                let silent = self.silent.get(monitor)?;
                (silent.since == *at).then_some((*monitor, silent))
            })
            .collect()
    }

    fn start_trip(&mut self, ours: bool, now: Timestamp) {
        let failed = self.fresh_failures();
        let round = failed.iter().map(|(_, silent)| silent.interval).min();
        let hold = LEAST_HOLD.max(round.unwrap_or_default().saturating_mul(2));
        let failing =
            failed.into_iter().map(|(monitor, silent)| (monitor, silent.network.clone())).collect();
        self.armed = false;
        self.trip = Some(Trip { since: now, until: plus(now, hold), failing, ours });
    }

    fn end_trip_if_over(&mut self, settings: &SelfCheckSettings, now: Timestamp) {
        let vetoed = self.vetoed(now);
        let Some(trip) = &self.trip else { return };
        let enough = trip.failing.len() >= settings.min_monitors.max(1) as usize;
        let cleared = if trip.ours {
            vetoed || (self.links_up && self.self_check.is_none_or(|(well, _)| well))
        } else {
            vetoed || !enough
        };
        let over = now >= trip.until;
        if !(over || cleared || !settings.enabled) {
            return;
        }
        let trip = self.trip.take();
        if let Some(trip) = trip.filter(|_| over && enough) {
            let networks: HashSet<_> = trip.failing.values().flatten().collect();
            self.outage = Some(MassOutage {
                networks: networks.len(),
                monitors: trip.failing.keys().copied().collect(),
                since: trip.since,
            });
        }
    }
}
