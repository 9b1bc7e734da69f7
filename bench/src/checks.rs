//! Stored HTTP checks per CPU-second of the product at a stated rate, beside blackbox_exporter
//! and the bare limit.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::folder::{self, Monitors};
use crate::product::{Metrics, Product};
use crate::report::Report;
use crate::target::{Target, until};
use crate::{bare, peer};

/// Checks per CPU-second at a stated rate.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Monitors; each runs once a second, so this is the rate that is asked for.
    #[arg(long, default_value_t = 4000)]
    monitors: u32,
    /// The same over HTTPS (TLS 1.3, P-256, full handshake, chain verified); 0 leaves it out.
    #[arg(long, default_value_t = 1000)]
    https_monitors: u32,
    /// Seconds that are measured, after a warm-up.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Leave out blackbox_exporter and the bare loop.
    #[arg(long)]
    only_ours: bool,
}

/// Seconds before measuring begins, once every monitor was checked.
const WARM_UP: Duration = Duration::from_secs(4);

pub(crate) async fn measure(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let target = Target::start(scratch.path()).await?;
    let mut report = Report::default();
    for (tls, monitors) in [(false, arguments.monitors), (true, arguments.https_monitors)] {
        if monitors == 0 {
            continue;
        }
        ours(arguments, binary, &target, tls, monitors, scratch.path(), &mut report).await?;
        if !arguments.only_ours {
            let window = Duration::from_secs(arguments.seconds);
            peer::measure(scratch.path(), &target, tls, window, &mut report).await?;
            bare::measure(&target, tls, arguments.seconds.min(8), &mut report)?;
        }
    }
    Ok(report)
}

async fn ours(
    arguments: &Arguments,
    binary: &Path,
    target: &Target,
    tls: bool,
    monitors: u32,
    scratch: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let kind = if tls { "https" } else { "http" };
    let config = scratch.join(kind);
    let url = |_| {
        if tls { format!("https://{}/", target.tls) } else { format!("http://{}/", target.plain) }
    };
    let ca = tls.then_some(target.ca_pem.as_path());
    folder::write(
        &config,
        &Monitors { count: monitors, interval_seconds: 1, url: &url, ca, webhook: None },
    )?;
    let mut product = Product::start(binary, &config)?;
    product.ready(Duration::from_secs(60)).await?;
    until(Duration::from_secs(60), "not every monitor was checked", async || {
        let metrics = product.metrics().await;
        metrics.is_ok_and(|metrics| metrics.checks().0 >= f64::from(monitors))
    })
    .await?;
    tokio::time::sleep(WARM_UP).await;
    let first = product.metrics().await?;
    // What the reading of metrics costs shall not be counted.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = product.since_start.elapsed();
    let cpu = product.process.cpu()?;
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let used = product.process.cpu()?.since(cpu);
    let lasted = product.since_start.elapsed().saturating_sub(begun).as_secs_f64();
    let (memory, most_memory) = product.process.memory()?;
    let last = product.metrics().await?;
    let between = last.at.saturating_sub(first.at).as_secs_f64();
    let rate = (last.checks().0 - first.checks().0) / between;
    let mut add =
        |name: &str, value, unit| report.low(format!("checks.{kind}.{name}"), value, unit);
    add("failed", last.checks().1 - first.checks().1, "checks");
    add("memory", memory, "MiB");
    add("memoryMost", most_memory, "MiB");
    add("latenessP99", last.lateness_ms(&first, 0.99), "ms, at most");
    let skipped = |metrics: &Metrics| metrics.sum("scheduler_skipped_starts_total", "");
    add("skippedStarts", skipped(&last) - skipped(&first), "starts");
    report.note(format!("checks.{kind}.asked"), f64::from(monitors), "checks/s");
    report.high(format!("checks.{kind}.rate"), rate, "checks/s");
    report.high(
        format!("checks.{kind}.perCpuSecond"),
        rate * lasted / used.total(),
        "checks/CPU-s",
    );
    report.note(format!("checks.{kind}.userShare"), used.user / used.total() * 100.0, "%");
    stored(product, &format!("checks.{kind}"), report).await
}

/// Stops the product and counts what it stored.
async fn stored(mut product: Product, prefix: &str, report: &mut Report) -> anyhow::Result<()> {
    let attempted = product.metrics().await?.checks().0;
    let stopped = product.process.stop();
    let path = product.database.clone();
    let rows = rows(&path).await?;
    report.low(format!("{prefix}.stop"), stopped.as_secs_f64(), "s");
    report.note(format!("{prefix}.storedShare"), rows / attempted * 100.0, "% of checks");
    Ok(())
}

/// Heartbeats in a database that nobody has open.
pub(crate) async fn rows(path: &Path) -> anyhow::Result<f64> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM beat").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(rows as f64)
}
