//! `kubectl kuma …`: this program under the name `kubectl-kuma`, as kubectl finds its plugins. It
//! asks the API server with the rights of whoever calls it; KubeKuma itself is not asked.

mod check;
mod cluster;
mod complete;
mod incidents;
mod monitors;
mod silence;
mod status;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use super::{OutputFormat, output, validate};
use crate::terminal::paint::ColorChoice;

/// Namespace of KubeKuma itself where nobody says otherwise.
const SYSTEM_NAMESPACE: &str = "kubekuma";

/// What a name of the program asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `kubectl-kuma`: the plugin.
    Plugin,
    /// `kubectl_complete-kuma`: completions for it, as kubectl asks for them.
    Completion,
}

impl Role {
    /// The role of a name; none is the program as it usually is.
    pub(super) fn of(program: Option<&OsStr>) -> Option<Self> {
        match Path::new(program?).file_stem()?.to_str()? {
            "kubectl-kuma" => Some(Self::Plugin),
            "kubectl_complete-kuma" => Some(Self::Completion),
            _ => None,
        }
    }
}

/// What KubeKuma watches in this cluster: states, incidents, silences.
///
/// Reads and writes KubeKuma's objects with your own rights; whoever may view a namespace sees its
/// monitors. `kubectl get monitors` shows the same without this plugin.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-kuma",
    bin_name = "kubectl kuma",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Plugin {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
struct Shared {
    /// The namespace; default: that of the context.
    #[arg(short, long, global = true)]
    namespace: Option<String>,
    /// The context of the kubeconfig; default: its current one.
    #[arg(long, global = true)]
    context: Option<String>,
    /// The kubeconfig; default: what KUBECONFIG names, else ~/.kube/config.
    #[arg(long, value_name = "FILE", global = true)]
    kubeconfig: Option<PathBuf>,
    /// Colours in tables and messages.
    #[arg(long, value_enum, default_value_t, global = true)]
    color: ColorChoice,
}

/// What lists take.
#[derive(Debug, Clone, Args)]
struct Listing {
    /// Of all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Shape of the list.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List monitors and their states, items of sets included.
    #[command(visible_alias = "monitors")]
    Status(status::Arguments),
    /// List monitors that are down or flapping, and why.
    Incidents(incidents::Arguments),
    /// Run a monitor's check once, from this machine, and show what it saw.
    Check(check::Arguments),
    /// Keep messages about monitors back for a while; list and end silences.
    Silence(silence::Arguments),
    /// Check files and folders and report every error at once.
    Validate(validate::Arguments),
}

/// Runs as `kubectl-kuma` or `kubectl_complete-kuma`.
pub(super) fn main(role: Role) -> ExitCode {
    let result = match role {
        Role::Plugin => run(Plugin::parse()),
        Role::Completion => {
            let words: Vec<_> = std::env::args().skip(1).collect();
            output::print(&complete::answer(command(), &words)).map(|()| ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        output::failure(&error);
        ExitCode::FAILURE
    })
}

fn run(Plugin { shared, command }: Plugin) -> anyhow::Result<ExitCode> {
    match command {
        Command::Status(arguments) => status::run(&shared, &arguments),
        Command::Incidents(arguments) => incidents::run(&shared, &arguments),
        Command::Check(arguments) => check::run(&shared, &arguments),
        Command::Silence(arguments) => silence::run(&shared, arguments),
        Command::Validate(arguments) => {
            let namespace = shared.namespace.as_deref().unwrap_or(SYSTEM_NAMESPACE);
            validate::report(namespace, shared.color, &arguments)
        }
    }
}

/// The plugin's command line, for its reference and its completions.
pub(super) fn command() -> clap::Command {
    Plugin::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_name_of_the_program_decides() {
        let role = |name: &str| Role::of(Some(OsStr::new(name)));
        assert_eq!(role("/usr/local/bin/kubectl-kuma"), Some(Role::Plugin));
        assert_eq!(role("kubectl-kuma.exe"), Some(Role::Plugin));
        assert_eq!(role("kubectl_complete-kuma"), Some(Role::Completion));
        assert_eq!((role("kubekuma"), Role::of(None)), (None, None));
    }
}
