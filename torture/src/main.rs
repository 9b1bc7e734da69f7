//! The torture run (`cargo xtask torture`): starts the built program with every type of check and
//! provider against real or contract-enforcing servers, injects faults, kills it again and again,
//! and compares what receivers got, what the store says and what was injected.

#![expect(clippy::panic, reason = "a target that cannot be made ends the run")]
#![expect(clippy::print_stdout, reason = "the report is for whoever started the run")]

mod campaign;
mod director;
mod documents;
mod evidence;
mod judge;
mod product;
mod random;
mod receiver;
mod stored;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "torture", about = "Tortures the product")]
struct Arguments {
    /// How often it is killed.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// No life begins after so many minutes.
    #[arg(long, default_value_t = 12)]
    minutes: u64,
    /// Where random numbers begin; drawn and printed if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Keep the folder with log, database and evidence although all is well.
    #[arg(long)]
    keep: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| kuma_fixture::wait::now_ms().unsigned_abs());
    println!("seed {seed}");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let folder = tempfile::Builder::new().prefix("kubekuma-torture-").tempdir()?;
    let length = campaign::Length {
        kills: arguments.kills,
        at_most: Duration::from_secs(60 * arguments.minutes),
    };
    let ran = campaign::run(runtime.handle(), &program()?, folder.path(), length, seed);
    runtime.shutdown_background();
    let evidence = match ran {
        Ok(evidence) => evidence,
        Err(error) => {
            println!("what is left is in {}", folder.keep().display());
            return Err(error);
        }
    };
    println!("{:#}", campaign::figures(&evidence));
    let violations = judge::judge(&evidence);
    for violation in &violations {
        println!("{:?}: {}", violation.kind, violation.text);
    }
    println!("{} violations", violations.len());
    if !violations.is_empty() || arguments.keep {
        let folder = folder.keep();
        let text = serde_json::to_string_pretty(&evidence)?;
        std::fs::write(folder.join("evidence.json"), text)?;
        println!("log, database and evidence are in {}", folder.display());
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program that was built beside this one.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.with_file_name("kubekuma");
    anyhow::ensure!(program.exists(), "build it first: `cargo build -p kubekuma`");
    program.canonicalize().context("the built program")
}
