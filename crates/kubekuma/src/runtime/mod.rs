//! The running monitor: start-up and shutdown in the order of `design/overview.md`.

pub mod catalog;
pub mod commit;
pub mod engine_loop;
pub mod lateness;
pub mod own_fault;
pub mod ready;
pub mod signals;
mod source_loop;
#[cfg(test)]
mod tests;
mod tokens;
mod upkeep;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kuma_api::read::ReadContext;
use kuma_core::catalog::CatalogSource;
use kuma_core::engine::Engine;
use kuma_core::id::{MonitorId, ObjectKey};
use kuma_core::object::{Object, Origin};
use kuma_core::ports::{Batch, Heartbeat, Incident, IncidentQuery, Store, StoreError};
use kuma_core::secret::SecretSource;
use kuma_core::shard::ShardSet;
use kuma_core::stats::Stats;
use kuma_core::time::Clock;
use kuma_notify::{Deliverer, DelivererConfig, Feedback};
use kuma_probe::{Prober, ProberConfig};
use kuma_server::gate::Gate;
use kuma_server::{Context, Live};
use kuma_store::{SqliteOptions, SqliteStore};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::clock::SystemClock;
use crate::secrets::{self, LocalSecrets};
use crate::source::folder::FolderWatch;
use crate::source::scan::Scanner;
use crate::source::settle::Settler;
use engine_loop::Message;

/// Longest a stop may take (`design/overview.md`).
pub const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What `serve` needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder, or single files.
    pub roots: Vec<PathBuf>,
    /// The database file.
    pub database: PathBuf,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Who may use the API.
    pub gate: Gate,
    /// `KUBE_NAMESPACE`.
    pub namespace: String,
    /// Folder of secrets.
    pub secrets_dir: Option<PathBuf>,
}

/// A running monitor.
pub struct Running {
    /// The live states.
    pub live: Arc<Live>,
    /// Time.
    pub clock: SystemClock,
    /// Where the server listens.
    pub address: SocketAddr,
    engine: mpsc::UnboundedSender<Message>,
    status: Arc<ready::Status>,
    store: Arc<SqliteStore>,
    stop_source: CancellationToken,
    stop_delivery: CancellationToken,
    stop_commits: CancellationToken,
    stop_server: CancellationToken,
    tracker: TaskTracker,
    commits: tokio::task::JoinHandle<()>,
}

