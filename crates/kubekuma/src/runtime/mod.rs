//! The running monitor: start-up and shutdown in the order of `design/overview.md`.

pub mod catalog;
pub mod commit;
pub mod engine_loop;
pub mod front;
pub mod lateness;
mod load;
mod membership;
pub mod own_fault;
pub mod ready;
mod routes;
pub mod signals;
mod source_loop;
mod standing;
mod storage;
mod supply;
#[cfg(test)]
mod tests;
mod tokens;
mod upkeep;
mod uplink;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use kuma_core::catalog::CatalogSource;
use kuma_core::engine::Engine;
use kuma_core::ports::{Authority, Membership, Store};
use kuma_core::secret::SecretSource;
use kuma_core::shard::{MemberId, ShardSet};
use kuma_core::stats::Stats;
use kuma_core::time::Clock;
use kuma_notify::{Deliverer, DelivererConfig, Feedback};
use kuma_probe::{Prober, ProberConfig};
use kuma_server::gate::Gate;
use kuma_server::{Context, Live};
use kuma_store::DatabaseUrl;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::clock::SystemClock;
use crate::cluster::{Cluster, InCluster, Listening};
use engine_loop::Message;
pub(crate) use load::{newest_incidents, object};
pub use source_loop::CatalogListener;
pub use standing::Standing;
pub use storage::Storage;
use supply::{Supply, missing_root, refuse, supply};

/// Longest a stop may take (`design/overview.md`).
pub const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Where objects come from.
#[derive(Debug, Clone)]
pub enum Objects {
    /// A folder, or single files.
    Folder {
        /// They.
        roots: Vec<PathBuf>,
        /// Folder of secrets.
        secrets_dir: Option<PathBuf>,
    },
    /// The API server.
    Cluster(Box<Cluster>),
}

/// What `serve` needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where objects come from.
    pub objects: Objects,
    /// Where history is kept.
    pub database: DatabaseUrl,
    /// How this process is called among those that share a store; another name at each start.
    pub member: MemberId,
    /// Who may use the API.
    pub gate: Gate,
    /// `KUBE_NAMESPACE`.
    pub namespace: String,
}

/// A running monitor.
pub struct Running {
    /// The live states.
    pub live: Arc<Live>,
    /// Time.
    pub clock: SystemClock,
    /// What is to be served.
    pub router: Router,
    engine: mpsc::UnboundedSender<Message>,
    status: Arc<ready::Status>,
    store: Arc<dyn Store>,
    membership: Option<(Arc<dyn Membership>, MemberId)>,
    cluster: Option<Arc<InCluster>>,
    stop_membership: CancellationToken,
    stop_source: CancellationToken,
    stop_delivery: CancellationToken,
    stop_commits: CancellationToken,
    tracker: TaskTracker,
    members: TaskTracker,
    commits: tokio::task::JoinHandle<()>,
}

/// Opens the store, and makes it where there is none.
///
/// # Errors
/// When the database cannot be opened, or it would be a new one for a folder that does not exist.
pub async fn open(options: &Options, clock: SystemClock) -> anyhow::Result<Storage> {
    if let DatabaseUrl::Sqlite(path) = &options.database
        && !path.exists()
    {
        refuse(missing_root(options))?;
    }
    storage::open(&options.database, options.member.clone(), clock).await
}

