//! What runs on Kubernetes only, wired: objects and Secrets by watches, what `kubernetes` monitors
//! look at, statuses, discovery, exposure, the webhook.

mod source;
mod statuses;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kuma_core::catalog::{Catalog, CatalogSource};
use kuma_core::check::kubernetes::{ClusterObjects, ObjectQuery};
use kuma_core::engine::Change;
use kuma_core::id::MonitorId;
use kuma_core::monitor::Monitor;
use kuma_core::ports::StoredObject;
use kuma_core::shard::MemberId;
use kuma_core::source::Snapshot;
use kuma_core::stats::Stats;
use kuma_kube::admission::{self, CertificateFiles, Certificates, Conversions, Webhook};
use kuma_kube::client;
use kuma_kube::discovery::{Coordinating, Discoverer};
use kuma_kube::events::EventWriter;
use kuma_kube::exposure::Exposer;
use kuma_kube::lease::LeaseMirror;
use kuma_kube::objects::ObjectWatches;
use kuma_kube::secrets::ClusterSecrets;
use kuma_kube::status::StatusWriter;
use kuma_kube::surroundings::Surroundings;
use kuma_kube::watch::{ClusterSource, Options as WatchOptions, Scope};
use kuma_notify::Deliverer;
use kuma_server::{Discovered, Live, Suggestions};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::clock::SystemClock;
use crate::runtime::catalog::Holder;
use crate::runtime::engine_loop::Message;
use crate::runtime::{CatalogListener, Options, Standing};
pub(crate) use source::{Watched, WatchedSecrets};
use statuses::Statuses;

/// How often the webhook's certificate is looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(10);

/// How to run on a cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The way to the API server.
    pub connection: client::Cluster,
    /// Which namespaces are watched.
    pub scope: Scope,
    /// How KubeKuma is reached, for pages that are exposed.
    pub exposure: kuma_kube::exposure::Options,
    /// Where the webhook's `tls.crt` and `tls.key` are; none is no webhook.
    pub webhook: Option<PathBuf>,
}

/// What the parts that run on a cluster need of the rest.
pub(crate) struct World {
    pub(crate) catalog: Holder,
    pub(crate) live: Arc<Live>,
    pub(crate) deliverer: Arc<Deliverer>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) engine: mpsc::UnboundedSender<Message>,
    pub(crate) member: MemberId,
    /// Whether several instances share the store.
    pub(crate) shared: bool,
    pub(crate) clock: SystemClock,
}

/// What the rest of the program gets from the parts that need it themselves.
pub(crate) struct Started {
    /// Their numbers.
    pub(crate) stats: Vec<Arc<dyn Stats>>,
    /// What discovery has to say.
    pub(crate) suggestions: Arc<dyn Suggestions>,
}

/// Discovery, as the API asks for it.
struct Found {
    discoverer: Arc<Discoverer>,
    catalog: Arc<dyn CatalogSource>,
}

impl Suggestions for Found {
    fn discovered(&self) -> Discovered {
        let mut report = (*self.discoverer.report()).clone();
        if !report.coordinator {
            return Discovered::Elsewhere;
        }
        if !self.catalog.current().settings.discovery.enabled {
            let off = "discovery is off; set discovery.enabled in the KubeKumaSettings";
            report.remarks.push(off.to_owned());
        }
        Discovered::Report(serde_json::to_value(report).unwrap_or_default())
    }
}

/// Watches that have begun, and nothing else: what there is is read, judged and kept up to date.
/// Nothing is written, checked or sent.
pub struct Listening {
    source: ClusterSource,
    running: Arc<InCluster>,
}

impl Listening {
    /// Begins to watch.
    pub(crate) fn begin(cluster: &Cluster, options: &Options, clock: SystemClock) -> Self {
        let client = cluster.connection.client.clone();
        let statuses = Arc::new(StatusWriter::new(client.clone(), Arc::new(clock)));
        let watching = WatchOptions {
            scope: cluster.scope.clone(),
            system_namespace: options.namespace.clone(),
            observer: Some(statuses.clone()),
        };
        let stop = CancellationToken::new();
        let source = ClusterSource::start(&cluster.connection, watching, &stop);
        let secrets =
            ClusterSecrets::new(&cluster.connection, cluster.scope.clone(), source.feed());
        let running = Arc::new(InCluster {
            cluster: cluster.clone(),
            namespace: options.namespace.clone(),
            objects: Arc::new(ObjectWatches::new(client.clone(), Arc::new(clock))),
            statuses,
            events: Arc::new(EventWriter::new(client, &options.member.0, Arc::new(clock))),
            secrets,
            stop,
            tasks: TaskTracker::new(),
        });
        Self { source, running }
    }

    /// Waits until the API server has told what there is, and takes in what the store kept.
    pub(crate) async fn adopt(
        self,
        kept: Vec<StoredObject>,
    ) -> (Watched, WatchedSecrets, Arc<InCluster>) {
        let Self { source, running } = self;
        let secrets = WatchedSecrets { secrets: running.secrets.clone() };
        (Watched::new(source, kept).await, secrets, running)
    }
}

