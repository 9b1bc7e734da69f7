//! The loop that owns engine and schedule: starts runs, feeds results in, hands decisions on. One
//! task, so that everything about monitors happens in one order.

pub mod pushes;
mod shards;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kuma_core::catalog::{Catalog, Entry};
use kuma_core::check::RunClass;
use kuma_core::engine::announce::DeliveryFeedback;
use kuma_core::engine::verdict::Next;
use kuma_core::engine::{Change, Engine, Handover, Report};
use kuma_core::id::MonitorId;
use kuma_core::observation::Observation;
use kuma_core::ports::{PushArrival, StateRow};
use kuma_core::schedule::{After, Limits, Scheduler, Timing, seed};
use kuma_core::shard::{Shard, ShardSet};
use kuma_core::time::{Clock, Mono, Now, Timestamp, between, plus};
use kuma_probe::Prober;
use kuma_server::Live;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::commit::{CommitStats, Committer};
use super::lateness::Lateness;
use super::own_fault::Pulse;
use super::uplink::Uplink;
use crate::clock::SystemClock;
use crate::cluster::InCluster;

/// Wall and monotonic clock may drift apart this far before it counts as a jump.
const JUMP: Duration = Duration::from_secs(2);
/// How often the clocks are compared at least.
const CLOCK_CHECK: Duration = Duration::from_secs(5);
/// Starts are rounded up to this, so that those which lie close together share a wake-up: waking a
/// processor that sleeps costs as much as a check.
const TICK: Duration = Duration::from_millis(5);
/// Most results taken in before runs are started again.
const MAX_BURST: usize = 256;

/// What the loop is told.
#[derive(Debug)]
pub enum Message {
    /// An attempt ended.
    Attempt {
        /// Which monitor.
        id: MonitorId,
        /// What it saw.
        observation: Box<Observation>,
        /// When it began.
        started: Timestamp,
        /// When it ended.
        ended: Timestamp,
    },
    /// Another catalog is in force.
    Catalog(Arc<Catalog>),
    /// A push arrived and is in the store's inbox.
    Pushed(PushArrival),
    /// A push came and the store does not take it.
    PushRefused(MonitorId),
    /// A delivery ended in a way that matters to the engine.
    Delivery(MonitorId, DeliveryFeedback),
    /// A round of self checks ended.
    SelfChecks {
        /// Targets that answered.
        succeeded: u32,
        /// Targets that did not.
        failed: u32,
    },
    /// Whether any link but loopback is up.
    Links(bool),
    /// Shards are ours from now on; what the store knows of their monitors.
    Gain(ShardSet, Box<Handover>),
    /// Shards are somebody else's from now on. Answered when their runs are cut short and what was
    /// decided about them is handed on.
    Lose(ShardSet, oneshot::Sender<()>),
    /// What other processes decided about monitors of theirs.
    Others(Vec<StateRow>),
    /// Objects that monitors look at have changed: these run at once.
    RunNow(Vec<MonitorId>),
    /// Stop: runs under way are cut short, decisions are handed on, then the answer is sent.
    Stop(oneshot::Sender<()>),
}

/// What the loop is made of.
pub struct Parts {
    /// Time.
    pub clock: SystemClock,
    /// Runs checks.
    pub prober: Arc<Prober>,
    /// Takes decisions.
    pub committer: Committer,
    /// Knows whether the store is away.
    pub commits: Arc<CommitStats>,
    /// Knows when this process stood still.
    pub pulse: Arc<Pulse>,
    /// Knows when this host had no way out.
    pub uplink: Arc<Uplink>,
    /// Pushes that are being stored.
    pub arrivals: Arc<pushes::Arrivals>,
    /// Shows states.
    pub live: Arc<Live>,
    /// Collects lateness and counts.
    pub lateness: Arc<Lateness>,
    /// The engine with its loaded states.
    pub engine: Engine,
    /// Asks other members to run monitors of theirs, where there are others.
    pub ask_others: Option<mpsc::UnboundedSender<Vec<MonitorId>>>,
    /// Hears what changed, on a cluster.
    pub watcher: Option<Arc<InCluster>>,
    /// What the loop is told.
    pub messages: mpsc::UnboundedReceiver<Message>,
    /// The same channel, for results.
    pub sender: mpsc::UnboundedSender<Message>,
}

