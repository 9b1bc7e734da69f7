//! One target in a network of its own, in which ports that were used a moment ago are not used
//! again: whoever leaves `TIME_WAIT` behind runs out of them after 28,000 checks.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::Value;

use crate::load::Load;
use crate::report::Report;
use crate::target::Target;

/// What the command inside prints its figures behind.
const MARK: &str = "figures ";
/// Makes the namespace usable, then becomes the program.
const INSIDE: &str =
    "ip link set lo up && sysctl -q -w net.ipv4.tcp_tw_reuse=0 && exec \"$0\" \"$@\"";

/// One target without `tcp_tw_reuse`, in a network namespace (needs root).
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Checks a second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// Seconds that are measured, after a warm-up; in 20 s the ports would be used up.
    #[arg(long, default_value_t = 25)]
    seconds: u64,
    /// Set by the command itself within the namespace.
    #[arg(long, hide = true)]
    inside: bool,
}

pub(crate) async fn measure(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    if arguments.inside { inside(arguments, binary).await } else { outside(arguments, binary) }
}

fn outside(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let output = Command::new("unshare")
        .args(["--net", "sh", "-c", INSIDE])
        .arg(std::env::current_exe()?)
        .args(["ports", "--inside", "--rate", &arguments.rate.to_string()])
        .args(["--seconds", &arguments.seconds.to_string()])
        .arg("--binary")
        .arg(binary)
        .stderr(Stdio::inherit())
        .output()
        .context("unshare cannot be run")?;
    anyhow::ensure!(output.status.success(), "no network namespace (needs root), or it failed");
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| line.strip_prefix(MARK)).context("no figures")?;
    let figures: Value = serde_json::from_str(figures)?;
    let value = |name: &str| figures[format!("ports.{name}")]["value"].as_f64().unwrap_or(f64::NAN);
    let mut report = Report::default();
    report.note("ports.asked", f64::from(arguments.rate), "checks/s");
    report.high("ports.rate", value("rate"), "checks/s");
    report.low("ports.failed", value("failed"), "checks");
    report.low("ports.skippedStarts", value("skippedStarts"), "starts");
    Ok(report)
}

async fn inside(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let target = Target::start(scratch.path()).await?;
    let mut report = Report::default();
    let load =
        Load { prefix: "ports", tls: false, monitors: arguments.rate, seconds: arguments.seconds };
    load.run(binary, &target, scratch.path(), &mut report).await?;
    println!("{MARK}{}", report.json());
    Ok(report)
}
