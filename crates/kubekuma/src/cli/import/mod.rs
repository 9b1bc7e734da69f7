//! `kubekuma import uptime-kuma|gatus|blackbox`: brings configuration, and for Uptime Kuma history,
//! from other monitors. What is written is YAML to look at, never something that is in force yet.

mod files;
mod history;
mod kuma_db;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use kuma_import::{Imported, Report, read_yaml};
use serde_json::Value;

use super::store::Database;
use super::{OutputFormat, Shared, output};

/// Exit code when everything was written but something could not be carried over.
const WITH_LOSSES: u8 = 3;
/// Largest file of configuration that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 8 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// From Uptime Kuma's database, versions 1.23 and 2. It is only read; a copy is as good.
    ///
    /// Exit code 0 if everything was carried over, 3 if the report names something that was not,
    /// 1 if nothing could be read or written.
    UptimeKuma {
        /// `kuma.db`, from Uptime Kuma's data folder.
        file: PathBuf,
        /// Bring results, time line and incidents into our database too. Import again to add
        /// what is new; nothing is added twice. `serve` must be stopped meanwhile.
        #[arg(long)]
        history: bool,
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        target: Target,
    },
    /// From Gatus' configuration; later files add to earlier ones.
    ///
    /// Exit codes as of `import uptime-kuma`.
    Gatus {
        /// `config.yaml`.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// From blackbox_exporter's modules, and from Prometheus' scrape configurations or the
    /// operator's Probe resources that use them.
    ///
    /// Exit codes as of `import uptime-kuma`.
    Blackbox {
        /// `blackbox.yml`, `prometheus.yml`, files with Probe resources; in any number and order.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
}

/// Where to, and how it is told.
#[derive(Debug, clap::Args)]
struct Target {
    /// Folder to write into; made if it is not there.
    #[arg(long, default_value = "imported")]
    out: PathBuf,
    /// Replace files that an earlier import wrote there.
    #[arg(long)]
    force: bool,
    /// Shape of the report.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
}

pub(crate) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let namespace = shared.namespace.as_str();
    match &arguments.command {
        Command::Gatus { files, target } => {
            finish(&kuma_import::gatus::import(&documents(files)?, namespace), target, None)
        }
        Command::Blackbox { files, target } => {
            finish(&kuma_import::blackbox::import(&documents(files)?, namespace), target, None)
        }
        Command::UptimeKuma { file, history, database, target } => {
            super::runtime()?.block_on(async {
                let mut source = kuma_db::KumaDb::open(file).await?;
                let dump = source.dump().await?;
                let from = kuma_import::uptime_kuma::import(&dump, namespace);
                files::check(&from.imported, &target.out, target.force)?;
                let told = if *history {
                    Some(history::carry(&mut source, database, &from.monitors).await?)
                } else {
                    None
                };
                finish(&from.imported, target, told)
            })
        }
    }
}

/// Reads files of YAML.
fn documents(paths: &[PathBuf]) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for path in paths {
        let shown = path.display();
        let size =
            std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?.len();
        anyhow::ensure!(
            size <= MAX_CONFIG_BYTES,
            "{shown} has {size} bytes; more than {MAX_CONFIG_BYTES} are not read"
        );
        let bytes = std::fs::read(path).with_context(|| format!("{shown} cannot be read"))?;
        let documents = read_yaml(&bytes).with_context(|| format!("{shown} is no YAML"))?;
        anyhow::ensure!(
            documents.iter().any(Value::is_object),
            "{shown} holds no configuration: there is no field at its top"
        );
        all.extend(documents);
    }
    Ok(all)
}

fn finish(
    imported: &Imported,
    target: &Target,
    history: Option<String>,
) -> anyhow::Result<ExitCode> {
    let report = &imported.report;
    let mut text = report.render();
    if let Some(told) = history {
        text.push_str("\n## History\n\n");
        text.push_str(&told);
    }
    files::write(imported, &target.out, target.force, &text)?;
    output::show(target.output, report, |_: &Report| with_next(&text, &target.out, imported))?;
    Ok(if report.has_losses() { ExitCode::from(WITH_LOSSES) } else { ExitCode::SUCCESS })
}

fn with_next(text: &str, out: &Path, imported: &Imported) -> String {
    if imported.files.is_empty() {
        return text.to_owned();
    }
    let out = out.display();
    format!(
        "{text}\nThe files are in {out}; this report is {out}/{}. Look at them, then:\n\
         \n  kubekuma validate {out}\n  kubekuma serve {out}\n",
        files::REPORT
    )
}