/// Starts everything; returns when the first catalog is in force and checks have begun.
///
/// # Errors
/// When the port is taken, the database cannot be opened or the folder does not exist.
pub async fn start(options: Options, clock: SystemClock) -> anyhow::Result<Running> {
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        let (port, address) = (options.listen.port(), options.listen.ip());
        format!("port {port} on {address} cannot be listened on; name another with --port")
    })?;
    let address = listener.local_addr()?;
    let missing = options.roots.iter().find(|root| !root.exists());
    if !options.database.exists() {
        refuse(missing)?;
    }
    let store = open_store(&options, clock).await?;
    let last_valid = last_valid(&store).await?;
    // What ran before goes on without the folder; where nothing did, the path is a mistake.
    if last_valid.is_empty() {
        refuse(missing)?;
    }
    let port: Arc<dyn Store> = store.clone();
    let secrets = Arc::new(LocalSecrets::new(options.secrets_dir.clone(), secrets::environment()));
    let holder = catalog::Holder::empty();
    let (sender, messages) = mpsc::unbounded_channel();
    let told = sender.clone();
    let feedback: Feedback = Arc::new(move |monitor, feedback| {
        // Without an engine loop the process is stopping.
        let _ = told.send(Message::Delivery(monitor, feedback));
    });
    let deliverer = Arc::new(Deliverer::new(DelivererConfig {
        feedback: Some(feedback),
        store: port.clone(),
        catalog: Arc::new(holder.clone()),
        secrets: secrets.clone() as Arc<dyn SecretSource>,
        clock: Arc::new(clock),
    }));
    let prober = Arc::new(Prober::new(ProberConfig {
        secrets: secrets.clone() as Arc<dyn SecretSource>,
        clock: Arc::new(clock),
        cluster: None,
    })?);
    let stop_commits = CancellationToken::new();
    let commit_stats = Arc::new(commit::CommitStats::default());
    let world = (Arc::new(holder.clone()) as Arc<dyn CatalogSource>, clock);
    let (committer, commits) = commit::start(
        port.clone(),
        deliverer.clone(),
        commit_stats.clone(),
        world,
        stop_commits.clone(),
    );
    let arrivals = Arc::new(engine_loop::pushes::Arrivals::default());
    let status =
        Arc::new(ready::Status::new(sender.clone(), commit_stats.clone(), arrivals.clone()));
    let live = Arc::new(Live::default());
    let lateness = Arc::new(lateness::Lateness::default());
    let mut source = source_loop::SourceLoop::new(source_loop::Parts {
        clock,
        scanner: Scanner::new(
            options.roots.clone(),
            ReadContext { default_namespace: options.namespace.clone() },
        ),
        watch: FolderWatch::start(options.roots.clone(), clock),
        settler: Settler::new(last_valid),
        store: port.clone(),
        committer: committer.clone(),
        secrets: secrets.clone(),
        deliverer: deliverer.clone(),
        holder: holder.clone(),
        engine: sender.clone(),
        status: status.clone(),
        namespace: options.namespace.clone(),
    });
    let first = source.first().await?;
    live.sync(&first);
    let engine = load_engine(&store, &first, &live).await?;
    let tracker = TaskTracker::new();
    let stop_source = CancellationToken::new();
    let pulse = Arc::new(own_fault::Pulse::new(clock));
    let (beating, stopped) = (pulse.clone(), stop_source.clone());
    tracker.spawn(async move { beating.run(stopped).await });
    tracker.spawn(engine_loop::run(engine_loop::Parts {
        clock,
        prober: prober.clone(),
        committer: committer.clone(),
        commits: commit_stats.clone(),
        pulse,
        arrivals,
        live: live.clone(),
        lateness: lateness.clone(),
        engine,
        messages,
        sender: sender.clone(),
    }));
    // The loop has just been given the other end.
    let _ = sender.send(Message::Catalog(first));
    replay_pushes(&store, &sender, &committer).await?;
    let stop_delivery = CancellationToken::new();
    tracker.spawn(deliverer.clone().run(stop_delivery.clone()));
    // On a thread of its own: where much has changed it computes for seconds.
    let (runtime, stop) = (Handle::current(), stop_source.clone());
    tracker.spawn_blocking(move || runtime.block_on(source.run(stop)));
    let upkeep = upkeep::Parts {
        clock,
        store: port.clone(),
        live: live.clone(),
        catalog: holder.clone(),
        secrets: secrets.clone(),
        namespace: options.namespace.clone(),
        commits: commit_stats.clone(),
        engine: sender.clone(),
    };
    upkeep::start(upkeep, &tracker, &stop_source);
    let on_demand = Arc::new(kuma_server::blackbox::OnDemand::new(prober.clone()));
    let stats: Vec<Arc<dyn Stats>> = vec![lateness, prober, store.clone(), commit_stats, deliverer];
    let stop_server = CancellationToken::new();
    let router = kuma_server::router(Context {
        catalog: Arc::new(holder),
        live: live.clone(),
        store: port,
        secrets,
        clock: Arc::new(clock),
        runtime: status.clone(),
        stats: Arc::new(stats),
        on_demand,
        gate: options.gate,
        version: env!("CARGO_PKG_VERSION"),
    });
    let stopped = stop_server.clone().cancelled_owned();
    tracker.spawn(async move {
        kuma_server::serve(listener, router, stopped).await;
    });
    tracker.close();
    Ok(Running {
        live,
        clock,
        address,
        engine: sender,
        status,
        store,
        stop_source,
        stop_delivery,
        stop_commits,
        stop_server,
        tracker,
        commits,
    })
}

impl Running {
    /// Stops everything in order, within [`STOP_WITHIN`].
    pub async fn stop(self) {
        let begun = self.clock.now().mono;
        self.status.stopping();
        let stopped = tokio::time::timeout(STOP_WITHIN, async {
            self.stop_source.cancel();
            let (done, finished) = oneshot::channel();
            if self.engine.send(Message::Stop(done)).is_ok() {
                // A loop that ended by itself needs no stop.
                let _ = finished.await;
            }
            self.stop_commits.cancel();
            if let Err(error) = self.commits.await {
                tracing::error!(%error, "commits did not end well");
            }
            self.stop_delivery.cancel();
            self.stop_server.cancel();
            self.tracker.wait().await;
        })
        .await;
        if stopped.is_err() {
            warn!(after_s = STOP_WITHIN.as_secs(), "something did not stop in time");
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store could not be closed");
        }
        let took_ms = self.clock.now().mono.since(begun).as_millis();
        info!(took_ms = u64::try_from(took_ms).unwrap_or(u64::MAX), "stopped");
    }
}

