//! What happens now and then: uptime for lists, retention, self checks, links, and the dead-man
//! ping.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kuma_core::catalog::CatalogSource;
use kuma_core::id::MonitorId;
use kuma_core::ports::Store;
use kuma_core::secret::SecretSource;
use kuma_core::time::{Clock, minus};
use kuma_notify::Heartbeat;
use kuma_server::Live;
use kuma_server::live::UPTIME_WINDOWS;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::catalog::Holder;
use super::commit::CommitStats;
use super::engine_loop::Message;
use super::standing::Standing;
use super::uplink::links_up;
use crate::clock::SystemClock;

/// How often uptime is computed anew, at most.
const UPTIME_EVERY: Duration = Duration::from_secs(20);
/// With many monitors it is computed less often: the pause is so many times what it takes.
const UPTIME_PAUSE: u32 = 100;
/// But at least so often.
const UPTIME_LATEST: Duration = Duration::from_secs(300);
/// How often old rows are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(600);
/// Pause between two small steps of retention.
const RETENTION_PAUSE: Duration = Duration::from_millis(50);
/// How often self checks and links are looked at.
const SELF_CHECK_EVERY: Duration = Duration::from_secs(10);
/// How long a self check may take.
const SELF_CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the dead-man ping is sent.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(60);

/// What upkeep needs.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) clock: SystemClock,
    pub(super) store: Arc<dyn Store>,
    pub(super) live: Arc<Live>,
    pub(super) catalog: Holder,
    pub(super) secrets: Arc<dyn SecretSource>,
    pub(super) standing: Arc<Standing>,
    pub(super) namespace: String,
    pub(super) commits: Arc<CommitStats>,
    pub(super) engine: mpsc::UnboundedSender<Message>,
}

/// Starts every chore; they end on `stop`.
pub(super) fn start(parts: Parts, tracker: &TaskTracker, stop: &CancellationToken) {
    tracker.spawn(uptimes(parts.clone(), stop.clone()));
    every(tracker, stop, RETENTION_EVERY, parts.clone(), retention);
    every(tracker, stop, SELF_CHECK_EVERY, parts.clone(), self_checks);
    every(tracker, stop, SELF_CHECK_EVERY, parts.clone(), links);
    let client = Arc::new(Heartbeat::default());
    every(tracker, stop, HEARTBEAT_EVERY, parts, move |parts| heartbeat(parts, client.clone()));
}

fn every<F, Fut>(
    tracker: &TaskTracker,
    stop: &CancellationToken,
    period: Duration,
    parts: Parts,
    chore: F,
) where
    F: Fn(Parts) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let stop = stop.clone();
    tracker.spawn(async move {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = chore(parts.clone()) => {}
            }
        }
    });
}

async fn uptimes(parts: Parts, stop: CancellationToken) {
    loop {
        let begun = parts.clock.now().mono;
        let computed = async {
            uptime(parts.clone()).await;
            let took = parts.clock.now().mono.since(begun);
            tokio::time::sleep((took * UPTIME_PAUSE).clamp(UPTIME_EVERY, UPTIME_LATEST)).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = computed => {}
        }
    }
}

async fn uptime(parts: Parts) {
    let catalog = parts.catalog.current();
    let ids: Vec<MonitorId> = catalog.by_id.keys().copied().collect();
    let now = parts.clock.now().wall;
    for (window, (_, hours)) in UPTIME_WINDOWS.iter().enumerate() {
        let from = minus(now, Duration::from_secs(u64::from(*hours) * 3600));
        match parts.store.uptime(&ids, from, now).await {
            Ok(sums) => {
                for (id, sums) in ids.iter().zip(sums) {
                    parts.live.update(*id, |live| live.uptime[window] = sums.ratio());
                }
            }
            Err(error) => return debug!(%error, "uptime could not be computed"),
        }
    }
}

async fn retention(parts: Parts) {
    if !parts.standing.coordinates() {
        return;
    }
    let settings = parts.catalog.current().settings.retention.clone();
    loop {
        let now = parts.clock.now().wall;
        match parts.store.retention_step(now, settings.clone()).await {
            Ok(true) => tokio::time::sleep(RETENTION_PAUSE).await,
            Ok(false) => return,
            Err(error) => return warn!(%error, "old rows could not be removed"),
        }
    }
}

/// Asks the targets of `networking.selfCheck`; nobody is asked that nobody named.
async fn self_checks(parts: Parts) {
    let settings = parts.catalog.current().settings.networking.self_check.clone();
    if !settings.enabled || settings.targets.is_empty() {
        return;
    }
    let (mut succeeded, mut failed) = (0, 0);
    for target in &settings.targets {
        let connected =
            tokio::time::timeout(SELF_CHECK_TIMEOUT, TcpStream::connect(target.as_str())).await;
        if matches!(connected, Ok(Ok(_))) {
            succeeded += 1;
        } else {
            failed += 1;
        }
    }
    // Without an engine loop the process is stopping.
    let _ = parts.engine.send(Message::SelfChecks { succeeded, failed });
}

/// Looks whether any link but loopback is up. A host that never had one is not judged by it.
async fn links(parts: Parts) {
    if let Some(up) = links_up().await {
        // Without an engine loop the process is stopping.
        let _ = parts.engine.send(Message::Links(up));
    }
}

/// Tells an outside watcher that we are well, if one is named; says nothing while we are not.
async fn heartbeat(parts: Parts, client: Arc<Heartbeat>) {
    if !parts.standing.coordinates() {
        return;
    }
    let catalog = parts.catalog.current();
    let Some(url) = &catalog.settings.heartbeat_url else { return };
    let away = parts.commits.away.load(Ordering::Relaxed);
    if away || parts.store.ping().await.is_err() {
        return warn!("no dead-man ping is sent: the store is away");
    }
    let now = parts.clock.now().wall;
    let sent = client.send(&parts.namespace, url, &*parts.secrets, now).await;
    if let Err(error) = sent {
        warn!(%error, "the dead-man ping was not taken");
    }
}