/// The running parts.
pub struct InCluster {
    cluster: Cluster,
    namespace: String,
    objects: Arc<ObjectWatches>,
    statuses: Arc<StatusWriter>,
    events: Arc<EventWriter>,
    secrets: ClusterSecrets,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl InCluster {
    /// What `kubernetes` monitors look at.
    pub(crate) fn objects(&self) -> Arc<dyn ClusterObjects> {
        self.objects.clone()
    }

    /// Hears of every catalog.
    pub(crate) fn listener(self: &Arc<Self>) -> CatalogListener {
        let this = self.clone();
        Arc::new(move |catalog: &Arc<Catalog>, _: &Snapshot| {
            this.objects.sync(&catalog.object_queries().into_keys().collect());
            this.statuses.touch_all();
        })
    }

    /// A monitor took a step: its state may have changed, and something may have happened.
    pub(crate) fn changed(&self, monitor: &Monitor, change: &Change) {
        let key = kuma_kube::events::object(monitor);
        for notice in &change.notices {
            self.events.tell(monitor, notice, self.statuses.uid(&key));
        }
        if change.transition.is_some() {
            self.statuses.touch(key);
        }
    }

    /// The numbers of the parts that are there from the beginning.
    fn stats(&self) -> Vec<Arc<dyn Stats>> {
        vec![self.objects.clone(), self.statuses.clone(), self.events.clone()]
    }

    /// Starts what needs the rest of the program.
    pub(crate) fn start(self: &Arc<Self>, world: World) -> Started {
        let client = self.cluster.connection.client.clone();
        let (secrets, stop) = (self.secrets.clone(), self.stop.clone());
        self.tasks.spawn(async move { secrets.run(&stop).await });
        let (this, engine, catalog) = (self.clone(), world.engine.clone(), world.catalog.clone());
        self.tasks.spawn(async move { this.run_what_changed(engine, catalog).await });
        let namespace = match &self.cluster.scope {
            Scope::Cluster => None,
            Scope::Namespace(namespace) => Some(namespace.clone()),
        };
        let surroundings = Surroundings::new(client.clone(), namespace);
        let catalog: Arc<dyn CatalogSource> = Arc::new(world.catalog.clone());
        let standing = world.standing.clone();
        let coordinating: Arc<dyn Coordinating> = Arc::new(move || standing.coordinates());
        let discoverer = Discoverer::new(
            client.clone(),
            surroundings.clone(),
            catalog.clone(),
            coordinating.clone(),
            &self.cluster.exposure.service,
        );
        let (stop, looking) = (self.stop.clone(), discoverer.clone());
        self.tasks.spawn(async move { looking.run(stop).await });
        let options = self.cluster.exposure.clone();
        let exposer = Exposer::new(client, surroundings, catalog.clone(), coordinating, options);
        let (stop, exposing) = (self.stop.clone(), exposer.clone());
        self.tasks.spawn(async move { exposing.run(stop).await });
        let answers = Arc::new(Statuses {
            catalog: world.catalog.clone(),
            live: world.live.clone(),
            deliverer: world.deliverer.clone(),
            standing: world.standing.clone(),
            discoverer: discoverer.clone(),
            exposer: exposer.clone(),
            events: self.events.clone(),
            clock: world.clock,
        });
        let (this, found) = (self.clone(), discoverer.clone());
        self.tasks.spawn(async move { this.say_what_is_found(&found, &exposer).await });
        let (stop, writer) = (self.stop.clone(), self.statuses.clone());
        self.tasks.spawn(async move { writer.run(answers, stop).await });
        let (stop, events) = (self.stop.clone(), self.events.clone());
        self.tasks.spawn(async move { events.run(stop).await });
        let mut stats = self.stats();
        stats.push(discoverer.clone());
        if let Some(folder) = &self.cluster.webhook {
            let webhook =
                Webhook::new(&self.namespace, Some(catalog.clone()), Conversions::default());
            stats.push(webhook.clone());
            self.tasks.spawn(self.clone().webhook(folder.clone(), webhook));
        }
        if world.shared {
            let (this, clock) = (self.clone(), Arc::new(world.clock));
            self.tasks.spawn(async move {
                let cluster = &this.cluster.connection;
                let mirror = LeaseMirror::start(cluster, &this.namespace, &world.member.0, clock);
                this.stop.cancelled().await;
                mirror.stop().await;
            });
        }
        self.tasks.close();
        Started { stats, suggestions: Arc::new(Found { discoverer, catalog }) }
    }

    /// Lets statuses follow what discovery and exposure find, as somebody who mends something waits
    /// to see it.
    async fn say_what_is_found(&self, discoverer: &Discoverer, exposer: &Exposer) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = discoverer.changed() => {}
                () = exposer.changed() => {}
            }
            self.statuses.touch_others();
        }
    }

    /// Runs monitors at once whose objects have changed.
    async fn run_what_changed(&self, engine: mpsc::UnboundedSender<Message>, catalog: Holder) {
        loop {
            let Some(queries) = self.stop.run_until_cancelled(self.objects.changed()).await else {
                return;
            };
            let ids = looking_at(&catalog.catalog(), &queries);
            if !ids.is_empty() && engine.send(Message::RunNow(ids)).is_err() {
                return;
            }
        }
    }

    async fn webhook(self: Arc<Self>, folder: PathBuf, webhook: Arc<Webhook>) {
        let certificates = Certificates::new(CertificateFiles::in_folder(&folder));
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, admission::PORT));
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => {
                return error!(%error, %address, "there is no webhook: its port cannot be listened on");
            }
        };
        info!(%address, "the validating webhook is served");
        let router = admission::router(webhook);
        let fresh = certificates.keep_fresh(CERTIFICATE_EVERY, self.stop.clone());
        let served = admission::serve(listener, certificates.clone(), router, self.stop.clone());
        if let (Err(error), ()) = tokio::join!(served, fresh) {
            error!(%error, "the webhook ended");
        }
    }

    /// Cancelled when the parts are to stop.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Stops the parts.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// The monitors that look at objects which have changed.
fn looking_at(catalog: &Catalog, queries: &BTreeSet<ObjectQuery>) -> Vec<MonitorId> {
    let mut looking = catalog.object_queries();
    queries.iter().filter_map(|query| looking.remove(query)).flatten().collect()
}
