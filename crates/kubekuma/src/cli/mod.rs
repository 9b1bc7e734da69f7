//! The commands. Each has its file; this one holds what they share.

mod check;
mod completions;
mod crds;
mod db;
mod demo;
mod import;
mod incidents;
mod output;
mod plugin;
mod reference;
mod serve;
mod simulate;
mod status;
mod store;
mod validate;

use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::logging::{LogFormat, LogLevel};
use crate::terminal::paint::ColorChoice;
pub use output::OutputFormat;

/// Watches services and tells people.
///
/// Every setting is a typed object: YAML in a folder, or custom resources on Kubernetes.
/// Start with `kubekuma serve examples/quickstart --demo`, then write your own folder and check
/// it with `kubekuma validate FOLDER`.
#[derive(Debug, Parser)]
#[command(name = "kubekuma", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Shared {
    /// Colours in tables and messages.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) color: ColorChoice,
    /// Least severe log lines shown.
    #[arg(long, env = "LOG_LEVEL", value_enum, default_value = "info", global = true)]
    pub(crate) log_level: LogLevel,
    /// Shape of log lines; default: pretty on a terminal, else json.
    #[arg(long, env = "LOG_FORMAT", value_enum, global = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// Set to `development` for pretty log lines.
    #[arg(long, env = "NODE_ENV", hide = true, global = true)]
    pub(crate) node_env: Option<String>,
    /// Namespace of objects that name none, and the one KubeKuma's own Secrets live in.
    #[arg(long = "namespace", env = "KUBE_NAMESPACE", default_value = "kubekuma", global = true)]
    pub(crate) namespace: String,
}

impl Shared {
    /// The shape of log lines, `NODE_ENV` considered.
    pub(crate) fn log_format(&self) -> Option<LogFormat> {
        self.log_format.or_else(|| {
            (self.node_env.as_deref() == Some("development")).then_some(LogFormat::Pretty)
        })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the monitor on a folder of YAML.
    Serve(serve::Arguments),
    /// Check files and folders and report every error at once.
    Validate(validate::Arguments),
    /// Run a monitor's check once and show what it saw.
    Check(check::Arguments),
    /// Print the custom resource definitions.
    Crds(crds::Arguments),
    /// Show who would have been told, from stored history and a folder's policies.
    Simulate(simulate::Arguments),
    /// List incidents from the database.
    Incidents(incidents::Arguments),
    /// List monitors and their states from the database.
    Status(status::Arguments),
    /// Bring configuration and history from Uptime Kuma, Gatus or blackbox_exporter.
    Import(import::Arguments),
    /// Look after the database.
    Db(db::Arguments),
    /// Run something to watch and somebody to tell, on this machine.
    Demo(demo::Arguments),
    /// Write the generated reference.
    #[command(hide = true)]
    Reference(reference::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
}

/// Parses the arguments and runs the command. Under the name of a kubectl plugin it is one.
pub fn main() -> ExitCode {
    if let Some(role) = plugin::Role::of(std::env::args_os().next().as_deref()) {
        return plugin::main(role);
    }
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(arguments) => serve::run(&cli.shared, arguments),
        Command::Validate(arguments) => validate::run(&cli.shared, &arguments),
        Command::Check(arguments) => check::run(&cli.shared, &arguments),
        Command::Crds(arguments) => crds::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&cli.shared, &arguments),
        Command::Incidents(arguments) => incidents::run(&cli.shared, &arguments),
        Command::Status(arguments) => status::run(&cli.shared, &arguments),
        Command::Import(arguments) => import::run(&cli.shared, &arguments),
        Command::Db(arguments) => db::run(&arguments),
        Command::Demo(arguments) => demo::run(&cli.shared, &arguments),
        Command::Reference(arguments) => reference::run(&arguments),
        Command::Completions(arguments) => {
            completions::run(&arguments, Cli::command());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        output::failure(&error);
        ExitCode::FAILURE
    })
}

/// Most threads that the runtime gets by itself.
const MAX_THREADS: usize = 4;

/// A runtime for commands that need one, with a thread for every two cores: a check is mostly
/// waiting and system calls, one thread does more than ten thousand of them a second, and each
/// further one costs wake-ups across cores. `TOKIO_WORKER_THREADS` asks for another number.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        builder.worker_threads((cores / 2).clamp(1, MAX_THREADS));
    }
    Ok(builder.enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
