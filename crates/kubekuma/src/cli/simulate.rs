//! `kubekuma simulate`: the same engine over stored history, with the policies of a folder. It
//! never sends and never writes.

mod history;
mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use kuma_core::catalog::Catalog;
use kuma_core::engine;
use kuma_core::ports::Store;
use kuma_core::shard::ShardSet;
use kuma_core::time::{Clock, Timestamp, minus, plus};
use kuma_store::SqliteStore;

use super::store::Database;
use super::{OutputFormat, Shared, output};
use crate::clock::SystemClock;
use crate::source::review;
use history::Heard;
use report::Simulation;

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

pub(crate) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let now = SystemClock::start().now().wall;
    let simulation = super::runtime()?.block_on(simulate(&shared.namespace, arguments, now))?;
    let colour = shared.color.on_stdout();
    output::show(arguments.output, &simulation, |simulation| report::render(simulation, colour))?;
    Ok(ExitCode::SUCCESS)
}

async fn simulate(
    namespace: &str,
    arguments: &Arguments,
    now: Timestamp,
) -> anyhow::Result<Simulation> {
    let config = &arguments.config;
    ensure!(
        config.exists(),
        "there is no folder or file {}; name the one that holds your YAML",
        config.display()
    );
    let store = arguments.database.open_file().await?;
    let known = store.names().await?.into_iter().map(|(id, name)| (name, id)).collect();
    let reviewed = review::load_with(std::slice::from_ref(config), namespace, &known);
    let catalog = Arc::new(reviewed.catalog);
    if catalog.monitors.is_empty() {
        bail!("{} holds no monitor; `kubekuma validate` says why", config.display());
    }
    let from = minus(now, Duration::from_secs(u64::from(arguments.hours) * 3600));
    // Time stands still where history ends: what was never recorded is no silence of a target.
    let newest =
        store.last_results(ShardSet::ALL).await?.into_iter().map(|last| last.heartbeat.at).max();
    let until = newest.map_or(now, |newest| newest.min(now));
    let (replay, heard) = play(store, &catalog, from, until).await?;
    if heard.results == 0 {
        bail!("{}", no_history(arguments, &catalog, newest)?);
    }
    Ok(Simulation::new(&catalog, replay, &heard, until, reviewed.report.errors))
}

/// Plays the stored results of the catalog's monitors. They are read page by page beside the
/// replay, so that memory does not grow with the span.
async fn play(
    store: SqliteStore,
    catalog: &Arc<Catalog>,
    from: Timestamp,
    until: Timestamp,
) -> anyhow::Result<(engine::Replay, Heard)> {
    let (feed, results) = history::channel();
    let engine = catalog.clone();
    let replay = tokio::task::spawn_blocking(move || engine::replay(&engine, results, until));
    // The end of the span belongs to it.
    let to = plus(until, Duration::from_millis(1));
    let heard = feed.run(&store, catalog, from, to).await;
    let replay = replay.await.context("the replay did not end well")?;
    Ok((replay, heard?))
}

fn no_history(
    arguments: &Arguments,
    catalog: &Catalog,
    newest: Option<Timestamp>,
) -> anyhow::Result<String> {
    let path = arguments.database.path()?;
    let names: Vec<_> = catalog.monitors.keys().take(5).map(ToString::to_string).collect();
    let more = if catalog.monitors.len() > names.len() { ", …" } else { "" };
    let advice = match newest {
        None => "it holds no results at all: let `kubekuma serve` run for a while first".to_owned(),
        Some(newest) => format!(
            "its newest result is of {newest:.0}: look further back with --hours, or name the folder and database that `kubekuma serve` uses"
        ),
    };
    Ok(format!(
        "{} has no results of {}{more} in the last {} h; {advice}",
        path.display(),
        names.join(", "),
        arguments.hours
    ))
}
