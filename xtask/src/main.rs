//! Every command that a contributor needs: `cargo xtask --help`.

mod bench;
mod cache;
mod ci;
mod control_plane;
mod failures;
mod fuzz;
mod generate;
mod image;
mod licences;
mod links;
mod run;
mod test;
mod tidy;
mod torture;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Commands for contributors")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all tests; sets up the servers and the control plane that they talk to.
    Test {
        /// Passed on to `cargo test`, for example `-p kuma-core schedule`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the real control plane that the cluster tests run on, if it is not there yet, and say
    /// where it is.
    ControlPlane,
    /// Write everything that is generated: CRDs, reference pages.
    Generate {
        /// Write nothing; fail if something is stale.
        #[arg(long)]
        check: bool,
    },
    /// Look for what the compiler does not see: headers, sizes, orphans, stray paths.
    Tidy,
    /// Check licences, sources and banned crates of all dependencies against deny.toml.
    Licences,
    /// Measure: see `docs/performance.md`.
    Bench {
        /// Passed on to the bench program, for example `ingest`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Kill the product again and again while everything around it misbehaves, and compare what
    /// was injected, received and stored.
    Torture {
        /// Passed on to the torture program, for example `--kills 20 --seed 1`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Drive every parser of bytes from outside by coverage, from the seeds in fuzz/seeds.
    Fuzz(fuzz::Arguments),
    /// Build the image, and run it in a Docker engine of its own.
    Image,
    /// Everything that must hold before a change lands, with the seconds of each step.
    Ci,
}

#[expect(clippy::print_stderr, reason = "the person who called reads it")]
fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Test { arguments } => test::run(&arguments),
        Command::ControlPlane => control_plane::run(),
        Command::Image => image::run(),
        Command::Generate { check } => generate::run(check),
        Command::Tidy => tidy::run(),
        Command::Licences => licences::run(),
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Torture { arguments } => torture::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Ci => ci::run(),
    }
}
