//! The product as a process of its own, and what its `/metrics` say.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::SystemClock;
use crate::http;
use crate::process::Process;
use crate::target::free_address;

/// A running `kubekuma serve`.
pub(crate) struct Product {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) database: PathBuf,
    /// Runs since the process was started.
    pub(crate) since_start: SystemClock,
}

impl Product {
    /// Starts it on a folder; its database and log are put beside the folder.
    pub(crate) fn start(binary: &Path, config: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            binary.exists(),
            "there is no {}; build it with `cargo build --release -p kubekuma`",
            binary.display()
        );
        let address = free_address()?;
        let database = config.with_extension("db");
        let log = File::create(config.with_extension("log"))?;
        let since_start = SystemClock::start();
        let process = Process::start(
            Command::new(binary)
                .args(["--log-level", "warn", "serve"])
                .arg(config)
                .arg("--database")
                .arg(format!("sqlite:{}", database.display()))
                .args(["--no-table", "--port", &address.port().to_string()])
                .stderr(log),
        )?;
        Ok(Self { process, address, database, since_start })
    }

    /// Waits until it answers with 200 on `/ready`.
    pub(crate) async fn ready(&mut self, within: Duration) -> anyhow::Result<()> {
        let address = self.address;
        let process = &mut self.process;
        let deadline = tokio::time::Instant::now() + within;
        loop {
            anyhow::ensure!(process.is_running(), "the product ended; see its log");
            if let Ok((200, _)) = http::get(address, "/ready").await {
                return Ok(());
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "not ready after {within:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Reads `/metrics`.
    pub(crate) async fn metrics(&self) -> anyhow::Result<Metrics> {
        let (status, body) = http::get(self.address, "/metrics").await?;
        anyhow::ensure!(status == 200, "/metrics answers {status}");
        let at = self.since_start.elapsed();
        Ok(Metrics { text: String::from_utf8(body.to_vec()).context("no text")?, at })
    }
}

/// What `/metrics` said, and when (since the start).
pub(crate) struct Metrics {
    text: String,
    pub(crate) at: Duration,
}

impl Metrics {
    /// What a page of metrics says.
    pub(crate) const fn of(text: String, at: Duration) -> Self {
        Self { text, at }
    }

    /// The sum of all series of `kubekuma_<name>` whose labels contain `label`.
    pub(crate) fn sum(&self, name: &str, label: &str) -> f64 {
        self.series(name).filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value).sum()
    }

    fn series(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix("kubekuma_")?.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let exact = labels.is_empty() || labels.starts_with('{');
            exact.then(|| Some((labels, value.parse().ok()?)))?
        })
    }

    /// Attempts by result: all, and those that were no success.
    pub(crate) fn checks(&self) -> (f64, f64) {
        let all = self.sum("checks_total", "");
        (all, all - self.sum("checks_total", "result=\"success\""))
    }

    /// The smallest bound in milliseconds under which `share` of the starts since `earlier` are;
    /// infinite when the largest bound is not enough.
    pub(crate) fn lateness_ms(&self, earlier: &Self, share: f64) -> f64 {
        let starts = |metrics: &Self| metrics.sum("scheduler_starts_total", "");
        let wanted = (starts(self) - starts(earlier)) * share;
        let mut bounds: Vec<(f64, f64)> = self
            .series("scheduler_starts_within_total")
            .filter_map(|(labels, count)| {
                let bound = labels.split('"').nth(1)?.parse().ok()?;
                Some((bound, count - earlier.sum("scheduler_starts_within_total", labels)))
            })
            .collect();
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        bounds
            .into_iter()
            .find(|(_, count)| *count >= wanted)
            .map_or(f64::INFINITY, |(bound, _)| bound)
    }
}
