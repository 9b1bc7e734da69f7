//! `kubekuma db check|vacuum|backup`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Subcommand;
use kuma_store::{SqliteOptions, SqliteStore};

use super::output;
use super::store::Database;
use crate::clock::SystemClock;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look for damage; works beside a running `serve`. Exit code 1 if there is any.
    Check,
    /// Give unused space back to the disk; `serve` must be stopped.
    Vacuum,
    /// Copy the database while it is in use.
    Backup {
        /// The file to write; must not exist.
        to: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(async {
        let path = arguments.database.path()?;
        match &arguments.command {
            Command::Check => check(arguments).await,
            Command::Vacuum => {
                let before = std::fs::metadata(&path).map_or(0, |found| found.len());
                let store = open(path.clone()).await?;
                store.vacuum().await?;
                kuma_core::ports::Store::close(&store).await?;
                let after = std::fs::metadata(&path).map_or(0, |found| found.len());
                output::print(&format!(
                    "{}: {before} bytes before, {after} after\n",
                    path.display()
                ))?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Backup { to } => {
                if to.exists() {
                    bail!("{} exists already; name a new file", to.display());
                }
                arguments.database.open_file().await?.backup(to).await?;
                output::print(&format!("{} is a copy of {}\n", to.display(), path.display()))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

async fn check(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let found = arguments.database.open_file().await?.check().await?;
    let version = format!("schema {}, written by version {}", found.schema, found.product_version);
    if found.problems.is_empty() {
        output::print(&format!(
            "no damage found; {} sealed results in {} chunks; {version}\n",
            found.heartbeats, found.chunks
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&format!("damaged; {version}\n  {}\n", found.problems.join("\n  ")))?;
    Ok(ExitCode::FAILURE)
}

async fn open(path: PathBuf) -> anyhow::Result<SqliteStore> {
    if !path.exists() {
        bail!("there is no database at {}; name it with --database", path.display());
    }
    let options = SqliteOptions {
        path: path.clone(),
        clock: Arc::new(SystemClock::start()),
        product_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    SqliteStore::open(options).await.with_context(|| format!("{} cannot be opened", path.display()))
}
