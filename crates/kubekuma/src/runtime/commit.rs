//! Between the engine's loop and the store: keeps order, keeps what must not be lost while the
//! store is away, and delivers urgent messages without it (`design/engine.md`, store down).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use kuma_core::catalog::CatalogSource;
use kuma_core::ports::{Authority, Batch, CommitReport, Fence, OutboxRow, Store, StoreError};
use kuma_core::stats::{Counter, Sample, StatKind, Stats};
use kuma_core::time::{Clock, Timestamp, minus};
use kuma_core::trouble::Trouble;
use kuma_notify::Deliverer;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::standing::Standing;
use crate::clock::SystemClock;

/// After so long without the store, messages go out without it.
const EMERGENCY_AFTER: Duration = Duration::from_secs(15);
/// How often the store is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Most batches with decisions kept in memory; older ones give way to newer ones, counted.
const MAX_KEPT: usize = 10_000;
/// Most commits under way.
const MAX_PENDING: usize = 64;
/// Most results in one batch.
const MAX_RESULTS: usize = 1000;
/// How long routine results are gathered: handing each to the store alone costs a tenth of a check.
const GATHER: Duration = Duration::from_millis(40);

/// Numbers about commits that failed.
#[derive(Debug, Default)]
pub struct CommitStats {
    dropped: Counter,
    failed: Counter,
    kept: Counter,
    emergency: Counter,
    /// Whether the store is away right now.
    pub away: AtomicBool,
}

impl Stats for CommitStats {
    fn samples(&self) -> Vec<Sample> {
        let sample = |name, help, kind, counter: &Counter| Sample {
            name,
            help,
            kind,
            labels: Vec::new(),
            value: counter.get() as f64,
        };
        vec![
            sample(
                "store_dropped_results",
                "Routine results dropped because the store was away.",
                StatKind::Counter,
                &self.dropped,
            ),
            sample("store_failed_commits", "Commits that failed.", StatKind::Counter, &self.failed),
            sample(
                "store_kept_decisions",
                "Decisions kept in memory until the store is back.",
                StatKind::Gauge,
                &self.kept,
            ),
            sample(
                "emergency_messages",
                "Messages sent without the store.",
                StatKind::Counter,
                &self.emergency,
            ),
        ]
    }
}

/// Takes batches in order.
#[derive(Debug, Clone)]
pub struct Committer {
    sender: mpsc::UnboundedSender<Order>,
    standing: Arc<Standing>,
}

/// What the worker is given.
#[derive(Debug)]
enum Order {
    /// A batch, in whose name it was decided.
    Commit(Box<Batch>, Fence),
    /// Answer when everything before is committed, or kept because the store is away.
    Flush(oneshot::Sender<()>),
}

impl Committer {
    /// Hands a batch on. Never blocks: while the store is away only decisions are kept, and those
    /// are bounded.
    /// It is written in the name that this process has now: what was decided before a shard was lost
    /// is not written in the name under which it came back.
    pub fn commit(&self, batch: Batch) {
        if !batch.is_empty() {
            // The receiver lives until the program stops.
            let _ = self.sender.send(Order::Commit(Box::new(batch), self.standing.fence()));
        }
    }

    /// Resolves when everything that was handed over before is committed, or kept because the
    /// store is away.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.sender.send(Order::Flush(done)).is_ok() {
            // A worker that has ended has flushed.
            let _ = flushed.await;
        }
    }
}

/// A commit under way, and what must survive its failure.
struct Pending {
    decisions: Option<Batch>,
    fence: Fence,
    results: u64,
    told: bool,
}

type Commits = FuturesUnordered<BoxFuture<'static, (Pending, Result<CommitReport, StoreError>)>>;

struct Worker {
    store: Arc<dyn Store>,
    deliverer: Arc<Deliverer>,
    stats: Arc<CommitStats>,
    commits: Commits,
    /// Routine results that wait for company.
    gathered: Option<Gathered>,
    /// What was decided in another name than what is gathered, and waits until that has gone.
    next: Option<(Batch, Fence)>,
    /// Commits under way that hold decisions: one at most, so that none overtakes one that fails.
    deciding: usize,
    kept: VecDeque<(Batch, Fence)>,
    /// Who waits until nothing is under way.
    flushing: Vec<oneshot::Sender<()>>,
    standing: Arc<Standing>,
    /// Keys that were handed over without the store.
    handed: HashSet<String>,
    away_since: Option<Instant>,
    /// When people hear of it: the wall clock's view of `away_since`, once it was told.
    told_since: Option<Timestamp>,
    catalog: Arc<dyn CatalogSource>,
    clock: SystemClock,
}

/// Results that wait for company, in whose name, and until when.
struct Gathered {
    batch: Batch,
    fence: Fence,
    until: Instant,
}