/// Starts everything on an open store; returns when the first catalog is in force and checks have
/// begun. `listening` is what a standby has listened with meanwhile, if it has.
///
/// # Errors
/// When the store cannot be read or the folder does not exist.
pub async fn start(
    options: Options,
    storage: Storage,
    listening: Option<Listening>,
    clock: SystemClock,
) -> anyhow::Result<Running> {
    let Storage { store, stats: store_stats, membership } = storage;
    let kept = store.load_objects().await?;
    let standing = Arc::new(match &membership {
        Some(_) => Standing::member(clock, options.member.clone()),
        None => Standing::alone(clock),
    });
    let Supply { source, secrets, cluster } = supply(&options, kept, listening, clock).await?;
    // What listens and writes on a cluster ends with the source, before anything is handed over.
    let stop_source =
        cluster.as_ref().map_or_else(CancellationToken::new, |cluster| cluster.stopping());
    let holder = catalog::Holder::empty();
    let (sender, messages) = mpsc::unbounded_channel();
    let told = sender.clone();
    let feedback: Feedback = Arc::new(move |monitor, feedback| {
        // Without an engine loop the process is stopping.
        let _ = told.send(Message::Delivery(monitor, feedback));
    });
    let deliverer = Arc::new(Deliverer::new(DelivererConfig {
        authority: standing.clone() as Arc<dyn Authority>,
        feedback: Some(feedback),
        store: store.clone(),
        catalog: Arc::new(holder.clone()),
        secrets: secrets.clone() as Arc<dyn SecretSource>,
        clock: Arc::new(clock),
    }));
    let prober = Arc::new(Prober::new(ProberConfig {
        secrets: secrets.clone() as Arc<dyn SecretSource>,
        clock: Arc::new(clock),
        cluster: cluster.as_ref().map(|cluster| cluster.objects()),
    })?);
    let stop_commits = CancellationToken::new();
    let commit_stats = Arc::new(commit::CommitStats::default());
    let world = (Arc::new(holder.clone()) as Arc<dyn CatalogSource>, clock);
    let (committer, commits) = commit::start(
        store.clone(),
        deliverer.clone(),
        commit_stats.clone(),
        world,
        standing.clone(),
        stop_commits.clone(),
    );
    let arrivals = Arc::new(engine_loop::pushes::Arrivals::default());
    let status = Arc::new(ready::Status::new(
        sender.clone(),
        commit_stats.clone(),
        arrivals.clone(),
        standing.clone(),
    ));
    let live = Arc::new(Live::default());
    let lateness = Arc::new(lateness::Lateness::default());
    let mut source = source_loop::SourceLoop::new(source_loop::Parts {
        clock,
        source,
        store: store.clone(),
        standing: standing.clone(),
        committer: committer.clone(),
        secrets: secrets.clone(),
        deliverer: deliverer.clone(),
        holder: holder.clone(),
        engine: sender.clone(),
        listener: cluster.as_ref().map(|cluster| cluster.listener()),
        status: status.clone(),
        namespace: options.namespace.clone(),
    });
    let first = source.first().await?;
    live.sync(&first);
    anyhow::ensure!(
        membership.is_some() || first.settings.mode.single_instance_required,
        "the settings ask for several active instances (mode.singleInstanceRequired: false), and \
         SQLite has room for one; set DATABASE_URL to a PostgreSQL database, or the setting to true"
    );
    let engine = match &membership {
        Some(_) => {
            live.own(ShardSet::NONE);
            Engine::without_shards()
        }
        None => load::engine(&*store, &first, &live).await?,
    };
    let tracker = TaskTracker::new();
    let pulse = Arc::new(own_fault::Pulse::new(clock));
    let (beating, stopped) = (pulse.clone(), stop_source.clone());
    tracker.spawn(async move { beating.run(stopped).await });
    let (ask_others, asked) = mpsc::unbounded_channel();
    tracker.spawn(engine_loop::run(engine_loop::Parts {
        clock,
        prober: prober.clone(),
        committer: committer.clone(),
        commits: commit_stats.clone(),
        pulse,
        uplink: Arc::new(uplink::Uplink::new(clock)),
        arrivals,
        live: live.clone(),
        lateness: lateness.clone(),
        engine,
        ask_others: membership.is_some().then_some(ask_others),
        watcher: cluster.clone(),
        messages,
        sender: sender.clone(),
    }));
    // The loop has just been given the other end.
    let _ = sender.send(Message::Catalog(first));
    if membership.is_none() {
        load::replay_pushes(&*store, &sender, &committer).await?;
    }
    let stop_delivery = CancellationToken::new();
    tracker.spawn(deliverer.clone().run(stop_delivery.clone()));
    let (stop_membership, members) = (CancellationToken::new(), TaskTracker::new());
    let member_stats = Arc::new(membership::MembershipStats::default());
    if let Some(membership) = &membership {
        let woken = deliverer.clone();
        let parts = membership::Parts {
            clock,
            me: options.member.clone(),
            membership: membership.clone(),
            store: store.clone(),
            catalog: holder.clone(),
            standing: standing.clone(),
            committer: committer.clone(),
            engine: sender.clone(),
            wake_delivery: Arc::new(move || woken.wake()),
            stats: member_stats.clone(),
        };
        members.spawn(membership::ask(membership.clone(), asked, stop_membership.clone()));
        members.spawn(membership::run(parts, stop_membership.clone()));
    }
    members.close();
    // On a thread of its own: where much has changed it computes for seconds.
    let (runtime, stop) = (Handle::current(), stop_source.clone());
    tracker.spawn_blocking(move || runtime.block_on(source.run(stop)));
    let upkeep = upkeep::Parts {
        clock,
        store: store.clone(),
        live: live.clone(),
        catalog: holder.clone(),
        secrets: secrets.clone() as Arc<dyn SecretSource>,
        standing: standing.clone(),
        namespace: options.namespace.clone(),
        commits: commit_stats.clone(),
        engine: sender.clone(),
    };
    upkeep::start(upkeep, &tracker, &stop_source);
    let on_demand = Arc::new(kuma_server::blackbox::OnDemand::new(prober.clone()));
    let mut stats: Vec<Arc<dyn Stats>> =
        vec![lateness, prober, store_stats, commit_stats, deliverer.clone()];
    if membership.is_some() {
        stats.push(member_stats);
    }
    let suggestions = cluster.as_ref().map(|cluster| {
        let started = cluster.start(crate::cluster::World {
            catalog: holder.clone(),
            live: live.clone(),
            deliverer,
            standing: standing.clone(),
            engine: sender.clone(),
            member: options.member.clone(),
            shared: membership.is_some(),
            clock,
        });
        stats.extend(started.stats);
        started.suggestions
    });
    let router = kuma_server::router(Context {
        catalog: Arc::new(holder),
        live: live.clone(),
        store: store.clone(),
        secrets: secrets as Arc<dyn SecretSource>,
        clock: Arc::new(clock),
        runtime: status.clone(),
        stats: Arc::new(stats),
        on_demand,
        suggestions,
        gate: options.gate,
        version: env!("CARGO_PKG_VERSION"),
    });
    tracker.close();
    Ok(Running {
        live,
        clock,
        router,
        engine: sender,
        status,
        store,
        membership: membership.map(|membership| (membership, options.member)),
        cluster,
        stop_membership,
        stop_source,
        stop_delivery,
        stop_commits,
        tracker,
        members,
        commits,
    })
}

impl Running {
    /// Stops everything in order, within [`STOP_WITHIN`].
    pub async fn stop(self) {
        let begun = self.clock.now().mono;
        self.status.stopping();
        let stopped = tokio::time::timeout(STOP_WITHIN, async {
            self.stop_membership.cancel();
            self.members.wait().await;
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
            // Others go on at once; only messages that are being sent are seen to their end.
            if let Some((membership, me)) = &self.membership {
                membership::leave(&**membership, me).await;
            }
            self.stop_delivery.cancel();
            if let Some(cluster) = &self.cluster {
                cluster.stop().await;
            }
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