struct Loop {
    parts: Parts,
    scheduler: Scheduler,
    catalog: Arc<Catalog>,
    runs: CancellationToken,
    /// Cuts the runs of single shards short.
    shard_runs: BTreeMap<Shard, CancellationToken>,
    /// Arrivals that were decided about: on a shared store they are seen until that is committed.
    arrivals_seen: BTreeSet<i64>,
    origin: Now,
    /// Since when the own-fault guard holds, if it does.
    guard_since: Option<Timestamp>,
    /// Until when pushes could arrive, as far as it was looked at.
    listened: Mono,
}

/// Runs until it is told to stop.
pub async fn run(parts: Parts) {
    let origin = parts.clock.now();
    let scheduler = Scheduler::new(limits(&Catalog::default()), wall_origin(origin));
    let engine_loop = Loop {
        parts,
        scheduler,
        catalog: Arc::default(),
        runs: CancellationToken::new(),
        shard_runs: BTreeMap::new(),
        arrivals_seen: BTreeSet::new(),
        origin,
        guard_since: None,
        listened: origin.mono,
    };
    engine_loop.run().await;
}

/// Limits of the settings; the automatic one comes from the open-file limit.
fn limits(catalog: &Catalog) -> Limits {
    let settings = &catalog.settings.scheduler;
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let automatic = files.unwrap_or(1 << 20).div_euclid(4).clamp(16, 16_384);
    Limits {
        network: settings.max_concurrent_net.map_or(automatic as usize, |asked| asked as usize),
        privileged: settings.max_concurrent_priv as usize,
        per_host: settings.max_per_host as usize,
    }
}

fn wall_origin(now: Now) -> i128 {
    now.wall.as_nanosecond() - i128::from(now.mono.0)
}

fn timing(entry: &Entry, catalog: &Catalog) -> Timing {
    let monitor = &entry.monitor;
    let settings = &catalog.settings.scheduler;
    Timing {
        seed: seed(&monitor.name.to_string()),
        interval: monitor.schedule.interval.max(Duration::from_millis(1)),
        jitter_percent: monitor.schedule.jitter_percent.unwrap_or(settings.jitter_percent),
        initial_delay: monitor.schedule.initial_delay,
        class: monitor.check.run_class(),
        host: monitor.check.host().map(Into::into),
    }
}

fn is_probed(entry: &Entry) -> bool {
    entry.monitor.check.run_class() != RunClass::Passive
}

impl Loop {
    async fn run(mut self) {
        loop {
            self.start_runs();
            let wake = self.wake_at();
            tokio::select! {
                message = self.parts.messages.recv() => {
                    let Some(message) = message else { return };
                    if let Some(stopped) = self.take_burst(message) {
                        self.stop();
                        // Whoever asked may have gone.
                        let _ = stopped.send(());
                        return;
                    }
                }
                () = tokio::time::sleep_until(self.parts.clock.instant(wake)) => {}
            }
            self.watch_clock();
            self.timers();
        }
    }

    /// Takes a message and whatever waits behind it. Returns the answer channel of a stop.
    fn take_burst(&mut self, first: Message) -> Option<oneshot::Sender<()>> {
        let mut next = Some(first);
        for _ in 0..MAX_BURST {
            match next.take() {
                Some(Message::Stop(stopped)) => return Some(stopped),
                Some(message) => self.take(message),
                None => break,
            }
            next = self.parts.messages.try_recv().ok();
        }
        match next {
            Some(Message::Stop(stopped)) => Some(stopped),
            Some(message) => {
                self.take(message);
                None
            }
            None => None,
        }
    }

