//! Many monitors at a usual interval: how soon they run, how late, and what that costs.

use std::path::Path;
use std::time::Duration;

use crate::folder::{self, Monitors};
use crate::http;
use crate::product::{Metrics, Product};
use crate::report::{Report, quantile};
use crate::target::Target;

/// Start-up, memory, CPU and lateness with many monitors.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    monitors: u32,
    /// Seconds between two runs of one.
    #[arg(long, default_value_t = 30)]
    interval: u32,
    /// Seconds that are measured after every monitor was checked once.
    #[arg(long, default_value_t = 40)]
    seconds: u64,
}

pub(crate) async fn measure(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let target = Target::start(scratch.path()).await?;
    let config = scratch.path().join("scale");
    // Every monitor has an URL of its own; nginx answers each with the same page.
    let url = |number| format!("http://{}/?{number}", target.plain);
    folder::write(
        &config,
        &Monitors {
            count: arguments.monitors,
            interval_seconds: arguments.interval,
            url: &url,
            ca: None,
            webhook: None,
        },
    )?;
    let mut product = Product::start(binary, &config)?;
    let limit = Duration::from_secs(u64::from(arguments.interval) + 90);
    let ready = watch(&mut product, limit, |metrics| metrics.is_some()).await?;
    let first = checked(&mut product, limit, 1.0).await?;
    let all = checked(&mut product, limit, f64::from(arguments.monitors)).await?;
    let started = product.process.cpu()?;
    let before = product.metrics().await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (cpu, begun) = (product.process.cpu()?, product.since_start.elapsed());
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let used = product.process.cpu()?.since(cpu).total();
    let lasted = product.since_start.elapsed().saturating_sub(begun).as_secs_f64();
    let (memory, most_memory) = product.process.memory()?;
    let after = product.metrics().await?;
    let mut pages = first_pages(&product).await?;
    let stopped = product.process.stop();

    let mut report = Report::default();
    let prefix = format!("scale{}x{}", arguments.monitors, arguments.interval);
    let mut low = |name: &str, value, unit| report.low(format!("{prefix}.{name}"), value, unit);
    low("ready", ready.as_secs_f64(), "s");
    low("firstCheck", first.as_secs_f64(), "s");
    low("allChecked", all.as_secs_f64(), "s");
    low("cpuUntilAllChecked", started.total(), "CPU-s");
    low("memory", memory, "MiB");
    low("memoryMost", most_memory, "MiB");
    low("coreShare", used / lasted * 100.0, "% of a core");
    low("latenessP50", after.lateness_ms(&before, 0.5), "ms, at most");
    low("latenessP99", after.lateness_ms(&before, 0.99), "ms, at most");
    low("worstLateness", after.sum("scheduler_worst_late_seconds", "") * 1e3, "ms since start");
    low("skippedStarts", after.sum("scheduler_skipped_starts_total", ""), "starts");
    low("failed", after.checks().1, "checks");
    low("listP50", quantile(&mut pages, 0.5), "ms");
    low("listP99", quantile(&mut pages, 0.99), "ms");
    low("stop", stopped.as_secs_f64(), "s");
    let rate =
        (after.checks().0 - before.checks().0) / after.at.saturating_sub(before.at).as_secs_f64();
    report.note(format!("{prefix}.rate"), rate, "checks/s");
    Ok(report)
}

/// Milliseconds that the first page of the list of monitors takes, asked again and again over a new
/// connection each, as a command or a script asks.
async fn first_pages(product: &Product) -> anyhow::Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..100 {
        let begun = product.since_start.elapsed();
        let (status, _) = http::get(product.address, "/api/v1/monitors?limit=100").await?;
        anyhow::ensure!(status == 200, "the list of monitors answers {status}");
        let time = product.since_start.elapsed().saturating_sub(begun);
        took.push(time.as_secs_f64() * 1e3);
    }
    Ok(took)
}

async fn checked(product: &mut Product, within: Duration, count: f64) -> anyhow::Result<Duration> {
    watch(product, within, |metrics| metrics.is_some_and(|metrics| metrics.checks().0 >= count))
        .await
}

/// Time from the start until `/metrics` says so, looked at ever more rarely, because with many
/// monitors the looking costs the product much.
async fn watch(
    product: &mut Product,
    within: Duration,
    holds: impl Fn(Option<&Metrics>) -> bool,
) -> anyhow::Result<Duration> {
    loop {
        anyhow::ensure!(product.process.is_running(), "the product ended; see its log");
        let asked = product.since_start.elapsed();
        let metrics = product.metrics().await.ok();
        let took = product.since_start.elapsed().saturating_sub(asked);
        let at =
            metrics.as_ref().map_or_else(|| product.since_start.elapsed(), |metrics| metrics.at);
        if holds(metrics.as_ref()) {
            return Ok(at);
        }
        anyhow::ensure!(at < within, "not after {within:?}");
        let pause = if at < Duration::from_secs(3) { 20 } else { 500 };
        tokio::time::sleep(Duration::from_millis(pause).max(took * 4)).await;
    }
}
