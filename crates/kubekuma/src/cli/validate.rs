//! `kubekuma validate PATH…`: every error at once, exit code 1 if there is one.

use std::path::PathBuf;
use std::process::ExitCode;

use kuma_api::read::Finding;
use kuma_api::report::Report;

use super::{OutputFormat, Shared, output};
use crate::source::review;
use crate::terminal::paint::ColorChoice;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files and folders; folders are read with everything below them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Shape of the report.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
    /// Only errors, no warnings.
    #[arg(long)]
    quiet: bool,
}

pub(crate) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    report(&shared.namespace, shared.color, arguments)
}

/// The same for `kubectl kuma validate`.
pub(super) fn report(
    namespace: &str,
    color: ColorChoice,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let mut report = review::review(&arguments.paths, namespace);
    if arguments.quiet {
        report.findings.retain(Finding::is_error);
    }
    let failed = report.has_errors();
    let colour = color.on_stdout();
    output::show(arguments.output, &report, |report: &Report| report.render(colour))?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
