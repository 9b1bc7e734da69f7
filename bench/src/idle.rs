//! The product with nothing to do: its memory, and the size of its program.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::product::Product;
use crate::report::Report;

/// Memory of an idle process and size of the program.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Seconds that it idles.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

pub(crate) async fn measure(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let config = scratch.path().join("empty");
    fs::create_dir(&config)?;
    let mut product = Product::start(binary, &config)?;
    product.ready(Duration::from_secs(20)).await?;
    let ready = product.since_start.elapsed();
    let cpu = product.process.cpu()?;
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    let used = product.process.cpu()?.since(cpu).total();
    let memory = product.process.memory()?.0;
    let stopped = product.process.stop();
    let stripped = scratch.path().join("kubekuma");
    // The release profile strips; what was built with symbols is stripped here.
    Command::new("strip").arg("-o").arg(&stripped).arg(binary).status()?;
    let size = fs::metadata(&stripped)?.len() as f64 / 1024.0 / 1024.0;

    let mut report = Report::default();
    report.low("idle.memory", memory, "MiB");
    report.low("idle.coreShare", used / arguments.seconds as f64 * 100.0, "% of a core");
    report.low("idle.ready", ready.as_secs_f64(), "s");
    report.low("idle.stop", stopped.as_secs_f64(), "s");
    report.low("idle.binary", size, "MiB");
    Ok(report)
}
