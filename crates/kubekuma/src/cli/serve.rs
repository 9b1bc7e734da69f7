//! `kubekuma serve`.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kuma_core::time::Clock;
use kuma_kube::client::detect_in_cluster;
use kuma_server::gate::Gate;
use kuma_store::DatabaseUrl;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Shared;
use super::store::Database;
use crate::clock::SystemClock;
use crate::cluster::Cluster;
use crate::demo::{Demo, Ports};
use crate::logging;
use crate::runtime::front::Front;
use crate::runtime::{self, Objects, Options, Running, signals};
use crate::terminal::screen::Screen;
use crate::terminal::table;

mod election;
mod on_cluster;

use on_cluster::OnCluster;

/// Where an image has its folder of YAML.
const DEFAULT_FOLDER: &str = "/config";

/// How often the live table is drawn.
const TABLE_EVERY: Duration = Duration::from_millis(500);

/// Watches everything that a folder of YAML, or a cluster's custom resources, describe, until it is
/// stopped (Ctrl-C).
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder of YAML (or single files); changes are taken over while it runs.
    /// Default: `/config`; in a pod, or with `--kube`, the API server.
    #[arg(env = "KUBEKUMA_CONFIG", conflicts_with = "kube")]
    config: Vec<PathBuf>,
    #[command(flatten)]
    database: Database,
    /// Port of the web server.
    #[arg(long, env = "PORT", default_value_t = 3000)]
    port: u16,
    /// Address of the web server; 0.0.0.0 serves health, metrics and push to everybody.
    #[arg(long, env = "KUBEKUMA_LISTEN", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Answer the API to everybody who reaches the port, although nobody can sign in yet.
    #[arg(long, env = "KUBEKUMA_API_OPEN")]
    api_open: bool,
    /// Folder of secrets, as `[<namespace>/]<name>/<key>`.
    #[arg(long, env = "KUBEKUMA_SECRETS_DIR")]
    secrets_dir: Option<PathBuf>,
    /// Also run the demo: something to watch and somebody to tell (see `kubekuma demo --help`).
    #[arg(long)]
    demo: bool,
    /// No live table, only log lines.
    #[arg(long)]
    no_table: bool,
    #[command(flatten)]
    cluster: OnCluster,
}

pub(crate) fn run(shared: &Shared, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::start();
    let live_table = !arguments.no_table && std::io::stdout().is_terminal();
    let screen = Screen::new(live_table);
    logging::start(shared.log_level, shared.log_format(), &screen, clock);
    let colour = shared.color.on_stdout();
    let namespace = shared.namespace.clone();
    super::runtime()?.block_on(async move {
        let gate = if arguments.api_open { Gate::Open } else { Gate::Loopback };
        let why: kuma_server::Why = Arc::new(|| "it is starting".to_owned());
        let starting = kuma_server::standby(Arc::new(clock), why);
        let address = SocketAddr::new(arguments.listen, arguments.port);
        let front = Front::listen(address, starting).await?;
        let options = Options {
            database: arguments.database.location()?,
            member: arguments.cluster.member(clock),
            gate,
            objects: arguments.objects(&namespace).await?,
            namespace,
        };
        let stop = CancellationToken::new();
        let demo = if arguments.demo {
            Some(Demo::start(Ports::default(), stop.clone()).await?)
        } else {
            None
        };
        let shown = Shown { front, screen, colour };
        let ended = if let Some(cluster) = elected(&options) {
            election::run(&options, cluster, &shown, clock).await
        } else {
            let storage = runtime::open(&options, clock).await?;
            let running = runtime::start(options, storage, None, clock).await?;
            shown.serve(running, signals::stopped()).await;
            Ok(())
        };
        stop.cancel();
        if let Some(demo) = demo {
            demo.wait().await;
        }
        shown.front.stop().await;
        ended?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The cluster whose Lease elects who opens the database: a file has room for one.
fn elected(options: &Options) -> Option<&Cluster> {
    match (&options.objects, &options.database) {
        (Objects::Cluster(cluster), DatabaseUrl::Sqlite(_)) => Some(cluster),
        _ => None,
    }
}

impl Arguments {
    /// Where objects come from: the API server in a pod or when asked for, else the folder.
    async fn objects(&self, namespace: &str) -> anyhow::Result<Objects> {
        if self.config.is_empty() && (self.cluster.kube || detect_in_cluster()) {
            return Ok(Objects::Cluster(Box::new(self.cluster.connect(namespace).await?)));
        }
        let roots = if self.config.is_empty() {
            vec![PathBuf::from(DEFAULT_FOLDER)]
        } else {
            self.config.clone()
        };
        Ok(Objects::Folder { roots, secrets_dir: self.secrets_dir.clone() })
    }
}

/// What people see of a running monitor.
pub(super) struct Shown {
    pub(super) front: Front,
    screen: Screen,
    colour: bool,
}

impl Shown {
    /// Serves and draws until `end`, then stops it.
    pub(super) async fn serve(&self, running: Running, end: impl Future<Output = ()>) {
        self.front.show(running.router.clone());
        info!(
            url = format!("http://{}", self.front.address),
            monitors = running.live.all().len(),
            "KubeKuma is running"
        );
        tokio::select! {
            () = end => {}
            () = draw(&self.screen, &running, self.colour) => {}
        }
        self.screen.release();
        info!("stopping");
        running.stop().await;
    }
}

/// Draws the live table for ever, if there is a terminal.
async fn draw(screen: &Screen, running: &Running, colour: bool) {
    if !screen.is_live() {
        return std::future::pending().await;
    }
    let mut ticks = tokio::time::interval(TABLE_EVERY);
    loop {
        ticks.tick().await;
        let width =
            rustix::termios::tcgetwinsize(std::io::stdout()).map_or(120, |size| size.ws_col);
        let now = running.clock.now().wall;
        let table = table::live(&running.live.all(), now, width.max(60), colour);
        if let Err(error) = screen.draw(table) {
            screen.release();
            tracing::warn!(%error, "the terminal is gone; only the log goes on");
            return std::future::pending().await;
        }
    }
}
