//! The highest rate: more checks are asked for than the machine may be able to make.

use std::path::Path;

use crate::load::Load;
use crate::report::Report;
use crate::target::Target;

/// What is done of a high rate.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Checks a second asked for.
    #[arg(long, default_value_t = 12_000)]
    rate: u32,
    /// Seconds that are measured, after a warm-up.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

pub(crate) async fn measure(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let target = Target::start(scratch.path()).await?;
    let mut report = Report::default();
    let load = Load {
        prefix: "sustained",
        tls: false,
        monitors: arguments.rate,
        seconds: arguments.seconds,
    };
    load.run(binary, &target, scratch.path(), &mut report).await?;
    Ok(report)
}
