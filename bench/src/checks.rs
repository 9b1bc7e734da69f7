//! Stored HTTP checks per CPU-second of the product at a stated rate, beside blackbox_exporter
//! and the bare limit.

use std::path::Path;
use std::time::Duration;

use crate::load::Load;
use crate::report::Report;
use crate::target::Target;
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

pub(crate) async fn measure(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let target = Target::start(scratch.path()).await?;
    let mut report = Report::default();
    for (tls, monitors) in [(false, arguments.monitors), (true, arguments.https_monitors)] {
        if monitors == 0 {
            continue;
        }
        let prefix = if tls { "checks.https" } else { "checks.http" };
        let load = Load { prefix, tls, monitors, seconds: arguments.seconds };
        load.run(binary, &target, scratch.path(), &mut report).await?;
        if !arguments.only_ours {
            let window = Duration::from_secs(arguments.seconds);
            peer::measure(scratch.path(), &target, tls, window, &mut report).await?;
            bare::measure(&target, tls, arguments.seconds.min(8), &mut report)?;
        }
    }
    Ok(report)
}
