//! `kubekuma simulate`: the same engine over stored history, with the policies of a folder. It
//! never sends and never writes.

use std::path::PathBuf;
use std::process::ExitCode;

use super::store::Database;
use super::{OutputFormat, Shared};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder whose monitors and policies are tried.
    #[arg(env = "KUBEKUMA_CONFIG")]
    config: PathBuf,
    /// How far back, in hours.
    #[arg(long, default_value_t = 24)]
    hours: u32,
    /// Shape of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
    #[command(flatten)]
    database: Database,
}

pub(crate) fn run(_shared: &Shared, _arguments: &Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