    fn take(&mut self, message: Message) {
        let now = self.parts.clock.now();
        match message {
            Message::Attempt { id, observation, started, ended } => {
                self.attempt(id, &observation, started, ended, now);
            }
            Message::Catalog(catalog) => self.swap(&catalog, now),
            Message::Pushed(arrival) => self.pushed(&arrival, now),
            Message::PushRefused(id) => {
                self.parts.arrivals.end(id);
                self.excuse_push(id, &pushes::store_is_away(), now);
            }
            Message::Delivery(id, feedback) => {
                let report = self.parts.engine.delivered(id, feedback, now.wall);
                self.apply(report, now);
            }
            Message::SelfChecks { succeeded, failed } => {
                let report = self.parts.engine.observe_self_checks(succeeded, failed, now.wall);
                self.apply(report, now);
            }
            Message::Links(up) => {
                let report = self.parts.engine.observe_links(up, now.wall);
                self.apply(report, now);
            }
            Message::Gain(shards, handover) => self.gain(shards, &handover, now),
            Message::Lose(shards, done) => {
                self.lose(shards);
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Message::Others(states) => {
                let report = self.parts.engine.observe_others(&states, now.wall);
                self.apply(report, now);
                self.show_others(&states);
            }
            Message::RunNow(ids) => {
                for id in ids.into_iter().filter(|id| self.parts.engine.owned().holds(*id)) {
                    self.scheduler.run_now(id, now.mono);
                }
            }
            Message::Stop(_) => {}
        }
    }

    fn attempt(
        &mut self,
        id: MonitorId,
        observation: &Observation,
        started: Timestamp,
        ended: Timestamp,
        now: Now,
    ) {
        let report = self.parts.engine.attempt(id, observation, started, ended, now.wall);
        let attempts = report.batch.heartbeats.first().map_or(1, |beat| u32::from(beat.attempts));
        self.parts.live.attempt(id, observation, ended, attempts);
        let own = report.changes.iter().find(|change| change.id == id).map(|change| change.next);
        // The schedule hears what follows even when the engine had nothing to decide.
        self.scheduler.finished(id, Self::after(own.unwrap_or_default(), now), now.mono);
        self.apply(report, now);
        self.show_next_run(id, now);
    }

    fn swap(&mut self, catalog: &Arc<Catalog>, now: Now) {
        self.parts.live.sync(catalog);
        self.scheduler.set_limits(limits(catalog));
        for id in self.catalog.by_id.keys().filter(|id| !catalog.by_id.contains_key(id)) {
            self.scheduler.remove(*id);
        }
        self.catalog = catalog.clone();
        self.schedule(ShardSet::ALL, now);
        let report = self.parts.engine.swap(catalog, now.wall);
        self.apply(report, now);
        self.show_states(ShardSet::ALL, now);
    }

    fn start_runs(&mut self) {
        let now = self.parts.clock.now();
        for start in self.scheduler.due(now.mono) {
            let Some(entry) = self.catalog.entry(start.id) else {
                self.scheduler.finished(start.id, After::Stop, now.mono);
                continue;
            };
            self.parts.lateness.started(start.lateness);
            let monitor = entry.monitor.clone();
            let settings = self.catalog.settings.clone();
            let (id, prober, clock) = (start.id, self.parts.prober.clone(), self.parts.clock);
            let (sender, cut) = (self.parts.sender.clone(), self.cut(start.id));
            let (pulse, uplink) = (self.parts.pulse.clone(), self.parts.uplink.clone());
            tokio::spawn(async move {
                let timeout = monitor.schedule.timeout(&settings.scheduler);
                let started = clock.now();
                // Boxed, because a spawned future is copied many times and this part is large.
                let run = Box::pin(prober.run(&monitor, &settings, timeout));
                let observation = tokio::select! {
                    observation = run => observation,
                    () = cut.cancelled() => return,
                };
                let ended = clock.now();
                let observation = pulse.excuse(observation, started.mono, ended.mono);
                let observation = Box::new(uplink.excuse(observation, started.mono).await);
                let (started, ended) = (started.wall, ended.wall);
                // A loop that is gone needs no results.
                let _ = sender.send(Message::Attempt { id, observation, started, ended });
            });
        }
        self.parts.lateness.counts(self.scheduler.counts());
    }

    fn after(next: Next, now: Now) -> After {
        match next {
            Next::Keep | Next::Regular => After::Regular,
            Next::RetryAt(at) => After::RetryAt(mono(at, now)),
            Next::Now => After::Now,
            Next::Stop => After::Stop,
        }
    }

    /// Takes the engine's decisions: what runs when, what is shown, logged and stored.
    fn apply(&mut self, report: Report, now: Now) {
        for change in &report.changes {
            self.plan(change, now);
            self.show(change, now);
            show::log(change, &self.catalog);
            self.tell_cluster(change);
        }
        let owned = self.parts.engine.owned();
        let (ours, others): (Vec<MonitorId>, Vec<MonitorId>) =
            report.run_now.iter().partition(|id| owned.holds(**id));
        for id in ours {
            self.scheduler.run_now(id, now.mono);
        }
        if let Some(ask) = self.parts.ask_others.as_ref().filter(|_| !others.is_empty()) {
            // Without the loop of the members the process is stopping.
            let _ = ask.send(others);
        }
        self.show_passive(&report.batch.heartbeats);
        self.watch_guard(now);
        if report.unrouted > 0 {
            self.parts.live.total(|totals| totals.unrouted += u64::from(report.unrouted));
        }
        self.parts.committer.commit(report.batch);
    }

    /// Statuses and Events tell it too.
    fn tell_cluster(&self, change: &Change) {
        let Some(watcher) = &self.parts.watcher else { return };
        if let Some(entry) = self.catalog.entry(change.id) {
            watcher.changed(&entry.monitor, change);
        }
    }

    fn plan(&mut self, change: &Change, now: Now) {
        let Some(entry) = self.catalog.entry(change.id).filter(|entry| is_probed(entry)) else {
            return;
        };
        if !self.parts.engine.owned().holds(change.id) {
            return;
        }
        match change.next {
            Next::Keep => {}
            Next::Regular => {
                // Its timing changes with the catalog only, which sets it; deriving it for every
                // attempt means parsing the URL each time.
                if entry.monitor.enabled && !self.scheduler.is_scheduled(change.id) {
                    let timing = timing(entry, &self.catalog);
                    self.scheduler.set(change.id, timing, now.mono);
                }
            }
            Next::RetryAt(at) => self.scheduler.retry_at(change.id, mono(at, now)),
            Next::Now => self.scheduler.run_now(change.id, now.mono),
            Next::Stop => self.scheduler.stop(change.id),
        }
    }

    fn timers(&mut self) {
        let now = self.parts.clock.now();
        self.excuse_pushes(now);
        if self.parts.engine.next_wakeup().is_some_and(|at| at <= now.wall) {
            self.wait_for_arrivals(now);
            let report = self.parts.engine.due(now.wall);
            self.apply(report, now);
        }
    }

    fn wake_at(&mut self) -> Mono {
        let now = self.parts.clock.now();
        let latest = now.mono + CLOCK_CHECK;
        let engine = self.parts.engine.next_wakeup().map(|at| mono(at, now));
        let schedule = self.scheduler.next_wakeup().map(|at| at.round_up(TICK));
        engine.into_iter().chain(schedule).chain([latest]).min().unwrap_or(latest)
    }

    /// Looks whether the wall clock jumped or this host slept: durations must not see it.
    fn watch_clock(&mut self) {
        let now = self.parts.clock.now();
        let expected = plus(self.origin.wall, now.mono.since(self.origin.mono));
        let ahead = between(expected, now.wall);
        let behind = between(now.wall, expected);
        if ahead < JUMP && behind < JUMP {
            return;
        }
        let by = now.wall.duration_since(expected);
        warn!(by_s = by.as_secs(), "the wall clock jumped or this host slept");
        self.parts.lateness.jumped();
        self.parts.engine.rebase(by);
        self.scheduler.set_wall_origin(wall_origin(now));
        self.origin = now;
        let report = self.parts.engine.due(now.wall);
        self.apply(report, now);
    }

    fn stop(&mut self) {
        self.runs.cancel();
        let now = self.parts.clock.now();
        self.parts.committer.commit(self.parts.engine.stop(now.wall));
    }
}

/// The monotonic instant of a wall-clock one, not before now; a millisecond later, because the
/// engine keeps whole ones.
fn mono(at: Timestamp, now: Now) -> Mono {
    let wait = between(now.wall, at);
    if wait.is_zero() { now.mono } else { now.mono + wait + Duration::from_millis(1) }
}
