//! `kubekuma serve`.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use kuma_core::time::Clock;
use kuma_server::gate::Gate;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Shared;
use super::store::Database;
use crate::clock::SystemClock;
use crate::demo::{Demo, Ports};
use crate::logging;
use crate::runtime::{self, Options, Running, signals};
use crate::terminal::screen::Screen;
use crate::terminal::table;

/// How often the live table is drawn.
const TABLE_EVERY: Duration = Duration::from_millis(500);

/// Watches everything that a folder of YAML describes, until it is stopped (Ctrl-C).
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder of YAML (or single files); changes are taken over while it runs.
    #[arg(env = "KUBEKUMA_CONFIG", default_value = "/config")]
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
}

pub(crate) fn run(shared: &Shared, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::start();
    let live_table = !arguments.no_table && std::io::stdout().is_terminal();
    let screen = Screen::new(live_table);
    logging::start(shared.log_level, shared.log_format(), &screen, clock);
    let gate = if arguments.api_open { Gate::Open } else { Gate::Loopback };
    let options = Options {
        roots: arguments.config,
        database: arguments.database.path()?,
        listen: SocketAddr::new(arguments.listen, arguments.port),
        gate,
        namespace: shared.namespace.clone(),
        secrets_dir: arguments.secrets_dir,
    };
    let colour = shared.color.on_stdout();
    super::runtime()?.block_on(async move {
        let stop = CancellationToken::new();
        let demo = if arguments.demo {
            Some(Demo::start(Ports::default(), stop.clone()).await?)
        } else {
            None
        };
        let running = runtime::start(options, clock).await?;
        info!(
            url = format!("http://{}", running.address),
            monitors = running.live.all().len(),
            "KubeKuma is running"
        );
        tokio::select! {
            () = signals::stopped() => {}
            () = draw(&screen, &running, colour) => {}
        }
        screen.release();
        info!("stopping");
        running.stop().await;
        stop.cancel();
        if let Some(demo) = demo {
            demo.wait().await;
        }
        Ok(ExitCode::SUCCESS)
    })
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