/// Starts the worker; it ends when every [`Committer`] is gone or on `stop`, after a last try.
pub fn start(
    store: Arc<dyn Store>,
    deliverer: Arc<Deliverer>,
    stats: Arc<CommitStats>,
    world: (Arc<dyn CatalogSource>, SystemClock),
    standing: Arc<Standing>,
    stop: CancellationToken,
) -> (Committer, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let worker = Worker {
        store,
        deliverer,
        stats,
        commits: Commits::new(),
        gathered: None,
        next: None,
        deciding: 0,
        kept: VecDeque::new(),
        flushing: Vec::new(),
        standing: standing.clone(),
        handed: HashSet::new(),
        away_since: None,
        told_since: None,
        catalog: world.0,
        clock: world.1,
    };
    (Committer { sender, standing }, tokio::spawn(worker.run(receiver, stop)))
}

impl Worker {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>, stop: CancellationToken) {
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.answer_flushes();
            let due = self.due();
            tokio::select! {
                order = orders.recv(), if self.has_room() => match order {
                    Some(Order::Commit(batch, fence)) => self.gather(*batch, fence),
                    Some(Order::Flush(done)) => self.flushing.push(done),
                    None => break,
                },
                () = tokio::time::sleep_until(due), if self.may_hand_on() => self.hand_on(),
                Some((pending, end)) = self.commits.next() => self.done(pending, end),
                _ = retry.tick(), if self.away_since.is_some() => self.again().await,
                () = stop.cancelled(), if !orders.is_closed() => orders.close(),
            }
        }
        while let Some((pending, end)) = self.commits.next().await {
            self.done(pending, end);
        }
        self.hand_on();
        while let Some((pending, end)) = self.commits.next().await {
            self.done(pending, end);
        }
        if self.away_since.is_some() {
            self.again().await;
        }
        if !self.kept.is_empty() {
            let decisions = self.kept.len();
            tracing::error!(decisions, "the store stayed away until the end; decisions are lost");
        }
    }

    /// When what was gathered goes on: decisions at once, and whatever somebody waits for.
    fn due(&self) -> Instant {
        let hurried = self.next.is_some() || !self.flushing.is_empty();
        let waits = |gathered: &&Gathered| !gathered.batch.durable && !hurried;
        let until = self.gathered.as_ref().filter(waits);
        until.map_or_else(Instant::now, |gathered| gathered.until)
    }

    fn answer_flushes(&mut self) {
        if self.gathered.is_none() && self.commits.is_empty() {
            for done in self.flushing.drain(..) {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    }

    fn may_hand_on(&self) -> bool {
        self.gathered.is_some() && self.deciding == 0
    }

    fn has_room(&self) -> bool {
        let full = |gathered: &Gathered| gathered.batch.heartbeats.len() >= MAX_RESULTS;
        self.flushing.is_empty()
            && self.next.is_none()
            && self.commits.len() < MAX_PENDING
            && !self.gathered.as_ref().is_some_and(full)
    }

    /// Puts a batch behind those that wait, and hands all of them on if it cannot wait itself.
    fn gather(&mut self, batch: Batch, fence: Fence) {
        // What was decided in another name is written in another name, and after what is under way.
        if self.gathered.as_ref().is_some_and(|gathered| gathered.fence != fence) {
            self.next = Some((batch, fence));
            if self.deciding == 0 {
                self.hand_on();
            }
            return;
        }
        let gathered = self.gathered.get_or_insert_with(|| Gathered {
            batch: Batch::default(),
            fence,
            until: Instant::now() + GATHER,
        });
        gathered.batch.append(batch);
        let waits = !gathered.batch.durable && gathered.batch.heartbeats.len() < MAX_RESULTS;
        if !waits && self.deciding == 0 {
            self.hand_on();
        }
    }

    /// Hands what was gathered to the store. Routine batches linger there to share a transaction,
    /// so several are under way at once, in order. Decisions are not: one that fails is tried again
    /// later, and what was decided after it must not be there before it.
    fn hand_on(&mut self) {
        let Some(gathered) = self.gathered.take() else { return };
        self.hand_over(gathered);
        if let Some((batch, fence)) = self.next.take() {
            self.gather(batch, fence);
        }
    }

    fn hand_over(&mut self, Gathered { batch, fence, .. }: Gathered) {
        if self.away_since.is_some() {
            self.stats.dropped.add(batch.heartbeats.len() as u64);
            return self.keep(decisions(&batch), fence);
        }
        let pending = Pending {
            decisions: decisions(&batch),
            fence,
            results: batch.heartbeats.len() as u64,
            told: !batch.outbox.is_empty(),
        };
        self.start(pending, batch);
    }

    fn start(&mut self, pending: Pending, batch: Batch) {
        self.deciding += usize::from(pending.decisions.is_some());
        let store = self.store.clone();
        let fence = pending.fence.clone();
        let commit = async move { (pending, store.commit(batch, fence).await) };
        self.commits.push(commit.boxed());
    }

    fn done(&mut self, pending: Pending, end: Result<CommitReport, StoreError>) {
        self.deciding -= usize::from(pending.decisions.is_some());
        match end {
            // We may have expired because the store was away for all, or we stood still: whether our
            // shards are still ours is known after the next heartbeat.
            Ok(report) if report.refused > 0 && !self.standing.confirmed() => {
                self.standing.doubt();
                self.away_since.get_or_insert_with(Instant::now);
                self.keep(pending.decisions, pending.fence);
            }
            Ok(report) => {
                self.refused(report);
                if pending.told {
                    self.deliverer.wake();
                }
            }
            Err(error) => {
                self.stats.dropped.add(pending.results);
                self.lost(pending.decisions, pending.fence, &error);
            }
        }
    }

    /// Rows of shards that are somebody else's by now are not written, here or later.
    fn refused(&self, report: CommitReport) {
        if report.refused > 0 {
            tracing::warn!(rows = report.refused, "rows of shards of other instances were refused");
            self.standing.doubt();
        }
    }

    fn lost(&mut self, decisions: Option<Batch>, fence: Fence, error: &StoreError) {
        self.stats.failed.inc();
        if self.away_since.is_none() {
            tracing::error!(%error, "the store is away; checks go on, results wait");
            self.away_since = Some(Instant::now());
            self.stats.away.store(true, Ordering::Relaxed);
        }
        self.keep(decisions, fence);
    }

    fn keep(&mut self, decisions: Option<Batch>, fence: Fence) {
        let Some(decisions) = decisions else { return };
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
            tracing::error!("too many decisions wait for the store; the oldest is dropped");
        }
        self.kept.push_back((decisions, fence));
        self.stats.kept.set(self.kept.len() as u64);
    }

    async fn again(&mut self) {
        let Some(since) = self.away_since else { return };
        if since.elapsed() >= EMERGENCY_AFTER {
            self.tell_trouble(since.elapsed());
            self.emergency();
        }
        if !self.standing.confirmed() {
            return;
        }
        while let Some((batch, fence)) = self.kept.front().cloned() {
            match self.store.commit(batch, fence).await {
                Ok(report) => self.refused(report),
                Err(_) => return,
            }
            self.kept.pop_front();
            self.stats.kept.set(self.kept.len() as u64);
        }
        if self.store.ping().await.is_ok() {
            let away_s = since.elapsed().as_secs();
            tracing::info!(away_s, "the store is back");
            self.away_since = None;
            self.tell_end();
            self.handed.clear();
            self.stats.away.store(false, Ordering::Relaxed);
            self.deliverer.wake();
        }
    }

    /// Lets the system provider hear that the store is away, once; the row is stored with the
    /// decisions that wait.
    fn tell_trouble(&mut self, away: Duration) {
        if self.told_since.is_some() {
            return;
        }
        let now = self.clock.now().wall;
        let since = minus(now, away);
        self.told_since = Some(since);
        let message = "The store cannot be written. Checks go on, urgent messages are sent without it, and routine results are lost until it is back.";
        self.keep_trouble(Trouble { kind: "store", message, since, over: None }, now);
    }

    fn tell_end(&mut self) {
        let Some(since) = self.told_since.take() else { return };
        let now = self.clock.now().wall;
        let message = "The store is back.";
        self.keep_trouble(Trouble { kind: "store", message, since, over: Some(now) }, now);
    }

    fn keep_trouble(&mut self, trouble: Trouble<'_>, now: Timestamp) {
        let Some(row) = kuma_core::trouble::row(&self.catalog.current(), trouble, now) else {
            return;
        };
        let batch = Batch { outbox: vec![row], durable: true, ..Batch::default() };
        let fence = self.standing.fence();
        if self.away_since.is_some() {
            self.keep(Some(batch), fence);
        } else {
            let decisions = Some(batch.clone());
            let pending = Pending { decisions, fence, results: 0, told: true };
            self.start(pending, batch);
        }
    }

    /// Hands the messages that wait to the deliverer, which sends each key once; the rows stay in
    /// the kept batches and are inserted when the store is back.
    ///
    /// Not after a standstill: a member whose heartbeat may have expired asks the store first.
    fn emergency(&mut self) {
        if !self.standing.may_act() {
            return;
        }
        let fresh: Vec<OutboxRow> = self
            .kept
            .iter()
            .flat_map(|(batch, _)| batch.outbox.iter())
            .filter(|row| !self.handed.contains(&row.key))
            .cloned()
            .collect();
        if fresh.is_empty() {
            return;
        }
        self.handed.extend(fresh.iter().map(|row| row.key.clone()));
        self.stats.emergency.add(fresh.len() as u64);
        let deliverer = self.deliverer.clone();
        // Ends when every message is sent or dead; nobody waits for it.
        tokio::spawn(async move { deliverer.deliver_direct(fresh).await });
    }
}

/// What of a batch must not be lost: everything but routine results.
fn decisions(batch: &Batch) -> Option<Batch> {
    let decisions = Batch {
        heartbeats: Vec::new(),
        intervals: batch.intervals.clone(),
        incidents: batch.incidents.clone(),
        outbox: batch.outbox.clone(),
        suppressed: batch.suppressed.clone(),
        states: batch.states.clone(),
        push_consumed: batch.push_consumed.clone(),
        objects: batch.objects.clone(),
        objects_deleted: batch.objects_deleted.clone(),
        audit: batch.audit.clone(),
        durable: true,
    };
    (!decisions.is_empty()).then_some(decisions)
}