/// An error that names the root that is missing, if one is.
fn refuse(missing: Option<&PathBuf>) -> anyhow::Result<()> {
    missing.map_or(Ok(()), |root| {
        let root = root.display();
        anyhow::bail!("there is no folder or file {root}; name the one that holds your YAML")
    })
}

async fn open_store(options: &Options, clock: SystemClock) -> anyhow::Result<Arc<SqliteStore>> {
    if let Some(folder) = options.database.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        anyhow::ensure!(
            folder.is_dir(),
            "there is no folder {} for the database; make it, or name another with --database",
            folder.display()
        );
    }
    let store = SqliteStore::open(SqliteOptions {
        path: options.database.clone(),
        clock: Arc::new(clock),
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
    })
    .await
    .map_err(|error| {
        let what_to_do = match error {
            StoreError::Damaged(_) => {
                ": restore a backup of it, or move it away (with -wal and -shm) to begin anew"
            }
            _ => "",
        };
        let path = options.database.display();
        anyhow::Error::from(error)
            .context(format!("the database {path} cannot be opened{what_to_do}"))
    })?;
    Ok(Arc::new(store))
}

/// The last valid version of every object, so that a broken file does not stop what ran before
/// the restart.
async fn last_valid(store: &SqliteStore) -> anyhow::Result<BTreeMap<ObjectKey, Object>> {
    let mut objects = BTreeMap::new();
    for stored in store.load_objects().await? {
        let conversion = kuma_api::convert::convert(&stored.key, &stored.meta, &stored.raw.value());
        let Some(body) = conversion.body else {
            warn!(object = %stored.key, "the stored version is not valid any more");
            continue;
        };
        let object = Object {
            key: stored.key.clone(),
            meta: stored.meta,
            origin: Origin::Store,
            raw: stored.raw,
            body,
        };
        objects.insert(stored.key, object);
    }
    Ok(objects)
}

/// Hands over pushes that the last process stored and did not look at. One that is older than what
/// is known of its monitor says nothing any more.
async fn replay_pushes(
    store: &SqliteStore,
    engine: &mpsc::UnboundedSender<Message>,
    committer: &commit::Committer,
) -> anyhow::Result<()> {
    let pending = store.pending_pushes(ShardSet::ALL).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let last = store.last_results(ShardSet::ALL).await?;
    let last: HashMap<_, _> =
        last.iter().map(|result| (result.heartbeat.monitor, result.heartbeat.at)).collect();
    let mut stale = Vec::new();
    for arrival in pending {
        if last.get(&arrival.monitor).is_some_and(|at| *at > arrival.at) {
            stale.push(arrival.id);
        } else {
            // The loop has just been given the other end.
            let _ = engine.send(Message::Pushed(arrival));
        }
    }
    committer.commit(Batch { push_consumed: stale, durable: true, ..Batch::default() });
    Ok(())
}

/// The engine as it was when the last process ended, brought up to the newest results.
async fn load_engine(
    store: &SqliteStore,
    catalog: &kuma_core::catalog::Catalog,
    live: &Live,
) -> anyhow::Result<Engine> {
    let (mut engine, bad) = Engine::load(&store.load_states(ShardSet::ALL).await?);
    for (id, error) in bad {
        warn!(monitor = id.0, %error, "a stored state begins anew");
    }
    let last = store.last_results(ShardSet::ALL).await?;
    let beats: Vec<Heartbeat> = last.into_iter().map(|result| result.heartbeat).collect();
    let lost = beats.iter().map(|beat| beat.monitor).filter(|id| engine.record(*id).is_none());
    let found = newest_incidents(store, &lost.collect::<Vec<_>>()).await?;
    engine.recover_incidents(&found);
    engine.resume(catalog, &beats);
    for beat in &beats {
        live.update(beat.monitor, |live| {
            live.state = beat.state;
            live.since = Some(beat.at);
        });
    }
    let open = IncidentQuery { open: Some(true), limit: 100_000, ..IncidentQuery::default() };
    for incident in store.incidents(open).await? {
        live.update(incident.monitor, |live| live.incident_since = Some(incident.started_at));
    }
    Ok(engine)
}

/// The newest incident of each of these monitors, whose states are lost.
async fn newest_incidents(
    store: &SqliteStore,
    lost: &[MonitorId],
) -> anyhow::Result<Vec<Incident>> {
    let mut found = Vec::new();
    if lost.is_empty() {
        return Ok(found);
    }
    let names = store.names().await?;
    for name in lost.iter().filter_map(|id| names.get(id)) {
        let query =
            IncidentQuery { monitor: Some(name.clone()), limit: 1, ..IncidentQuery::default() };
        found.extend(store.incidents(query).await?);
    }
    Ok(found)
}
