//! A load of checks once a second each: what it costs, what failed, how late it was.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::folder::{self, Monitors};
use crate::product::{Metrics, Product};
use crate::report::Report;
use crate::target::{Target, until};

/// Time before measuring begins, once every monitor was checked.
const WARM_UP: Duration = Duration::from_secs(4);

/// What is asked of the product.
pub(crate) struct Load<'a> {
    /// What the names of the figures begin with.
    pub(crate) prefix: &'a str,
    /// Over HTTPS.
    pub(crate) tls: bool,
    /// Monitors, each checked once a second.
    pub(crate) monitors: u32,
    /// How long is measured.
    pub(crate) seconds: u64,
}

impl Load<'_> {
    /// Runs the product under it.
    pub(crate) async fn run(
        &self,
        binary: &Path,
        target: &Target,
        scratch: &Path,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let product = self.start(binary, target, scratch).await?;
        let first = product.metrics().await?;
        // What the reading of metrics costs shall not be counted.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = product.since_start.elapsed();
        let cpu = product.process.cpu()?;
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        let used = product.process.cpu()?.since(cpu);
        let lasted = product.since_start.elapsed().saturating_sub(begun).as_secs_f64();
        let (memory, most_memory) = product.process.memory()?;
        let last = product.metrics().await?;
        let between = last.at.saturating_sub(first.at).as_secs_f64();
        let rate = (last.checks().0 - first.checks().0) / between;
        let mut add = |name: &str, value, unit| {
            report.low(format!("{}.{name}", self.prefix), value, unit);
        };
        add("failed", last.checks().1 - first.checks().1, "checks");
        add("memory", memory, "MiB");
        add("memoryMost", most_memory, "MiB");
        add("latenessP99", last.lateness_ms(&first, 0.99), "ms, at most");
        let skipped = |metrics: &Metrics| metrics.sum("scheduler_skipped_starts_total", "");
        add("skippedStarts", skipped(&last) - skipped(&first), "starts");
        let prefix = self.prefix;
        report.note(format!("{prefix}.asked"), f64::from(self.monitors), "checks/s");
        report.high(format!("{prefix}.rate"), rate, "checks/s");
        let per_cpu_second = rate * lasted / used.total();
        report.high(format!("{prefix}.perCpuSecond"), per_cpu_second, "checks/CPU-s");
        report.note(format!("{prefix}.userShare"), used.user / used.total() * 100.0, "%");
        stored(product, prefix, report).await
    }

    /// Starts the product and waits until every monitor was checked and some time has passed.
    async fn start(
        &self,
        binary: &Path,
        target: &Target,
        scratch: &Path,
    ) -> anyhow::Result<Product> {
        let config = scratch.join(self.prefix.replace('.', "-"));
        let url = |_| {
            if self.tls {
                format!("https://{}/", target.tls)
            } else {
                format!("http://{}/", target.plain)
            }
        };
        let ca = self.tls.then_some(target.ca_pem.as_path());
        let monitors = self.monitors;
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
        Ok(product)
    }
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
async fn rows(path: &Path) -> anyhow::Result<f64> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM beat").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(rows as f64)
}
