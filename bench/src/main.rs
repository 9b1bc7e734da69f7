//! Measures the product and its peer on this machine, prints the figures as a table and as JSON,
//! and compares them with `bench/baseline.json`. `docs/performance.md` says what they mean. Only
//! loopback is contacted; everything that is started is stopped.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the figures are what this program is for"
)]

mod bare;
mod checks;
mod clock;
mod cluster;
mod folder;
mod history;
mod http;
mod idle;
mod ingest;
mod latency;
mod load;
mod machine;
mod peer;
mod ports;
mod postgres;
mod process;
mod product;
mod report;
mod scale;
mod sustained;
mod target;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use serde_json::json;

use clock::SystemClock;
use report::{Baseline, Report};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures; see docs/performance.md.
#[derive(Debug, Parser)]
#[command(name = "kuma-bench")]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// The product; default: beside this program.
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    /// Repeat and take the median of each figure.
    #[arg(long, global = true, default_value_t = 1)]
    repeat: u32,
    /// Figures to compare with.
    #[arg(long, global = true, default_value = "bench/baseline.json")]
    baseline: PathBuf,
    /// Write the figures into the baseline.
    #[arg(long, global = true)]
    save: bool,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    Checks(checks::Arguments),
    Scale(scale::Arguments),
    Ingest(ingest::Arguments),
    History(history::Arguments),
    Latency(latency::Arguments),
    Idle(idle::Arguments),
    Sustained(sustained::Arguments),
    Ports(ports::Arguments),
    Postgres(postgres::Arguments),
    Cluster(cluster::Arguments),
    /// Everything one after the other, in about ten minutes.
    All,
    #[command(hide = true)]
    Bare(bare::Arguments),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if let What::Bare(arguments) = &cli.what {
        println!("{}", bare::run(arguments)?);
        return Ok(());
    }
    let clock = SystemClock::start();
    let binary = match cli.binary {
        Some(binary) => binary,
        None => std::env::current_exe()?.with_file_name("kubekuma"),
    };
    let machine = machine::describe(&clock);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut runs = Vec::new();
    for _ in 0..cli.repeat.max(1) {
        runs.push(runtime.block_on(once(&cli.what, &binary, clock))?);
    }
    let report = Report::median(&runs);
    let baseline = Baseline::read(&cli.baseline)?;
    println!("{}", report.table(&baseline));
    println!("{}", json!({"machine": machine, "runs": cli.repeat, "figures": report.json()}));
    if cli.save {
        baseline.replace(&machine, &report, &cli.baseline)?;
    }
    Ok(())
}

async fn once(what: &What, binary: &Path, clock: SystemClock) -> anyhow::Result<Report> {
    match what {
        What::Checks(arguments) => checks::measure(arguments, binary).await,
        What::Scale(arguments) => scale::measure(arguments, binary).await,
        What::Ingest(arguments) => ingest::measure(arguments, clock).await,
        What::History(arguments) => history::measure(arguments, clock).await,
        What::Latency(arguments) => latency::measure(arguments, binary, clock).await,
        What::Idle(arguments) => idle::measure(arguments, binary).await,
        What::Sustained(arguments) => sustained::measure(arguments, binary).await,
        What::Ports(arguments) => ports::measure(arguments, binary).await,
        What::Postgres(arguments) => postgres::measure(arguments, clock).await,
        What::Cluster(arguments) => cluster::measure(arguments, binary).await,
        What::All => all(binary, clock).await,
        What::Bare(_) => Ok(Report::default()),
    }
}

/// What [`What::All`] runs, as on the command line.
const ALL: [&[&str]; 9] = [
    &["idle"],
    &["ingest"],
    &["latency"],
    &["latency", "--every-ms", "0"],
    &["checks"],
    &["sustained"],
    &["ports"],
    &["scale"],
    &["scale", "--monitors", "100000", "--interval", "60"],
];

/// Runs everything. What cannot be measured here is said and left out.
async fn all(binary: &Path, clock: SystemClock) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for arguments in ALL {
        let name = arguments.join(" ");
        eprintln!("{name} …");
        let cli = Cli::try_parse_from(["kuma-bench"].iter().chain(arguments))?;
        match Box::pin(once(&cli.what, binary, clock)).await {
            Ok(more) => report.extend(more),
            Err(error) => eprintln!("{name}: not measured: {error:#}"),
        }
    }
    Ok(report)
}
